"""Buttons, sliders and keys: playing, driving and teaching. Every key has a button beside it."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import viser

from loci.agents.viewer import snippets
from loci.agents.viewer.desk import Desk
from loci.agents.viewer.player import SPEEDS, Player, Shown
from loci.agents.viewer.session import DRIVERS

Key = Literal["arrowup", "arrowdown", "arrowleft", "arrowright", "enter", "space", "B", "G", "H", "M", "N", "R"]
SIGNS: dict[Key, str] = {"arrowup": "↑", "arrowdown": "↓", "arrowleft": "←", "arrowright": "→", "enter": "⏎"}
"""The keys of five actions, and what stands for them on the buttons."""
MEANT: dict[str, Key] = {
    "forward": "arrowup",
    "back": "arrowdown",
    "turn around": "arrowdown",
    "left": "arrowleft",
    "turn left": "arrowleft",
    "right": "arrowright",
    "turn right": "arrowright",
}
"""Names of actions that say which key is theirs."""
DRAG = 0.6
"""Seconds after a visitor moved the slider in which the page leaves it alone."""
BACK, PLAY, STEP = "◀ back", "play / pause", "step ▶"
SAYINGS = ("this is a dax", "this is a wug", "this is a zoop")
TASKS = ("pick up the dax", "pick up the wug", "pick up the zoop")


class Playback:
    """Playing and stepping, the history, the driver and the memory's switch."""

    def __init__(self, desk: Desk, player: Player) -> None:
        self.desk, self.player, self._dragged = desk, player, 0.0
        gui, when = desk.gui, desk.when
        buttons = gui.add_button_group("play", (BACK, PLAY, STEP))
        buttons.on_click(when(lambda target: self._press(target.value)))
        last = player.shown.last
        self.slider = gui.add_slider("step", 0, max(last, 1), 1, player.shown.at)
        self.slider.on_update(when(lambda target: self._seek(int(target.value))))
        self._keys(desk, player)

    def show(self, shown: Shown) -> None:
        if time.monotonic() - self._dragged > DRAG:
            self.slider.max = max(shown.last, 1)
            _put(self.slider, shown.at)
        if self.player.live:
            self.go_on.disabled = shown.at == shown.last
            _put(self.memory, self.player.session.memory_on)
            _put(self.driver, self.player.session.driver)

    def pace(self, desk: Desk, player: Player) -> None:
        """How fast it plays."""
        speed = desk.gui.add_slider("steps / s", SPEEDS[0], SPEEDS[1], 0.5, player.speed)
        speed.on_update(desk.when(lambda target: setattr(player, "speed", float(target.value))))

    def choices(self, desk: Desk, player: Player) -> None:
        """Who drives, from which step on, whether the memory is on, and which episode."""
        gui, when = desk.gui, desk.when
        self.go_on = gui.add_button(
            "go on from the step shown", icon=viser.Icon.ARROW_FORK, hint="forget the steps after it"
        )
        self.go_on.on_click(when(lambda _: player.go_on()))
        self.driver = gui.add_dropdown("driver", DRIVERS, initial_value=player.session.driver)
        self.driver.on_update(when(lambda target: player.drive(target.value)))
        self.memory = gui.add_checkbox("memory on  [M]", player.session.memory_on)
        self.memory.on_update(when(lambda target: player.remember(target.value)))
        self.seed = gui.add_number("seed", player.session.seed, min=0, step=1)
        gui.add_button("reset  [R]", icon=viser.Icon.REFRESH).on_click(
            when(lambda _: player.reset(int(self.seed.value)))
        )

    def _keys(self, desk: Desk, player: Player) -> None:
        def key(label: str, hotkey: Key, deed: Callable[[], None]) -> None:
            desk.gui.add_command(label, hotkey=hotkey).on_trigger(desk.when(lambda _: deed()))

        key("Play or pause", "space", player.toggle)
        key("Step", "N", player.step)
        key("Step back", "B", player.back)
        if player.live:
            key("Reset", "R", lambda: player.reset(int(self.seed.value)))
            key("Memory on or off", "M", lambda: player.remember(not player.session.memory_on))

    def _press(self, button: str) -> None:
        {BACK: self.player.back, PLAY: self.player.toggle, STEP: self.player.step}[button]()

    def _seek(self, step: int) -> None:
        self._dragged = time.monotonic()
        self.player.seek(min(step, self.player.shown.last))


def driving(desk: Desk, player: Player, actions: Sequence[str]) -> None:
    """A button for each action, and keys for the first five."""
    keys = hotkeys(actions)
    rows = [range(first, min(first + 4, len(actions))) for first in range(0, len(actions), 4)]
    for place, row in enumerate(rows):
        names = {f"{SIGNS[keys[n]]} {actions[n]}" if n in keys else actions[n]: n for n in row}
        group = desk.gui.add_button_group("do" if place == 0 else " ", tuple(names))
        group.on_click(desk.when(partial(_choose, player, names)))
    for number, hotkey in keys.items():
        command = desk.gui.add_command(actions[number].capitalize(), hotkey=hotkey)
        command.on_trigger(desk.when(partial(_act, player, number)))
        if hotkey == "enter":
            again = desk.gui.add_command(f"{actions[number].capitalize()} (G)", hotkey="G")
            again.on_trigger(desk.when(partial(_act, player, number)))


def hotkeys(actions: Sequence[str]) -> dict[int, Key]:
    """Keys of the first five actions: the arrow that a name speaks of, for others those that are left."""
    keys: dict[int, Key] = {}
    for number, name in enumerate(actions[: len(SIGNS)]):
        if name in MEANT and MEANT[name] not in keys.values():
            keys[number] = MEANT[name]
    left = [key for key in SIGNS if key not in keys.values()]
    rest = [number for number in range(min(len(actions), len(SIGNS))) if number not in keys]
    return dict(sorted((keys | dict(zip(rest, left, strict=False))).items()))


def teaching(desk: Desk, player: Player) -> None:
    """Say something to the agent, and tell it what to do."""
    say = ("say", SAYINGS, player.say, viser.Icon.MESSAGE)
    for label, examples, deed, icon in (say, ("instruct", TASKS, player.instruct, viser.Icon.SPEAKERPHONE)):
        text = desk.gui.add_text(label, examples[0])
        button = desk.gui.add_button(label, icon=icon)
        button.on_click(desk.when(partial(_utter, desk, deed, text)))
        words = {sentence.split()[-1]: sentence for sentence in examples}
        quick = desk.gui.add_button_group("quick", tuple(words))
        quick.on_click(desk.when(partial(_write, text, words)))


def helping(desk: Desk) -> None:
    """The keys, in a window of their own."""

    def show(_: object) -> None:
        with desk.gui.add_modal("Keys") as window:
            desk.gui.add_markdown(snippets.keys())
            desk.gui.add_button("close").on_click(lambda _: window.close())

    desk.gui.add_button("help  [H]", icon=viser.Icon.KEYBOARD).on_click(desk.when(show))
    desk.gui.add_command("Help", hotkey="H").on_trigger(desk.when(show))


def _act(player: Player, number: int, _: Any) -> None:
    player.act(number)


def _choose(player: Player, names: Mapping[str, int], group: Any) -> None:
    player.act(names[group.value])


def _utter(desk: Desk, deed: Callable[[str], str], text: Any, _: Any) -> None:
    desk.tell(deed(text.value.strip()))


def _write(text: Any, words: Mapping[str, str], group: Any) -> None:
    text.value = words[group.value]


def _put(widget: Any, value: Any) -> None:
    """Set a widget's value; `Desk.when` keeps this from looking like a visitor's wish."""
    widget.value = value

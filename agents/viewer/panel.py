"""The panel on the right: the agent's view, what was heard and done, and tabs to play, teach and change the world."""

import numpy as np
import viser

from loci.agents.viewer import snippets, views
from loci.agents.viewer.controls import Playback, driving, helping, teaching
from loci.agents.viewer.desk import Desk
from loci.agents.viewer.player import Player, Shown
from loci.agents.viewer.stage import Stage

KINDS = {"rgb": "rgb", "depth": "depth", "ids": "instance"}
TOGGLE, FETCH, REARRANGE = "hide / show", "bring here", "rearrange all"


class Panel:
    """`kind` is the kind of picture that is shown, `body` the name of the body that was picked."""

    def __init__(self, desk: Desk, player: Player, stage: Stage, actions: tuple[str, ...]) -> None:
        self.desk, self.player, self.stage, self.actions = desk, player, stage, actions
        self.kind, self.body = "rgb", ""
        gui, when = desk.gui, desk.when
        blank = np.zeros((views.HEIGHT, views.WIDTH, 3), np.uint8)
        self.picture = gui.add_image(blank, label="what the agent sees", format="jpeg", jpeg_quality=88)
        kinds = gui.add_button_group("show", tuple(KINDS))
        kinds.on_click(when(lambda target: setattr(self, "kind", KINDS[target.value])))
        self.playback = Playback(desk, player)
        self.words = gui.add_html("")
        tabs = gui.add_tab_group()
        with tabs.add_tab("Drive" if player.live else "Play"):
            if player.live:
                driving(desk, player, actions)
            self.playback.pace(desk, player)
            if player.live:
                self.playback.choices(desk, player)
        if player.teachable:
            with tabs.add_tab("Teach"):
                teaching(desk, player)
        with tabs.add_tab("World"):
            self._world(desk, player)
        helping(desk)

    def show(self, shown: Shown) -> None:
        """Everything but the pictures."""
        self.words.content = snippets.moment(shown.now, self.actions, shown.last, shown.playing, self.desk.theme)
        self.playback.show(shown)
        known = {body.name: body for body in shown.now.world.bodies}
        if self.body in known:
            about = self.player.about(self.body)
            self.record.content = snippets.record(known[self.body], shown.now, *about, self.desk.theme)
        else:
            self.record.content = snippets.note("Click a thing in the scene to read about it.", self.desk.theme)
        self.stage.mark(shown.now, self.body)

    def look(self, shown: Shown, images: dict[str, np.ndarray]) -> None:
        """The pictures of the agent's camera."""
        now = shown.now
        self.picture.image = views.panel(self.kind, images, now.seen, now.world, self.desk.theme)

    def pick(self, name: str) -> None:
        """Select a body."""
        self.body = name

    def _world(self, desk: Desk, player: Player) -> None:
        self.record = desk.gui.add_html("")
        if player.live:
            changes = (TOGGLE, FETCH, REARRANGE) if player.teachable else (TOGGLE, FETCH)
            buttons = desk.gui.add_button_group("change", changes)
            buttons.on_click(desk.when(lambda target: self._change(target.value)))
        look = desk.gui.add_button("look at the agent", icon=viser.Icon.FOCUS_CENTERED)
        look.on_click(desk.when(lambda _: self.stage.follow(player.shown.now)))
        walls = desk.gui.add_checkbox("whole walls and houses", not self.stage.low)
        walls.on_update(desk.when(lambda target: setattr(self.stage, "low", not target.value)))

    def _change(self, button: str) -> None:
        if button == REARRANGE:
            return self.player.rearrange()
        if not self.body:
            raise ValueError("click a thing in the scene first")
        (self.player.hide if button == TOGGLE else self.player.fetch)(self.body)

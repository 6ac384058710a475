"""The clock of the page: which step is shown, whether it runs, and everything a visitor can ask of the session.

Callbacks come from many threads: all calls of the session happen under one lock here. What is shown is a value that
is replaced as a whole, so that it can be read without the lock.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from loci.agents.viewer.session import DRIVERS, Session
from loci.agents.viewer.snapshot import Snapshot

REACH = 0.9
"""Metres in front of the agent to which a body is moved."""
TURN = 0.005
"""Seconds between two looks at the clock."""
SPEEDS = (0.5, 30.0)


@runtime_checkable
class Recorded(Protocol):
    """What is needed of a session that is only looked at."""

    history: Sequence[Snapshot]


@dataclass(frozen=True, eq=False)
class Shown:
    """What the page shows: `now` is the step at `at`, with the edits that were made since."""

    history: list[Snapshot]
    at: int
    now: Snapshot
    playing: bool

    @property
    def last(self) -> int:
        return len(self.history) - 1


class Player:
    """`complain` is called with what the session refused; `live` says whether there is anything to act on, `teachable`
    whether its task takes words."""

    def __init__(self, session: Recorded, complain: Callable[[str], None] = print) -> None:
        self.session: Any = session
        self.live = isinstance(session, Session)
        self.teachable = self.live and hasattr(getattr(session, "task", None), "say")
        self.complain, self.speed = complain, 2.0
        self._lock, self._end = threading.RLock(), threading.Event()
        self._playing, self._at, self._due = False, len(session.history) - 1 if self.live else 0, 0.0
        self._edited: Snapshot | None = None
        self._publish()
        self._thread = threading.Thread(target=self._run, name="player", daemon=True)

    @property
    def state(self) -> tuple[object, ...]:
        """What visitors have chosen: driver and memory."""
        return (self.session.driver, self.session.memory_on) if self.live else ()

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join()

    def toggle(self) -> None:
        """Play or pause."""
        with self._lock:
            self._playing = not self._playing
            self._due = time.monotonic()
            self._publish()

    def step(self) -> None:
        """One step of the history, or of the world at its end."""
        with self._lock:
            self._playing = False
            self._forward()

    def back(self) -> None:
        self.seek(self._at - 1)

    def seek(self, step: int) -> None:
        """Show a step; ValueError for one that does not exist."""
        with self._lock:
            if not 0 <= step < len(self.session.history):
                raise ValueError(f"there is no step {step}: the history has 0..{len(self.session.history) - 1}")
            self._at, self._playing = step, False
            self._publish()

    def act(self, action: int) -> None:
        """Do something now."""
        with self._lock:
            self._present()
            self.session.act(action)
            self._newest()

    def reset(self, seed: int) -> None:
        with self._lock:
            self._living()
            self.session.reset(seed)
            self._playing = False
            self._newest()

    def go_on(self) -> None:
        """Forget what came after the step that is shown."""
        with self._lock:
            self._living()
            self.session.back_to(self._at)
            self._newest()

    def drive(self, driver: str) -> None:
        if driver not in DRIVERS:
            raise ValueError(f"driver must be one of {', '.join(DRIVERS)}, got {driver!r}")
        with self._lock:
            self._living()
            self.session.driver = driver

    def remember(self, on: bool) -> None:
        """Switch the memory on or off."""
        with self._lock:
            self._living()
            self.session.memory_on = on

    def say(self, words: str) -> str:
        """Let the agent hear something; what it was about."""
        return self._utter(words, lambda: self.session.say(words))

    def instruct(self, sentence: str) -> str:
        """Give the agent an instruction; what it is about."""
        return self._utter(sentence, lambda: self.session.instruct(sentence))

    def _utter(self, words: str, deed: Callable[[], str]) -> str:
        """Words that the agent cannot read are refused before anything is changed."""
        with self._lock:
            self._present()
            self.session.agent.encoder.check_sentence(words)
            answer = deed()
            self._newest()
            return answer

    def hide(self, name: str) -> None:
        self._edit(lambda: self.session.hide(name))

    def rearrange(self) -> None:
        self._edit(lambda: self.session.rearrange())

    def fetch(self, name: str) -> None:
        """Move a body to where the agent looks."""
        with self._lock:
            self._present()
            x, y, yaw = self.session.place.agent()
            self._edit(lambda: self.session.move(name, x + REACH * math.cos(yaw), y + REACH * math.sin(yaw)))

    def about(self, name: str) -> tuple[frozenset[str], str]:
        """What is true of a body now, and what it was called by whoever teaches, "" for nothing."""
        with self._lock:
            if not self.live or name not in {body.name for body in self.session.place.world.bodies}:
                return frozenset(), ""
            return self.session.place.states(name), str(getattr(self.session.task, "names", {}).get(name, ""))

    def _living(self) -> None:
        if not self.live:
            raise RuntimeError("this is a recording: it can only be watched")

    def _present(self) -> None:
        self._living()
        last = len(self.session.history) - 1
        if self._at != last:
            raise RuntimeError(
                f"step {self._at} of {last} is shown: press “go on from the step shown”, or go to the end"
            )

    def _edit(self, change: Callable[[], None]) -> None:
        """Change the world and show at once what has become of it."""
        with self._lock:
            self._present()
            change()
            place, now = self.session.place, self.session.now
            room = now.room + (place.world is not now.world)
            poses = [place.pose(body.name) for body in place.world.bodies]
            array = np.array([(*pose.position, *pose.wxyz) for pose in poses]).reshape(-1, 7)
            self._edited = replace(now, world=place.world, room=room, poses=array, agent=place.agent())
            self._publish()

    def _newest(self) -> None:
        self._at, self._edited = len(self.session.history) - 1, None
        self._publish()

    def _forward(self) -> None:
        if self._at < len(self.session.history) - 1:
            self._at += 1
            self._publish()
            return
        if not self.live:
            raise RuntimeError("this is the end of the recording")
        if self.session.driver == "you":
            raise RuntimeError("you drive: press an arrow key, or let the agent drive")
        self.session.act()
        self._newest()

    def _publish(self) -> None:
        history = list(self.session.history)
        edited = self._edited if self._at == len(history) - 1 else None
        self.shown = Shown(history, self._at, edited or history[self._at], self._playing)

    def _run(self) -> None:
        while not self._end.wait(TURN):
            with self._lock:
                if self._playing and time.monotonic() >= self._due:
                    self._due = max(self._due + 1.0 / self.speed, time.monotonic() - 1.0 / self.speed)
                    self._turn()

    def _turn(self) -> None:
        """A step while playing; what cannot be done ends the playing, but waiting for the one who drives does not."""
        waiting = self.live and self.session.driver == "you" and self._at == len(self.session.history) - 1
        if waiting:
            return
        try:
            self._forward()
        except (ValueError, RuntimeError) as refusal:
            self._playing = False
            self._publish()
            self.complain(str(refusal))

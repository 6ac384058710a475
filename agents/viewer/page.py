"""The page of the viewer: the world, the agent's eyes, its memory, and the controls, on a viser server.

One thread steps the session (player.py), one draws what is shown; visitors' callbacks only ask the player.
"""

import threading
import traceback
from dataclasses import replace
from typing import Any

import viser

from loci.agents.viewer.desk import Desk, Paced
from loci.agents.viewer.eye import Eye
from loci.agents.viewer.memory_panel import MemoryPanel
from loci.agents.viewer.overlay import Overlay
from loci.agents.viewer.panel import Panel
from loci.agents.viewer.pictures import Theme
from loci.agents.viewer.player import Player, Shown
from loci.agents.viewer.stage import Stage
from loci.agents.viewer.views import SIDE
from loci.sim.sensors import Camera

POSES, IMAGES, WIDGETS, PLOTS = 60.0, 15.0, 8.0, 4.0
"""Most updates a second."""
BRAND = (74, 111, 165)
LEFT, RIGHT = 380, 400
"""Widths of the panels, pixels."""


class Page:
    """A page about a session (or anything that has a `history` of snapshots), for browsers on this machine.

    There is no password: a `host` other than this machine's own 127.0.0.1 shows the page to everybody who can reach it.
    """

    def __init__(
        self, session: Any, host: str = "127.0.0.1", port: int = 8080, title: str = "Loci", theme: Theme = "light"
    ) -> None:
        self.server = viser.ViserServer(host=host, port=port, label=title, verbose=False)
        self.desk = Desk(self.server, theme)
        self.player = Player(session, self.desk.refuse)
        camera = camera_of(session)
        self.camera = replace(camera, height=SIDE, width=round(SIDE * camera.width / camera.height), supersample=1)
        self.eye = Eye()
        self._furnish(theme, title)
        self.stage = Stage(self.server, self.camera, lambda name: self.panel.pick(name))
        self.panel = Panel(self.desk, self.player, self.stage, tuple(getattr(session, "actions", ())))
        self.memory = MemoryPanel(self.desk, Overlay(self.server, lambda record: self.memory.tell(record)), title)
        self.memory.window.dock_left()
        self.memory.window.set_width(LEFT)
        self.paces = Paced(POSES), Paced(IMAGES), Paced(WIDGETS), Paced(PLOTS)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{self.server.get_host()}:{self.server.get_port()}/"

    def start(self) -> "Page":
        """Draw the world and begin to follow the session."""
        self.stage.overview(self.player.shown.now)
        self.draw()
        self.player.start()
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop the threads and the server."""
        self._end.set()
        self.player.close()
        if self._thread.is_alive():
            self._thread.join()
        self.server.stop()

    def __enter__(self) -> "Page":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def draw(self) -> None:
        """Bring everything up to date that has changed and is due."""
        poses, images, widgets, plots = self.paces
        shown = self.player.shown
        if poses.due(shown, self.stage.low):
            self.stage.show(shown.now)
        if images.due(shown, self.panel.kind):
            self.look(shown)
        if widgets.due(shown, self.panel.body, tuple(self.memory.overlay.hidden), self.player.state):
            with self.server.atomic():
                self.stage.way(shown.history, shown.at)
                self.panel.show(shown)
                self.memory.overlay.scale = self.stage.scale
                self.memory.show(shown)
        if plots.due(shown):
            with self.server.atomic():
                self.memory.plot(shown.history)

    def look(self, shown: Shown) -> None:
        """What the agent's camera sees, in the panel and in the scene."""
        kinds = tuple({"rgb", self.panel.kind})
        images = self.eye.look(shown.now, self.camera, kinds)
        with self.server.atomic():
            self.panel.look(shown, images)
            self.stage.picture(images["rgb"])

    def _furnish(self, theme: Theme, title: str) -> None:
        gui, scene = self.server.gui, self.server.scene
        gui.configure_theme(dark_mode=theme == "dark", show_logo=False, show_share_button=False, brand_color=BRAND)
        gui.set_panel_label(title)
        gui.main_panel.dock_right()
        gui.main_panel.set_width(RIGHT)
        scene.set_up_direction("+z")

    def _run(self) -> None:
        while not self._end.wait(0.25 / POSES):
            try:
                self.draw()
            except Exception as error:  # the page goes on, whatever a memory draws
                traceback.print_exc()
                self.desk.tell(f"{type(error).__name__}: {error}", "The page could not be drawn")


def camera_of(session: Any) -> Camera:
    """The camera with which the agent sees; a plain one when the session does not say."""
    sensors = [getattr(session, "camera", None), *getattr(getattr(session, "task", None), "sensors", ())]
    return next((sensor for sensor in sensors if isinstance(sensor, Camera)), Camera())

"""The robot's head: a camera on a lift that looks at a point, from the height at which nothing hides it."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from loci.sim.backend import Place
from loci.sim.detector import Detector, View
from loci.sim.geometry import camera_to_world
from loci.sim.sensors import Camera
from loci.sim.tasks.household_walk import stand
from loci.sim.tasks.household_words import APPLIES
from loci.sim.world import Body

PITCH = (-1.3, 0.7)
"""Least and greatest pitch of the head, radians."""
ASIDE = (0.5, -0.5)
"""Radians that the body turns aside to see past what it carries."""
HIDDEN = 0.08
"""Metres by which something may be nearer than the point and still not hide it."""
KINDS = ("rgb", "depth", "instance")


@dataclass(frozen=True)
class Sight:
    """A picture, the camera it was taken with, the detector's rows and the bodies that they stand for."""

    view: View
    camera: Camera
    rows: np.ndarray
    names: list[str]


@dataclass(frozen=True)
class Head:
    """`camera` is how it is held while walking; `lifts` are the heights of its eye, metres, the usual one first;
    `parts` pair the furniture of a house with its doors, in which it is seen too."""

    camera: Camera
    detector: Detector
    lifts: tuple[float, ...]
    parts: tuple[tuple[int, int], ...] = ()

    def ahead(self, place: Place, rng: np.random.Generator) -> Sight:
        """Look where one walks."""
        return self._detect(place, self._view(place, self.camera), self.camera, rng)

    def at(self, place: Place, point: Sequence[float], rng: np.random.Generator) -> Sight:
        """Look at a point in front from the first height at which it is not hidden, else from the best."""
        best: tuple[float, View, Camera] | None = None
        for lift in self.lifts:
            camera = self._aimed(place, point, lift)
            view = self._view(place, camera)
            hidden = self._hidden(view, point)
            if best is None or hidden < best[0] - 1e-3:
                best = (hidden, view, camera)
            if hidden < HIDDEN:
                break
        assert best is not None
        return self._detect(place, best[1], best[2], rng)

    def around(self, place: Place, point: Sequence[float], rng: np.random.Generator) -> Sight:
        """Look at a point from every height, and past what is carried with the body turned aside: one list of rows."""
        held, (x, y, yaw) = place.held(), place.agent()
        sights = []
        for aside in (0.0, *ASIDE) if held is not None else (0.0,):
            if aside and not stand(place, (x, y), yaw + aside):
                continue
            if held is not None:
                place.hold(held)
            for lift in self.lifts:
                camera = self._aimed(place, point, lift)
                sights.append(self._detect(place, self._view(place, camera), camera, rng))
        stand(place, (x, y), yaw)
        rows = np.concatenate([sight.rows[: len(sight.names)] for sight in sights])
        return Sight(sights[0].view, sights[0].camera, rows, [name for sight in sights for name in sight.names])

    def _aimed(self, place: Place, point: Sequence[float], lift: float) -> Camera:
        x, y, _ = place.agent()
        pitch = math.atan2(point[2] - lift, max(math.hypot(point[0] - x, point[1] - y), 0.05))
        return replace(self.camera, eye=lift, pitch=min(max(pitch, PITCH[0]), PITCH[1]))

    def _view(self, place: Place, camera: Camera) -> View:
        images = {kind: rows[place.row] for kind, rows in place.backend.render(camera, KINDS).items()}
        x, y, yaw = place.agent()
        eye, axes = camera_to_world(np.array([x, y, 0.0]), np.asarray(yaw), camera.eye, camera.pitch)
        return View(images["rgb"], images["depth"], images["instance"], eye, axes, camera.fov)

    def _hidden(self, view: View, point: Sequence[float]) -> float:
        """Metres by which what is seen in the middle of the picture is nearer than the point."""
        height, width = view.depth.shape
        away = float((np.asarray(point) - view.eye) @ view.axes[:, 2])
        middle = view.depth[height // 2 - 1 : height // 2 + 1, width // 2 - 1 : width // 2 + 1]
        return max(away - float(np.where(middle > 0.0, middle, np.inf).max()), 0.0)

    def _detect(self, place: Place, view: View, camera: Camera, rng: np.random.Generator) -> Sight:
        known = partial(states_of, place)
        rows, names = self.detector.detect(view, place, known, rng, carried(place), self.parts)
        return Sight(view, camera, rows, names)


def states_of(place: Place, body: Body) -> list[float]:
    """1 true, 0 false, -1 for what does not apply, in the order of STATES."""
    doors = doors_of(body)
    opened = float(any(place.opening(door) >= 0.5 for door in doors)) if doors else -1.0
    now = place.states(body.name)
    rest = [float(state in now) if body.category in able else -1.0 for state, able in APPLIES.items()]
    return [opened, *rest]


def doors_of(body: Body) -> list[str]:
    """What opens a body: itself where it is a door, else the doors of its receptacles, each once."""
    if body.joint is not None:
        return [body.name]
    return list(dict.fromkeys(space.behind for space in body.receptacles if space.behind))


def carried(place: Place) -> Collection[str]:
    """The thing in the hand and what it holds."""
    held = place.held()
    if held is None:
        return ()
    inside, body = place.pose(held).inverse(), place.world.body(held)
    riders = [
        b.name
        for b in (place.world.bodies if body.receptacles else ())
        if b.mass > 0.0 and b.name != held
        and any(s.contains(inside.point(place.pose(b.name).point(b.middle))) for s in body.receptacles)
    ]  # fmt: skip
    return {held, *riders}

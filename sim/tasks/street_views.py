"""Street navigation in a city that can be seen: the task of street_nav.py with pictures, in a backend's world.

Rules, texts, tours, teacher, reward and metrics are those of `StreetNav`, of which one row decides everything; the same
seed and the same actions give the same episode in both, with the same landmark vectors. An action takes the agent from
panorama to panorama: it stands where and as its stance says.

Action, Discrete(5): forward, left, right, turn around, stop. The observations of `StreetNav`, and

| observation | type | unit |
|---|---|---|
| rgb | uint8 (H, W, 3) | sRGB, along the agent's heading |
| depth | float32 (H, W) | metres along the camera's axis, 0 where nothing is hit |

With `first_pass` the signs that a panorama lists are taken away while the agent is at one that its tour has passed
before; signs that it does not list (beyond the landmarks' sight, or seen past a corner) stay. `noise` and `dropout` are
of the vectors alone. Recorded streets are built from the part of the graph around the tour, and anew where the agent
leaves that; nothing of the real houses is known.
"""

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np

from loci.sim.backend import Place
from loci.sim.sensors import Camera, Sensor
from loci.sim.task import Advice, Outcome, Said
from loci.sim.tasks.street_nav import SPOKEN, StreetNav
from loci.sim.vector import Step
from loci.sim.world import Pose, World
from loci.sim.worlds.street_town import Town, town
from loci.sim.worlds.streets import EYE, Streets

STILL: Mapping[str, Any] = {"velocity": (0.0, 0.0), "turn": 0.0}
SIGHT = 50.0
"""Metres around the agent that are always there: more than landmarks are seen from."""
BURIED = -50.0
"""Height in metres of a sign that is taken away."""


class StreetViews:
    """`camera`: what is seen, by default that of `streets.EYE`. `around`: metres of the city beyond the places where
    the tour leads, and beyond those where the agent has strayed. The other settings are those of `StreetNav`."""

    seconds = 1.0
    action_names = tuple(SPOKEN.tolist())

    def __init__(self, camera: Camera = EYE, around: float = 150.0, radius: float = 400.0, **settings: Any) -> None:
        if around < 2.0 * SIGHT:
            raise ValueError(f"around must be {2.0 * SIGHT} m or more, got {around}")
        self.nav, self.streets = StreetNav(1, radius=radius, **settings), Streets()
        self.sensors: tuple[Sensor, ...] = (camera, *self.nav.sensors)
        self.action_space, self.max_steps, self.ceiling = self.nav.action_space, self.nav.max_steps, self.nav.ceiling
        self.around, self.reach = around, radius + around
        self.now: Step
        self.town: Town
        self._spots = np.zeros((0, 2))
        self._away: set[str] = set()

    def world(self, rng: np.random.Generator) -> World:
        self.now, nav = self.nav.begin([rng]), self.nav
        self.town = self._built()
        legs = nav.pool.tours[nav.which[0]].tolist()
        self._spots = nav.pool.world.graph.position[np.concatenate([nav.pool.route(leg) for leg in legs])]
        self._away = set()
        return self._view()

    def begin(self, place: Place, rng: np.random.Generator) -> Said:
        self._show(place)
        return self._said()

    def command(self, action: Any, place: Place) -> Mapping[str, Any]:
        self.now = self.nav.step([int(action)])
        far = np.linalg.norm(self._spots - self._position, axis=1).min()
        if far <= self.around - SIGHT and self.town.holds(self._position, SIGHT):
            place.put_agent(self.pose)
        else:
            self._stray(place)
        self._show(place)
        return STILL

    def outcome(self, place: Place) -> Outcome:
        now = self.now
        metrics = {name: float(values[0]) for name, values in now.metrics.items()}
        return Outcome(float(now.reward[0]), bool(now.terminated[0]), self._said(), metrics, bool(now.truncated[0]))

    def expert(self, place: Place) -> Advice | None:
        """Along the route, or back to it by the fewest hops; stop at its end. Weight 1 at every step."""
        actions, weight = self.nav.advise()
        return Advice(int(actions[0]), float(weight[0]))

    @property
    def pose(self) -> Pose:
        """Where the agent stands, and as it faces."""
        heading = float(self.nav.pool.world.stances.heading[self.nav.stance[0]])
        x, y = self._position.tolist()
        return Pose.at(x, y, 0.0, heading)

    @property
    def names(self) -> dict[str, str]:
        """What the signs say that the agent sees in front of it, by the names of their bodies."""
        signs, said = self.town.signs, self.nav.pool.world.said
        return {signs[mark]: said[mark] for mark in self.nav.seen()[0].tolist() if mark in signs}

    @property
    def _node(self) -> int:
        return int(self.nav.pool.world.stances.node[self.nav.stance[0]])

    @property
    def _position(self) -> np.ndarray:
        return self.nav.pool.world.graph.position[self._node]

    def _built(self) -> Town:
        return town(self.nav.pool.world, self._node, self.reach, self.streets)

    def _view(self) -> World:
        """What of the town is around, with the agent at its panorama."""
        seen = self.town.near(self._spots, self.around)
        return World(seen.bodies, seen.rooms, seen.lights, (self.pose,), seen.name)

    def _stray(self, place: Place) -> None:
        """The agent is where nobody expected it: let there be a city around it, too."""
        if not self.town.holds(self._position, SIGHT):
            self.town = self._built()
        self._spots = np.concatenate([self._spots, self._position[None]])
        place.load(self._view())
        self._away = set()

    def _show(self, place: Place) -> None:
        """Take away the signs that are not to be seen here, and bring back the others."""
        pool, signs = self.nav.pool, self.town.signs
        listed = pool.world.seen[pool.world.first[self._node] : pool.world.first[self._node + 1]].tolist()
        gone = {signs[mark] for mark in listed if mark in signs} if self.nav.gone()[0] else set()
        for name in sorted(gone ^ self._away):
            x, y, _ = place.pose(name).position
            place.place(name, Pose((x, y, BURIED if name in gone else 0.0), place.pose(name).wxyz))
        self._away = gone

    def _said(self) -> Said:
        obs = {name: values[0] for name, values in self.now.obs.items()}
        words, instruction = str(obs.pop("words")), str(obs.pop("instruction"))
        return Said(words, instruction, obs)

    def __deepcopy__(self, memo: dict[int, Any]) -> "StreetViews":
        """A copy that goes on by itself; what never changes is shared: cities, tours, vectors and spaces."""
        nav = self.nav
        fixed = (nav.pool, nav.vectors, nav.sensors, nav.action_space, self.sensors, self.town)
        memo |= {id(thing): thing for thing in fixed}
        twin = object.__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__ = copy.deepcopy(self.__dict__, memo)
        return twin

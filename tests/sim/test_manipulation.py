"""Hands: what they reach, where they put things, what counts as on and in; the same on every backend."""

import math
from collections.abc import Iterator

import pytest

from loci.sim.backend import Place
from loci.sim.joints import Receptacle
from loci.sim.manipulation import nearest, pick_up, put, reachable, rests, spot, swing
from loci.sim.world import Body, Pose, Shape
from loci.sim.worlds.rooms import walled_room
from tests.contracts.backend_contract import box, drawer, walk
from tests.contracts.engines import engine

ENGINES = ("kinematic", "mujoco", "pybullet")


def table() -> Body:
    top = Shape("box", (0.3, 0.4, 0.02), pose=Pose((0.0, 0.0, 0.38)))
    leg = Shape("box", (0.05, 0.05, 0.18), pose=Pose((0.0, 0.0, 0.18)))
    space = Receptacle("on", (-0.3, -0.4, 0.4), (0.3, 0.4, 1.0))
    return Body("table", "table", (top, leg), Pose.at(0.0, 1.1), receptacles=(space,))


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    backend = engine(request.param, 1)
    bodies = (box(0.0, -0.8, 0.06, "cube"), box(-0.9, 0.0, 0.06, "dice"), drawer(), table())
    backend.load(0, walled_room(0, bodies=bodies, spawns=(Pose.at(0.0, 0.0, 0.0, -math.pi / 2),)))
    yield Place(backend, 0)
    backend.close()


def face(place: Place, yaw: float) -> None:
    place.put_agent(Pose.at(0.0, 0.0, 0.0, yaw))


def test_a_hand_reaches_what_is_near_and_in_front(place: Place) -> None:
    assert reachable(place, "cube")
    assert not reachable(place, "dice")
    assert nearest(place, ("dice", "cube", "drawer")) == "cube"
    face(place, math.pi)
    assert nearest(place, ("dice", "cube", "drawer")) == "dice"
    face(place, 0.75 * math.pi)
    assert nearest(place, ("drawer",)) == ""


def test_a_thing_is_carried_to_a_table_and_rests_on_it(place: Place) -> None:
    assert pick_up(place, "cube")
    assert not pick_up(place, "dice"), "one hand, one thing"
    assert not rests(place, "cube", "table")
    assert not put(place, "table"), "out of reach"
    face(place, math.pi / 2)
    assert put(place, "table", "on")
    walk(place.backend, seconds=1.0)
    assert place.held() is None
    assert rests(place, "cube", "table", "on")
    assert not rests(place, "cube", "table", "in")
    assert place.pose("cube").position[2] == pytest.approx(0.4, abs=0.01)


def test_a_drawer_has_to_be_open_first_and_needs_an_empty_hand(place: Place) -> None:
    assert pick_up(place, "cube")
    face(place, 0.0)
    assert not put(place, "drawer", "in"), "closed"
    assert not swing(place, "drawer", 1.0), "the hand is full"
    face(place, math.pi / 2)
    assert put(place, "table")
    face(place, 0.0)
    assert swing(place, "drawer", 1.0)
    walk(place.backend, seconds=3.0)
    face(place, math.pi / 2)
    assert pick_up(place, "cube")
    face(place, 0.0)
    assert put(place, "drawer", "in")
    assert swing(place, "drawer", 0.0)
    walk(place.backend, seconds=3.0)
    assert rests(place, "cube", "drawer", "in")
    assert not pick_up(place, "cube"), "shut away"


def test_what_is_fixed_or_hinged_is_not_carried(place: Place) -> None:
    face(place, 0.0)
    assert not pick_up(place, "drawer")
    face(place, math.pi / 2)
    assert not pick_up(place, "table")
    assert not swing(place, "table", 1.0)


def test_things_get_spots_of_their_own_until_it_is_full(place: Place) -> None:
    space = place.world.body("table").receptacles[0]
    place.place("cube", Pose.at(0.0, 0.95, 0.401))
    face(place, math.pi / 2)
    first = spot(place, "dice", "table", space)
    assert first is not None
    assert max(abs(first.position[0]), abs(first.position[1] - 0.95)) > 0.12, "beside the cube"
    narrow = Receptacle("on", (-0.05, -0.05, 0.4), (0.05, 0.05, 0.5))
    assert spot(place, "dice", "table", narrow) is None
    low = Receptacle("in", (-0.3, -0.3, 0.4), (0.3, 0.3, 0.45))
    assert spot(place, "dice", "table", low) is None

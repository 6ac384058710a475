"""The robot's skills in a small room: each works where its pre-conditions hold, and says why where they do not."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from loci.sim.backend import Place
from loci.sim.detector import Detector
from loci.sim.joints import Receptacle
from loci.sim.manipulation import rests
from loci.sim.sensors import Camera
from loci.sim.tasks.household_eyes import Head
from loci.sim.tasks.household_hands import Aim, act
from loci.sim.tasks.household_walk import Walk, turn
from loci.sim.tasks.household_words import CATEGORIES, STATES, Skill
from loci.sim.world import Body, Pose, Room, Shape, World
from loci.sim.worlds import storage
from loci.sim.worlds.pieces import Piece
from loci.sim.worlds.things import thing
from loci.sim.worlds.vessels import with_vessels
from tests.contracts.engines import engine

CAMERA = Camera(96, 96, fov=1.3, eye=1.4, pitch=-0.35)
RNG = np.random.default_rng(0)


def stand(piece: Piece, x: float, y: float, yaw: float) -> list[Body]:
    name = f"{piece.category}_1"
    return [member.body(name, Pose.at(x, y, 0.0, yaw)) for member in piece.members]


def item(category: str, x: float, y: float, z: float, *states: str) -> Body:
    look = thing(category, 0)
    return Body(f"{category}_1", category, look.parts, Pose.at(x, y, z), look.mass, states=states)


def kitchen() -> World:
    """Fridge east, sink north, microwave on a table west, things on a table south."""
    rng = np.random.default_rng(0)
    top = Shape("box", (0.4, 0.6, 0.02), pose=Pose((0.0, 0.0, 0.68)))
    space = Receptacle("on", (-0.4, -0.6, 0.7), (0.4, 0.6, 1.2))
    table = Body("table_1", "table", (top,), Pose.at(0.0, -1.6, 0.0, math.pi / 2), receptacles=(space,))
    block = Body(
        "counter_1", "counter", (Shape("box", (0.3, 0.4, 0.4), pose=Pose((0.0, 0.0, 0.4))),), Pose.at(-1.7, 0.0)
    )
    microwave = [replace(b, pose=Pose((0.0, 0.0, 0.8)) @ b.pose) for b in stand(storage.microwave(rng), -1.7, 0.0, 0.0)]
    furniture = stand(storage.fridge(rng), 1.7, 0.0, math.pi) + stand(storage.sink(rng), 0.0, 1.7, -math.pi / 2)
    things = [item("apple", -0.3, -1.4, 0.701, "dirty"), item("knife", 0.0, -1.4, 0.701), item("mug", 0.3, -1.4, 0.701)]
    things += [item("laptop", 0.5, -1.7, 0.701), item("bowl", -0.45, -1.8, 0.701)]
    floor = Body("floor", "floor", (Shape("box", (2.2, 2.2, 0.01), pose=Pose((0.0, 0.0, -0.01))),))
    bodies = (floor, table, block, *microwave, *furniture, *things)
    return with_vessels(World(bodies, (Room("kitchen", (-2.2, -2.2, -0.1), (2.2, 2.2, 2.6)),), spawns=(Pose(),)))


class Robot:
    """Walks to a body and uses a skill on it."""

    def __init__(self, place: Place) -> None:
        self.place, self.walk = place, Walk(place, 1.0)
        self.head = Head(CAMERA, Detector(CATEGORIES, STATES), (1.4, 1.1, 0.8, 0.5))

    def point(self, name: str) -> tuple[float, float, float]:
        return self.place.pose(name).point(self.place.world.body(name).middle)

    def go(self, name: str) -> None:
        for _ in range(10):
            found = self.walk.go(self.place, self.point(name))
            assert found is not None
            self.settle()
            if found[1] == 0.0:
                return
        raise AssertionError(f"never arrived at {name}")

    def use(self, skill: Skill, name: str, category: str | None = None, walk: bool = True) -> str:
        if walk:
            self.go(name)
        point = self.point(name)
        turn(self.place, point)
        sight = self.head.around(self.place, point, RNG)
        wanted = self.place.world.body(name).category if category is None else category
        failure = act(Aim(skill, point, wanted, sight), self.place, self.walk)
        self.settle()
        return failure

    def settle(self) -> None:
        self.place.backend.step({"velocity": np.zeros((1, 2)), "turn": np.zeros(1)}, 1.0)


@pytest.fixture
def robot() -> Iterator[Robot]:
    backend = engine("kinematic", 1)
    backend.load(0, kitchen())
    yield Robot(Place(backend, 0))
    backend.close()


def test_a_thing_is_picked_up_and_put_in_a_fridge_that_has_to_be_open(robot: Robot) -> None:
    assert robot.use(Skill.PICK, "apple_1") == ""
    assert robot.place.held() == "apple_1"
    assert robot.use(Skill.PUT_IN, "fridge_1") == "the fridge is closed"
    assert robot.use(Skill.OPEN, "fridge_1") == "", "a full hand is no hindrance"
    assert robot.use(Skill.PUT_IN, "fridge_1") == ""
    assert rests(robot.place, "apple_1", "fridge_1", "in")
    assert robot.use(Skill.CLOSE, "fridge_1") == ""
    assert robot.use(Skill.PICK, "apple_1") == "no apple is seen there"


def test_what_is_not_seen_there_is_not_taken(robot: Robot) -> None:
    assert robot.use(Skill.PICK, "apple_1", "egg") == "no egg is seen there"
    assert robot.use(Skill.PICK, "apple_1", "mug") == "no mug is seen there", "the mug is too far from the point"
    assert robot.use(Skill.PICK, "sink_1") == "the sink cannot be carried"
    robot.place.put_agent(Pose.at(0.0, 0.3, 0.0, -math.pi / 2))
    assert robot.use(Skill.PICK, "apple_1", walk=False) == "the apple is out of reach"
    assert robot.use(Skill.PICK, "apple_1", "") == "", "any category will do"


def test_the_hand_holds_one_thing(robot: Robot) -> None:
    assert robot.use(Skill.PUT_ON, "table_1") == "the hand is empty"
    assert robot.use(Skill.PICK, "apple_1") == ""
    assert robot.use(Skill.PICK, "mug_1") == "the hand is full: it holds the apple"


def test_slicing_needs_a_knife_and_is_done_once(robot: Robot) -> None:
    assert robot.use(Skill.SLICE, "apple_1") == "slicing needs a knife in the hand"
    assert robot.use(Skill.PICK, "knife_1") == ""
    assert robot.use(Skill.SLICE, "mug_1") == "no mug is seen there", "a mug cannot be sliced"
    assert robot.use(Skill.SLICE, "apple_1") == ""
    assert "sliced" in robot.place.states("apple_1")
    assert robot.use(Skill.SLICE, "apple_1") == "the apple is sliced already"


def test_washing_filling_heating_and_cooling_happen_at_their_devices(robot: Robot) -> None:
    assert robot.use(Skill.CLEAN, "sink_1") == "nothing in the hand or at the sink to be washed"
    assert robot.use(Skill.PICK, "apple_1") == ""
    assert robot.use(Skill.CLEAN, "fridge_1") == "no sink or bathtub is seen there"
    assert robot.use(Skill.CLEAN, "sink_1") == ""
    assert robot.place.states("apple_1") == frozenset()
    assert robot.use(Skill.FILL, "sink_1") == "the apple cannot be filled"
    assert robot.use(Skill.HEAT, "microwave_1") == ""
    assert robot.place.states("apple_1") == {"heated"}
    assert robot.use(Skill.COOL, "fridge_1") == ""
    assert robot.place.states("apple_1") == {"cooled"}, "cooling ends heat"


def test_what_rests_in_the_sink_is_filled_and_emptied_there(robot: Robot) -> None:
    assert robot.use(Skill.PICK, "mug_1") == ""
    assert robot.use(Skill.PUT_IN, "sink_1") == ""
    assert robot.use(Skill.FILL, "sink_1") == ""
    assert robot.place.states("mug_1") == {"filled"}
    assert robot.use(Skill.CLEAN, "sink_1", "mug") == ""
    assert robot.place.states("mug_1") == frozenset()


def test_switches_turn_on_and_off(robot: Robot) -> None:
    assert robot.use(Skill.TOGGLE, "microwave_1") == ""
    assert "on" in robot.place.states("microwave_1")
    assert robot.use(Skill.TOGGLE, "microwave_1") == ""
    assert "on" not in robot.place.states("microwave_1")
    assert robot.use(Skill.TOGGLE, "apple_1") == "no apple is seen there"


def test_a_bowl_is_carried_and_put_down_with_what_is_in_it(robot: Robot) -> None:
    assert robot.use(Skill.PICK, "apple_1") == ""
    assert robot.use(Skill.PUT_IN, "bowl_1") == ""
    assert rests(robot.place, "apple_1", "bowl_1", "in")
    assert robot.use(Skill.PICK, "bowl_1") == ""
    assert robot.use(Skill.PUT_IN, "sink_1") == ""
    assert rests(robot.place, "apple_1", "bowl_1", "in")
    assert rests(robot.place, "apple_1", "sink_1", "in")


def test_a_door_that_is_open_is_not_opened_again(robot: Robot) -> None:
    assert robot.use(Skill.CLOSE, "fridge_1") == "the fridge is closed already"
    assert robot.use(Skill.OPEN, "fridge_1") == ""
    assert robot.use(Skill.OPEN, "fridge_1") == "the fridge is open already"
    assert robot.use(Skill.OPEN, "table_1") == "no table is seen there"


def test_a_walk_is_as_long_as_the_way_and_ends_before_the_point(robot: Robot) -> None:
    start, walked = robot.place.agent()[:2], 0.0
    for _ in range(6):
        before = robot.place.agent()[:2]
        found = robot.walk.go(robot.place, robot.point("fridge_1"))
        assert found is not None
        assert found[0] <= 1.0 + 1e-9
        assert math.dist(before, robot.place.agent()[:2]) <= found[0] + 1e-6
        walked += found[0]
    assert found == (0.0, 0.0)
    x, y, yaw = robot.place.agent()
    px, py, _ = robot.point("fridge_1")
    assert walked == pytest.approx(math.dist(start, (x, y)), abs=0.1), "nothing stands between"
    assert math.remainder(math.atan2(py - y, px - x) - yaw, 2 * math.pi) == pytest.approx(0.0, abs=1e-6)

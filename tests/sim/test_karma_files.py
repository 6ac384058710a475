"""KARMA's goal strings, each repair, what cannot be read, and the published files."""

import json
from collections import Counter
from pathlib import Path

import pytest

from loci.sim.worlds.alfred_rooms import read_layout
from loci.sim.worlds.karma_files import KarmaTask, read_areas, read_objects, read_tasks
from loci.sim.worlds.karma_goals import REPAIRS, classes, parse
from tests.real_data import DATA, needs

TABLES = ("DiningTable", "CoffeeTable", "SideTable", "Desk")
LAMPS = ("DeskLamp", "FloorLamp")


def plain(goal: str) -> list[tuple]:
    return [
        (one.predicate, "/".join(one.things), one.state or "/".join(one.places), one.mode)
        for one in parse(goal).conditions
    ]


def mended(goal: str) -> list[str]:
    return [name for name, _ in parse(goal).repairs]


def test_a_goal_without_faults_is_read_as_it_stands() -> None:
    goal = "STATE(Apple, sliced): 1, INSIDE(Apple, GarbageCan): 1, TOGGLEON(DeskLamp): 1"
    assert plain(goal) == [
        ("is", "Apple", "sliced", "end"),
        ("in", "Apple", "GarbageCan", "end"),
        ("is", "DeskLamp", "on", "end"),
    ]
    assert mended(goal) == []


@pytest.mark.parametrize(
    ("goal", "expected", "repairs"),
    [
        ("INSIDE(Potato, Fridge)", ("in", "Potato", "Fridge", "end"), ["no value"]),
        ("ON(Lamp,CellPhone): 1", ("near", "CellPhone", "DeskLamp/FloorLamp", "end"), ["several classes", "light"]),
        ("STATE(Book, Sofa): 1", ("on", "Book", "Sofa", "end"), ["place as state"]),
        ("INSIDE(Egg, Plate): 1", ("on", "Egg", "Plate", "end"), ["surface"]),
        ("ON(Plate, Fridge): 1", ("in", "Plate", "Fridge", "end"), ["container"]),
        ("STATE(Plate, washed): 1", ("is", "Plate", "cleaned", "end"), ["other state"]),
        ("STATE(Potato, melted): 1", ("is", "Potato", "heated", "once"), ["other state"]),
        ("ON(DeskLamp): 1", ("is", "DeskLamp", "on", "end"), ["one argument"]),
        ("on(apple, DiningTable): 1", ("on", "Apple", "DiningTable", "end"), ["letters"]),
        ("INSIDE(Apple, trash): 1", ("in", "Apple", "GarbageCan", "end"), ["other word"]),
        ("ON(Mug, table): 1", ("on", "Mug", "/".join(TABLES), "end"), ["several classes"]),
    ],
)
def test_each_repair_is_made_and_named(goal: str, expected: tuple, repairs: list[str]) -> None:
    assert plain(goal) == [expected]
    assert mended(goal) == repairs
    assert set(repairs) <= set(REPAIRS)


def test_what_is_undone_later_holds_once() -> None:
    goal = (
        "ON(Mug, Desk): 1, STATE(Mug, filled): 1, STATE(Mug, empty): 1, TOGGLEON(DeskLamp): 1, INSIDE(Mug, Sink): 1, "
        "ON(Cup, Desk): 1, TOGGLEOFF(DeskLamp): 1, ON(Mug, Bed): 1, ON(Bread, Plate): 1, ON(toast, Plate): 1"
    )
    modes = [one.mode for one in parse(goal).conditions]
    assert modes == ["once", "once", "end", "once", "once", "end", "end", "end", "once", "end"]


@pytest.mark.parametrize(
    "goal", ["", "apple", "ON(a, b: 1", "STATE(Apple, happy): 1", "NEAR(Apple, Cup): 1", "STATE(x)"]
)
def test_what_cannot_be_read_is_refused(goal: str) -> None:
    with pytest.raises(ValueError, match="expected|must have"):
        parse(goal)


def test_words_of_several_parts_are_one_class() -> None:
    assert (classes("kitchen counter"), classes("remote control")) == (("CounterTop",), ("RemoteControl",))


def tasks(path: Path, **change: object) -> list[KarmaTask]:
    row = {"FloorPlan": 5, "ID": 7, "Goal Condition": "ON(mug, desk): 1", "Instruction": "put two mugs on the desk"}
    path.write_text(json.dumps({"SimpleTasks": [row, row | change]}))
    return read_tasks(path)


def test_tasks_and_what_words_and_goal_do_not_share(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    one, other = tasks(path, Instruction="cook the egg")
    assert (one.floor_plan, one.number, one.unnamed, one.left_out) == ("FloorPlan5", 7, (), ("two",))
    assert (other.unnamed, other.left_out) == (("mug", "desk"), ("Egg",))
    for change, words in (
        ({"Goal Condition": "ON("}, "task 2: .*expected PREDICATE"),
        ({"FloorPlan": "kitchen"}, "task 2: ValueError"),
        ({"Instruction": None}, "task 2: AttributeError"),
    ):
        with pytest.raises(ValueError, match=rf"tasks\.json, {words}"):
            tasks(path, **change)
    path.write_text("[1,\n,")
    with pytest.raises(ValueError, match=r"tasks\.json, line 2: not JSON"):
        read_tasks(path)
    path.write_text("[]")
    with pytest.raises(ValueError, match="expected .*SimpleTasks"):
        read_tasks(path)
    with pytest.raises(FileNotFoundError, match=r"docs/worlds/alfred\.md says where to get KARMA's"):
        read_tasks(tmp_path / "absent.json")


def test_memories_are_put_into_loci_s_frame(tmp_path: Path) -> None:
    path, cup = tmp_path / "memory.json", {"objectType": "Cup", "position": {"x": 1.0, "y": 0.9, "z": -2.0}}
    corners = [[x, y, z] for x in (0.0, 0.1) for y in (0.0, 0.3) for z in (0.0, 0.2)]
    path.write_text(json.dumps({"(-0.50, 0.00, 1.25)": [cup], "(0, 0, 1)": []}))
    area, bare = read_areas(path)
    assert (area.place, area.contents[0].kind, area.contents[0].place) == ((-0.5, 1.25, 0.0), "Cup", (1.0, -2.0, 0.9))
    assert bare.contents == ()
    box = {"cornerPoints": corners}
    path.write_text(json.dumps([cup | {"objectId": "Mug|1|2|3", "axisAlignedBoundingBox": box, "state": "dirty"}]))
    (thing,) = read_objects(path)
    assert (thing.extent, thing.state, thing.contradicts) == (pytest.approx((0.1, 0.2, 0.3)), "dirty", True)
    path.write_text(json.dumps({"here": [cup]}))
    with pytest.raises(ValueError, match=r"memory\.json, area 'here'"):
        read_areas(path)
    path.write_text(json.dumps([cup, {"objectType": "Cup"}]))
    with pytest.raises(ValueError, match=r"memory\.json, thing 2: .*'position'"):
        read_objects(path)


@needs("karma", "alfred")
def test_the_published_tasks_are_all_read() -> None:
    """30 tasks, 94 predicates, and 15 of the things and places of the goals absent from the room, as counted before."""
    read = [read_tasks(DATA / "karma" / f"ALFRED_L_{name}_tasks.json") for name in ("simple", "composite")]
    assert [len(part) for part in read] == [15, 15]
    simple, composite = ({one.number: one for one in part} for part in read)
    everything = [*read[0], *read[1]]
    assert sum(len(one.conditions) for one in everything) == 94
    assert Counter(one.predicate for task in everything for one in task.conditions)["near"] == 1
    assert [simple[15].repairs[1], simple[3].repairs[-1]] == [
        ("no value", "INSIDE(potato, refrigerator)"),
        ("light", "ON(lamp,cellphone): 1"),
    ]
    assert composite[1].left_out == ("Tomato",)
    assert ("place as state", "STATE(book, sofa): 1") in composite[15].repairs
    assert ("container", "ON(plate, fridge): 1") in composite[14].repairs
    absent = 0
    for one in everything:
        held = read_layout(DATA / "alfred" / "layouts", one.floor_plan).kinds
        named = {kinds for condition in one.conditions for kinds in (condition.things, condition.places) if kinds}
        absent += sum(not {kind.removesuffix("Sliced") for kind in kinds} & held for kinds in named)
    assert absent == 15


@needs("karma")
def test_the_published_memories_are_read() -> None:
    areas = read_areas(DATA / "karma" / "memory_longterm_memory.json")
    assert (len(areas), areas[0].contents[0].kind) == (9, "Cabinet")
    assert areas[0].place == (-0.92, -1.29, 0.0)
    assert len(read_objects(DATA / "karma" / "memory_objects_locations.json")) == 77
    wrong = [one.kind for one in read_objects(DATA / "karma" / "memory_memory3.json") if one.contradicts]
    assert wrong == ["Card"]

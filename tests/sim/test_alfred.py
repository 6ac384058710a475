"""Loading and replaying ALFRED: a made row in both forms, frames against a matrix, what is amiss, the real files."""

import gzip
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.household_data import reached
from loci.sim.geometry import wxyz_to_matrix
from loci.sim.worlds.alfred import Goal, Trajectory, read_trajectories, stand, trajectory, turn
from loci.sim.worlds.alfred_replay import Event, Replay
from loci.sim.worlds.alfred_rooms import floor_plans, read_layout
from tests.real_data import DATA, needs

ALFRED = DATA / "alfred"


def lying(name: str, x: float, y: float, z: float) -> dict:
    return {"objectName": name, "position": {"x": x, "y": y, "z": z}, "rotation": {"x": 0.0, "y": 90.0, "z": 0.0}}


def at(kind: str, x: float, y: float, z: float) -> list:
    """As a step names it."""
    return [kind, [4 * x, 4 * x, 4 * z, 4 * z, 4 * y, 4 * y]]


APPLE, PAN, KNIFE = (0.5, 1.0, -2.0), (1.0, 0.9, 3.0), (0.0, 0.9, 0.5)
TABLE, FRIDGE = (4.0, 0.6, 1.0), (-1.0, 0.0, 2.0)


def do(action: str, thing: tuple | None = None, holder: tuple | None = None, part: str = "", **more: object) -> dict:
    row = {"action": action, **more}
    if thing is not None:
        row |= {"coordinateObjectId": at(*thing), "objectId": "|".join([thing[0], "x", "y", "z", part]).rstrip("|")}
    if holder is not None:
        row["coordinateReceptacleObjectId"] = at(*holder)
    return {"planner_action": row, "discrete_action": {"action": action, "args": []}}


APPLE_, PAN_, KNIFE_ = ("Apple", *APPLE), ("Pan", *PAN), ("Knife", *KNIFE)
STEPS = [
    do("GotoLocation", location="loc|4|-8|1|30"),
    do("PickupObject", KNIFE_, ("CounterTop", *TABLE)),
    do("SliceObject", APPLE_),
    do("PutObject", KNIFE_, ("DiningTable", *TABLE)),
    do("PickupObject", APPLE_, ("CounterTop", *TABLE), part="AppleSliced_1"),
    do("HeatObject", holder=("Microwave", *TABLE)),
    do("PutObject", APPLE_, PAN_, part="AppleSliced_1"),
    do("PickupObject", PAN_),
    do("GotoLocation", location="loc|0|4|0|60"),
    do("PutObject", PAN_, ("Fridge", *FRIDGE)),
    do("ToggleObject", ("DeskLamp", *TABLE), ("DeskLamp", *TABLE)),
    do("End"),
]


def row(steps: list[dict] = STEPS) -> dict:
    goal = {"object_target": "Apple", "parent_target": "Fridge", "mrecep_target": "Pan", "toggle_target": ""}
    return {
        "task_id": "trial_1",
        "split": "train",
        "task_type": "pick_and_place_with_movable_recep",
        "pddl_params": goal | {"object_sliced": True},
        "scene": {
            "floor_plan": "FloorPlan203",
            "init_action": {"x": -0.75, "y": 0.9, "z": -1.25, "rotation": 90, "horizon": 30},
            "object_poses": [lying("Apple_1", *APPLE), lying("Pan_2", *PAN), lying("Knife_3", *KNIFE)],
        },
        "turk_annotations": [{"task_desc": "chill it", "high_descs": ["go", "chill"], "votes": [1]}],
        "high_pddl": steps,
    }


def published() -> dict:
    """The same row as ALFRED's own file has it."""
    one = row()
    del one["split"]
    plan = {"high_pddl": one.pop("high_pddl"), "low_actions": []}
    return one | {"plan": plan, "turk_annotations": {"anns": one["turk_annotations"]}}


def unity(degrees: dict[str, float]) -> np.ndarray:
    """Rotation matrix of Unity, y x z order, in its own left-handed axes."""
    x, y, z = (math.radians(degrees[axis]) for axis in "xyz")
    cx, sx, cy, sy, cz, sz = math.cos(x), math.sin(x), math.cos(y), math.sin(y), math.cos(z), math.sin(z)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def test_a_row_in_loci_s_frame() -> None:
    one = trajectory(row())
    assert (one.name, one.split, one.floor_plan, one.house) == ("trial_1", "train", "FloorPlan203", 3)
    assert [thing.kind for thing in one.things] == ["Apple", "Pan", "Knife"]
    assert one.things[0].place == (0.5, -2.0, 1.0)
    assert one.goal == Goal("pick_and_place_with_movable_recep", "Apple", "Fridge", "Pan", "", True)
    assert one.instructions[0].steps == ("go", "chill")
    assert (one.start.x, one.start.y, one.start.yaw) == (-0.75, -1.25, 0.0)
    assert [step.action for step in one.steps][-1] == "toggle"
    first = one.steps[0].stand
    assert first is not None
    assert (first.x, first.y, first.yaw, first.down) == (1.0, -2.0, 0.0, pytest.approx(math.pi / 6))


def test_headings_are_those_of_the_compass() -> None:
    """AI2-THOR's 0 looks along its z, which is our y; 90 along x."""
    for degrees, way in ((0, (0, 1)), (90, (1, 0)), (180, (0, -1)), (270, (-1, 0))):
        yaw = stand(0.0, 0.0, degrees, 0.0).yaw
        assert (math.cos(yaw), math.sin(yaw)) == pytest.approx(way, abs=1e-12)


def test_turns_are_those_of_the_matrix_with_two_axes_changed() -> None:
    swap = np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]])
    for angles in itertools.product((0.0, 30.0, 335.0), (0.0, 90.0, 210.0), (0.0, 75.0, 270.0)):
        degrees = dict(zip("xyz", angles, strict=True))
        assert np.allclose(wxyz_to_matrix(np.array(turn(degrees))), swap @ unity(degrees) @ swap, atol=1e-12)


def test_both_forms_give_the_same(tmp_path: Path) -> None:
    lines, tree = tmp_path / "train.jsonl.gz", tmp_path / "train" / "a-task" / "trial_1"
    with gzip.open(lines, "wt") as file:
        file.write(json.dumps(row()) + "\n")
    tree.mkdir(parents=True)
    (tree / "traj_data.json").write_text(json.dumps(published()))
    (one,), (other,) = read_trajectories(tmp_path / "train.jsonl"), read_trajectories(tmp_path / "train")
    assert one == other == trajectory(row())


def test_the_course_of_a_trajectory() -> None:
    replay = Replay(trajectory(row()), above=0.1)
    places: list[tuple] = []
    events: list[Event] = []
    for event in replay.events():
        events.append(event)
        places.append(tuple(replay.place(1)))
    told = [(one.what, one.thing, one.kind, one.holder, one.holder_thing) for one in events]
    assert told == [
        ("went", None, "", "", None),
        ("picked", 2, "Knife", "CounterTop", None),
        ("sliced", 0, "Apple", "", None),
        ("put", 2, "Knife", "DiningTable", None),
        ("picked", 4, "AppleSliced", "CounterTop", None),
        ("heated", 4, "AppleSliced", "Microwave", None),
        ("put", 4, "AppleSliced", "Pan", 1),
        ("picked", 1, "Pan", "", None),
        ("went", None, "", "", None),
        ("put", 1, "Pan", "Fridge", None),
        ("toggled", None, "DeskLamp", "", None),
    ]
    assert places[0] == (1.0, 3.0, 0.9)
    assert places[8] == (0.0, 1.0, 0.0)
    assert replay.place(1) == (-1.0, 2.0, 0.1)
    assert replay.place(4) == (-1.0, 2.0, 0.2)
    assert replay.place(3) == (0.5, -2.0, 1.0)
    assert replay.items[4].states == {"sliced", "heated"}
    assert sorted(replay.items) == [1, 2, 3, 4]
    assert replay.held is None
    with pytest.raises(KeyError):
        replay.place(0)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([], "has no steps to replay"),
        ([STEPS[1], do("PickupObject", PAN_)], "step 1: pick Pan while Knife is held"),
        ([STEPS[3]], "step 0: put with empty hands"),
        ([STEPS[1], do("PutObject", PAN_, APPLE_)], "step 1: put what is not held"),
        ([STEPS[4]], "step 0: pick a slice of Apple, which is whole"),
        ([STEPS[1], STEPS[2], STEPS[2]], "step 2: slice Apple, which was cut"),
        ([do("PickupObject", ("Cup", *PAN))], "step 0: pick of a thing that is not there"),
    ],
)
def test_what_cannot_be_done_is_refused(steps: list, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        list(Replay(trajectory(row(steps))).events())


def test_what_is_amiss_is_named_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    with pytest.raises(FileNotFoundError, match=r"no file .*train\.jsonl: docs/worlds/alfred\.md says where"):
        list(read_trajectories(path))
    with pytest.raises(FileNotFoundError, match=r"no <task>/<trial>/traj_data\.json in .*docs/worlds/alfred\.md"):
        list(read_trajectories(tmp_path))
    for bad, words in (
        ("{", "not a trajectory of ALFRED: JSONDecodeError"),
        (json.dumps(row() | {"scene": {}}), "KeyError"),
        (json.dumps(row([do("JumpObject")])), "one of GotoLocation, .*got 'JumpObject'"),
        (json.dumps(row([do("GotoLocation", location="here")])), "ValueError"),
        (json.dumps(row()).replace("0.5", "NaN"), "must be finite"),
    ):
        path.write_text(json.dumps(row()) + "\n" + bad + "\n")
        with pytest.raises(ValueError, match=f"train.jsonl, line 2: .*{words}"):
            list(read_trajectories(path))


def test_a_layout_and_what_is_amiss_with_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no layouts in .*docs/worlds/alfred\.md"):
        floor_plans(tmp_path)
    np.save(tmp_path / "FloorPlan1-layout.npy", np.array([[1.5, -2.0], [1.75, -2.0]]))
    np.save(tmp_path / "FloorPlan10-layout.npy", np.zeros((2, 3)))
    (tmp_path / "FloorPlan1-objects.json").write_text('["Mug", "Sink"]')
    held = tmp_path / "FloorPlan1-openable.json"
    held.write_text('{"Sink|-01.90|+00.97|-01.50|SinkBasin": [-1.25, -1.5, 270, 30]}')
    room = read_layout(tmp_path, "FloorPlan1")
    assert floor_plans(tmp_path) == ["FloorPlan1", "FloorPlan10"]
    assert room.cells.tolist() == [[1.5, -2.0, 0.0], [1.75, -2.0, 0.0]]
    assert (room.kinds, room.receptacles[0].kind) == ({"Mug", "Sink"}, "SinkBasin")
    assert room.receptacles[0].place == (-1.9, -1.5, 0.97)
    assert math.cos(room.receptacles[0].stand.yaw) == pytest.approx(-1.0)
    held.write_text('{"Sink": [1]}')
    with pytest.raises(ValueError, match=r"FloorPlan1-openable.json: not a layout"):
        read_layout(tmp_path, "FloorPlan1")
    with pytest.raises(ValueError, match=r"expected cells \(N, 2\)"):
        read_layout(tmp_path, "FloorPlan10")
    with pytest.raises(FileNotFoundError, match=r"FloorPlan3-layout"):
        read_layout(tmp_path, "FloorPlan3")


@needs("alfred")
def test_the_expert_of_the_real_files_reaches_the_goal() -> None:
    """Goals are told apart from the steps."""
    tested = list(itertools.islice(read_trajectories(ALFRED / "tests_seen.jsonl"), 50))
    assert all(one.goal is None and not one.steps and one.instructions for one in tested)
    seen = list(read_trajectories(ALFRED / "valid_seen.jsonl"))
    assert (len(seen), sum(len(one.instructions) for one in seen)) == (251, 820)
    missed = [one.name for one in seen if not _after(one)]
    assert len(missed) <= 2, missed


def _after(one: Trajectory) -> bool:
    replay = Replay(one)
    started = reached(replay)
    for _ in replay.events():
        pass
    return reached(replay) and not started


@needs("alfred")
def test_the_real_layouts() -> None:
    plans = floor_plans(ALFRED / "layouts")
    rooms = [read_layout(ALFRED / "layouts", plan) for plan in plans]
    assert (len(rooms), sum(len(room.cells) for room in rooms)) == (120, 14_642)
    assert sum(len(room.receptacles) for room in rooms) / len(rooms) == pytest.approx(14.6, abs=0.05)
    assert all(np.allclose(room.cells * 4, np.rint(room.cells * 4), atol=0.01) for room in rooms)

"""The habitat backend without habitat: the whole way through server.py, in a process of its own, with a stand-in for
the engine."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from loci.sim.backend import Backend, Diverged, Unsupported, WorldState
from loci.sim.backends.habitat import HabitatBackend, protocol
from loci.sim.backends.habitat.process import SERVER, HabitatError
from loci.sim.backends.habitat.scans import scan
from loci.sim.backends.rows import CARRY
from loci.sim.geometry import camera_to_world, project, wxyz_to_matrix
from loci.sim.joints import Joint, Receptacle
from loci.sim.sensors import Camera
from loci.sim.world import Body, Pose, Room, Shape, World
from loci.sim.worlds.export import y_up

HERE = Path(__file__).parent
TIP = (0.05, -0.1, 0.2)
"""Where the stand-in paints a body's colour, in its frame."""
CAMERA = Camera(48, 64, fov=1.3, eye=1.0, pitch=-0.3)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which `habitat_sim` is the stand-in."""
    shutil.copy(HERE / "fake_habitat.py", tmp_path / "habitat_sim.py")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def backend(fake: Path) -> Iterator[HabitatBackend]:
    found = HabitatBackend(1, python=sys.executable)
    yield found
    found.close()


def block(name: str, x: float, y: float) -> Body:
    return Body(name, "block", (Shape("box", (0.1, 0.1, 0.1)),), Pose((x, y, 0.4), (0.8, 0.36, -0.48, 0.0)), 1.0)


def stage(*bodies: Body, spawn: Pose | None = None) -> World:
    floor = Body("floor", "floor", (Shape("plane", (3.0, 3.0, 0.0)),))
    return World((floor, *bodies), (Room("room", (-3, -3, -1), (3, 3, 3)),), spawns=(spawn or Pose(),))


def go(backend: HabitatBackend, forward: float = 0.0, left: float = 0.0, turn: float = 0.0) -> np.ndarray:
    velocity = np.tile([forward, left], (backend.batch, 1))
    return backend.step({"velocity": velocity, "turn": np.full(backend.batch, turn)}, 1.0)["velocity"]


def test_a_crash_is_reported_and_the_next_load_starts_again(
    backend: HabitatBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_HABITAT", "crash")
    backend.load(0, stage())
    with pytest.raises(HabitatError, match=r"(?s)exit code 7.*the fake falls over.*next load starts it again"):
        backend.render(CAMERA, ("rgb",))
    with pytest.raises(HabitatError, match="does not run: load a world"):
        go(backend, 1.0)
    monkeypatch.setenv("FAKE_HABITAT", "")
    backend.load(0, stage())
    assert backend.render(CAMERA, ("rgb",))["rgb"].shape == (1, 48, 64, 3)


def test_one_that_hangs_is_ended_after_the_timeout(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_HABITAT", "hang")
    backend = HabitatBackend(1, python=sys.executable, call_timeout=0.5)
    backend.load(0, stage())
    pid = backend.processes[0].pid
    with pytest.raises(HabitatError, match=r"no answer after 0\.5 s"):
        backend.render(CAMERA, ("rgb",))
    assert not Path(f"/proc/{pid}").exists()
    backend.close()


def test_a_row_that_crashes_leaves_the_others_in_step(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = HabitatBackend(3, python=sys.executable)
    for row in range(3):
        backend.load(row, stage(spawn=Pose.at(0.1 * row, 0.0)))
    os.kill(int(backend.processes[1].pid or 0), signal.SIGKILL)
    with pytest.raises(HabitatError, match="exit code -9"):
        go(backend, 0.5)
    backend.load(1, stage())
    assert go(backend, 0.5)[:, 0] == pytest.approx([0.5, 0.5, 0.5], abs=1e-6)
    backend.close()


def test_it_is_a_backend(backend: HabitatBackend) -> None:
    assert isinstance(backend, Backend)
    assert backend.provides == {"rgb", "depth", "instance", "pose", "state", "restore"}


@pytest.mark.parametrize("version", ["0.3.3", "0.3.4"])
@pytest.mark.parametrize(("yaw", "pitch"), [(0.9, -0.4), (-2.5, 0.2), (-np.pi / 2, 0.0)])
def test_bodies_are_seen_where_the_pinhole_puts_them(
    backend: HabitatBackend, monkeypatch: pytest.MonkeyPatch, version: str, yaw: float, pitch: float
) -> None:
    """Export, quaternions, y up, the camera's frame and the field of view: one wrong sign and this fails."""
    monkeypatch.setenv("FAKE_HABITAT_VERSION", version)
    angles = yaw + np.array([-0.5, -0.2, 0.1, 0.45])
    ahead = [block(f"b{n}", 1.7 * np.cos(a), 1.7 * np.sin(a)) for n, a in enumerate(angles)]
    world = stage(*ahead, spawn=Pose.at(0.1, -0.05, 0.0, yaw))
    backend.load(0, world)
    camera = Camera(48, 64, fov=1.1, eye=0.6, pitch=pitch)
    images = backend.render(camera, ("rgb", "depth", "instance"))
    eye, axes = camera_to_world(np.array([0.1, -0.05, 0.0]), np.array(yaw), 0.6, pitch)
    points = np.array([body.pose.position for body in world.bodies])
    pixels, depth = project(points, 48, 64, 1.1, eye, axes)
    tips, _ = project(np.array([body.pose.point(TIP) for body in world.bodies]), 48, 64, 1.1, eye, axes)
    for index in range(1, len(world.bodies)):
        place = (0, int(pixels[index, 1]), int(pixels[index, 0]))
        assert images["instance"][place] == index
        assert images["depth"][place] == pytest.approx(depth[index], abs=1e-4)
        assert (images["rgb"][0, int(tips[index, 1]), int(tips[index, 0])] == 101 + index).all()
    assert (images["instance"] == -1).sum() >= 48 * 64 - 5
    assert (images["depth"][images["instance"] == -1] == 0.0).all()
    assert [images[kind].dtype for kind in ("rgb", "depth", "instance")] == [np.uint8, np.float32, np.int32]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module server.py, without an engine."""
    monkeypatch.setitem(sys.modules, "habitat_sim", ModuleType("habitat_sim"))
    monkeypatch.setitem(sys.modules, "protocol", protocol)
    spec = spec_from_file_location("habitat_server", SERVER)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, 0, 0.8), (0.36, 0.48, -0.8)])
@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.7, np.pi / 2, 3.0, np.pi])
def test_every_rotation_has_its_quaternion(server: Any, axis: tuple[float, float, float], angle: float) -> None:
    wxyz = np.append(np.cos(angle / 2), np.sin(angle / 2) * np.asarray(axis))
    x, y, z, w = server.matrix_to_xyzw(np.round(wxyz_to_matrix(wxyz), 15))
    assert abs(np.dot((w, x, y, z), wxyz)) == pytest.approx(1.0, abs=1e-12)


def test_there_and_back_again(server: Any) -> None:
    points = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(server.to_loci(server.to_habitat(points)), points)
    np.testing.assert_array_equal(server.to_habitat(points), y_up(points))


def test_supersampling_averages_the_colours_only(backend: HabitatBackend) -> None:
    backend.load(0, stage(block("b", 1.5, 0.0)))
    fine = backend.render(Camera(8, 8, supersample=2), ("rgb", "depth"))
    assert fine["rgb"].shape == (1, 8, 8, 3)
    assert fine["depth"].shape == (1, 8, 8)
    assert sorted(np.unique(fine["rgb"]).tolist())[0] == 9
    with pytest.raises(Unsupported, match="no shadows"):
        backend.render(Camera(8, 8, shadows=True), ("rgb",))


def test_walking_turns_goes_and_slides(backend: HabitatBackend) -> None:
    backend.load(0, stage(spawn=Pose.at(0.0, 0.0, 0.0, np.pi / 2)))
    assert go(backend, 0.8, 0.3)[0] == pytest.approx([0.8, 0.3], abs=1e-5)
    assert backend.agent(0) == pytest.approx((-0.3, 0.8, np.pi / 2), abs=1e-5)
    go(backend, turn=-np.pi / 2 + 0.6)
    achieved = go(backend, 3.0)
    assert backend.agent(0)[0] == pytest.approx(1.8, abs=0.11), "the stand-in's border is at 1.8 m"
    assert achieved[0, 0] < 2.9
    assert backend.agents()[0][0, 2] == pytest.approx(0.0, abs=1e-6), (
        "the mesh lies higher than the floor, the agent does not"
    )


def test_a_circle_comes_home(backend: HabitatBackend) -> None:
    backend.load(0, stage())
    for _ in range(4):
        go(backend, np.pi / 8, turn=np.pi / 4)  # radius v / w = 0.5 m, half a turn in 4 s
    assert backend.agent(0)[:2] == pytest.approx((0.0, 1.0), abs=5e-3)
    for _ in range(4):
        go(backend, np.pi / 8, turn=np.pi / 4)
    assert backend.agent(0)[:2] == pytest.approx((0.0, 0.0), abs=5e-3)


def test_what_stands_blocks_and_what_is_carried_does_not(backend: HabitatBackend) -> None:
    backend.load(0, stage(block("b", 1.2, 0.0)))
    go(backend, 1.0)
    assert backend.agent(0)[0] == pytest.approx(0.5, abs=0.11)
    assert backend.hold(0, "b")
    assert backend.held(0) == "b"
    go(backend, 0.8)
    x = backend.agent(0)[0]
    assert x > 1.1
    assert backend.pose(0, "b").position == pytest.approx((x + CARRY[0], CARRY[1], CARRY[2]), abs=1e-5)
    backend.place(0, "b", Pose.at(0.4, 0.0, 0.1))
    assert backend.held(0) is None
    go(backend, -1.5)
    assert backend.agent(0)[0] == pytest.approx(1.1, abs=0.11), "the moved body blocks where it is now"
    assert not backend.hold(0, None)


def test_a_moved_body_is_seen_where_it_is_now(backend: HabitatBackend) -> None:
    backend.load(0, stage(block("b", 1.0, 1.0)))
    turned = Pose((1.5, 0.0, 1.0), (0.0, 0.6, 0.0, 0.8))
    backend.place(0, "b", turned)
    images = backend.render(Camera(33, 33, pitch=0.0), ("depth", "rgb"))
    assert images["depth"][0, 16, 16] == pytest.approx(1.5, abs=1e-5)
    eye, axes = camera_to_world(np.zeros(3), np.array(0.0), 1.0, 0.0)
    ((column, row),), _ = project(np.array([turned.point(TIP)]), 33, 33, Camera().fov, eye, axes)
    assert images["rgb"][0, int(row), int(column), 0] == 102


def test_doors_open_at_once_unless_the_agent_stands_in_the_way(backend: HabitatBackend) -> None:
    joint = Joint("slide", (1.0, 0.0, 0.0), 1.0)
    door = Body("door", "block", (Shape("box", (0.1, 0.1, 0.1)),), Pose.at(-1.5, 0.0, 0.3), joint=joint)
    backend.load(0, stage(door, block("b", 1.5, 1.5)))
    backend.drive(0, "door", 0.5)
    assert backend.opening(0, "door") == 0.5
    assert backend.pose(0, "door").position == pytest.approx((-1.0, 0.0, 0.3))
    backend.drive(0, "door", 1.0)
    assert backend.opening(0, "door") == 0.5, "it would stand less than 0.7 m from the agent"
    assert backend.pose(0, "door").position == pytest.approx((-1.0, 0.0, 0.3))
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        backend.drive(0, "door", 2.0)
    with pytest.raises(ValueError, match="'b' has no joint. Bodies that open: door"):
        backend.opening(0, "b")
    with pytest.raises(ValueError, match="use drive"):
        backend.place(0, "door", Pose())
    with pytest.raises(ValueError, match="'door' has a joint: it cannot be carried"):
        backend.hold(0, "door")
    assert backend.held(0) is None


def test_what_lies_in_a_drawer_or_on_a_tray_goes_along(backend: HabitatBackend) -> None:
    inside = Receptacle("in", (-0.3, -0.3, 0.0), (0.3, 0.3, 0.4))
    parts, joint = (Shape("box", (0.3, 0.3, 0.02)),), Joint("slide", (0.0, 1.0, 0.0), 0.4)
    drawer = Body("drawer", "drawer", parts, Pose.at(-1.5, 0.0, 0.5, np.pi), joint=joint, receptacles=(inside,))
    tray = Body("tray", "block", parts, Pose.at(1.4, 0.0, 0.3), 0.5, receptacles=(replace(inside, relation="on"),))
    cup, spoon = block("cup", 1.5, 0.1), block("spoon", -1.4, 0.1)
    backend.load(0, stage(drawer, tray, cup, replace(spoon, pose=Pose.at(-1.4, 0.1, 0.6))))
    backend.drive(0, "drawer", 1.0)
    assert backend.pose(0, "spoon").position == pytest.approx((-1.4, -0.3, 0.6))
    before = backend.pose(0, "tray").inverse() @ backend.pose(0, "cup")
    backend.hold(0, "tray")
    go(backend, 1.0, turn=0.5)
    x, y, yaw = backend.agent(0)
    assert np.hypot(x, y) > 0.9, "neither the tray nor the cup on it is in the way"
    assert backend.pose(0, "tray").yaw == pytest.approx(yaw)
    after = backend.pose(0, "tray").inverse() @ backend.pose(0, "cup")
    assert after.position == pytest.approx(before.position)
    saved = backend.state(0)
    backend.hold(0, None)
    assert go(backend, 0.3)[0, 0] == pytest.approx(0.0, abs=0.11)
    backend.restore(0, saved)
    assert backend.pose(0, "cup") == Pose(*poses_of(saved, "cup"))
    assert go(backend, 0.3)[0, 0] == pytest.approx(0.3, abs=1e-5)


def poses_of(state: WorldState, name: str) -> tuple[Any, Any]:
    numbers = state.arrays["poses"][state.world.index(name)].tolist()
    return tuple(numbers[:3]), tuple(numbers[3:])


def test_a_restored_state_goes_on_as_before(backend: HabitatBackend) -> None:
    rng = np.random.default_rng(1)
    commands = rng.uniform(-0.5, 0.5, (6, 3))
    backend.load(0, stage(block("b", 1.2, 0.3), block("c", -1.0, 1.0)))
    backend.place(0, "c", Pose.at(-1.2, -1.0, 0.2))
    backend.hold(0, "b")
    backend.mark(0, "c", "dirty", True)
    saved = backend.state(0)
    traces = []
    for change in (lambda: backend.hold(0, None), lambda: backend.load(0, stage())):
        trace = []
        for forward, left, turn in commands:
            go(backend, forward, left, turn)
            trace.append((backend.agent(0), backend.pose(0, "b"), backend.pose(0, "c"), backend.held(0)))
        traces.append(trace)
        change()
        backend.restore(0, saved)
        assert backend.states(0, "c") == {"dirty"}
        assert backend.world(0) == saved.world
    assert traces[0] == traces[1]


def test_what_was_carried_is_carried_again_and_blocks_nothing(backend: HabitatBackend) -> None:
    backend.load(0, stage(block("b", 1.2, 0.0)))
    backend.hold(0, "b")
    saved = backend.state(0)
    backend.hold(0, None)
    assert go(backend, 0.5)[0, 0] == pytest.approx(0.0, abs=0.11), "it was put down in front of the agent"
    backend.restore(0, saved)
    assert go(backend, 0.5)[0, 0] == pytest.approx(0.5, abs=1e-5)


def test_errors_at_the_door(backend: HabitatBackend) -> None:
    with pytest.raises(ValueError, match="row 0 has no world yet"):
        go(backend)
    with pytest.raises(ValueError, match="nothing the agent can stand on"):
        backend.load(0, World())
    with pytest.raises(ValueError, match=r"overlaps a body or stands on nothing; the nearest place where it fits is"):
        backend.load(0, stage(block("b", 0.3, 0.0)))
    with pytest.raises(ValueError, match="is in no room"):
        backend.load(0, stage(spawn=Pose.at(5.0, 0.0)))
    backend.load(0, stage())
    with pytest.raises(KeyError, match="no body 'x'.*floor"):
        backend.pose(0, "x")
    with pytest.raises(Diverged, match="command of row 0 is not finite"):
        go(backend, np.nan)
    with pytest.raises(Unsupported, match="contacts"):
        backend.contacts(0)
    with pytest.raises(ValueError, match="radius > 0"):
        HabitatBackend(1, python=sys.executable, radius=0.0)
    with pytest.raises(ValueError, match="call_timeout > 0"):
        HabitatBackend(1, python=sys.executable, call_timeout=0.0)


def test_the_gpu_that_is_asked_for_reaches_habitat(fake: Path) -> None:
    backend = HabitatBackend(1, python=sys.executable, gpu=0)
    with pytest.raises(HabitatError, match="AssertionError: unable to find CUDA device 0"):
        backend.load(0, stage())
    backend.close()


def test_a_scan_is_a_world_of_boxes_in_rooms(backend: HabitatBackend) -> None:
    backend.load(0, scan("house.glb", 4))
    world = backend.world(0)
    assert [body.name for body in world.bodies] == ["chair_0", "table_1", "unknown_2"]
    chair = world.body("chair_0")
    assert chair.pose.position == pytest.approx((1.0, 2.0, 0.5))
    assert chair.parts[0].size == pytest.approx((0.2, 0.3, 0.5))
    assert [room.name for room in world.rooms] == ["kitchen_0", "scene"]
    assert world.rooms[0].lower == pytest.approx((-3.0, -3.0, 0.0))
    assert world.rooms[1].contains(world.body("unknown_2").pose.position)
    instance = backend.render(CAMERA, ("instance",))["instance"][0]
    rows = [int(instance[row, 0]) for row in (0, 2, 4, 6)]
    assert rows == [1, 0, -1, -1], "semantic ids 3, 7, an unknown one and nothing"
    with pytest.raises(Unsupported, match="looked at, not moved"):
        backend.place(0, "chair_0", Pose())
    with pytest.raises(Unsupported, match="looked at, not moved"):
        backend.hold(0, "chair_0")
    first = backend.agent(0)
    backend.load(0, scan("house.glb", 4))
    assert backend.agent(0) == first
    saved = backend.state(0)
    backend.load(0, scan("house.glb", 5))
    assert backend.agent(0) != first
    backend.restore(0, saved)
    assert backend.agent(0) == first


def test_one_scene_can_replace_every_world(fake: Path) -> None:
    backend = HabitatBackend(1, python=sys.executable, scene="house.glb")
    backend.load(0, World(name="empty"))
    assert len(backend.world(0).bodies) == 3
    with pytest.raises(
        ValueError, match=r"backend.scene = 'house.glb' replaces every world, but 'world' holds 1 bodies"
    ):
        backend.load(0, stage())
    backend.close()


@pytest.mark.parametrize("name", ["habitat:", "habitat:house#x"])
def test_a_mistyped_scan_is_refused(backend: HabitatBackend, name: str) -> None:
    with pytest.raises(ValueError, match="a scan is named habitat:<scene>"):
        backend.load(0, World(name=name))

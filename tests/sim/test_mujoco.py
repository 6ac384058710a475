"""Physics by MuJoCo: closed forms of mechanics, the kinematic backend as an oracle for walking, exact states."""

import math
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("mujoco")

from loci.sim.backend import Diverged, WorldState
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.backends.mujoco import MujocoBackend
from loci.sim.backends.mujoco.spec import FRICTION, GRAVITY
from loci.sim.sensors import Camera
from loci.sim.world import Body, Pose, Shape, World
from loci.sim.worlds.rooms import walled_room
from tests.sim.mujoco_room import ball, box, crowd, go, inside, slab, stage

RADIUS = 0.2
CAMERA = Camera(48, 48)


@pytest.mark.parametrize("mass", [0.01, 100.0])
def test_every_body_falls_half_g_t_squared(mass: float) -> None:
    backend = stage(ball(1.0, 0.0, 2.0, mass))
    for tenth in range(1, 6):
        go(backend, seconds=0.1)
        fallen = 2.0 - backend.pose(0, "ball").position[2]
        assert fallen == pytest.approx(0.5 * GRAVITY * (0.1 * tenth) ** 2, rel=1e-9)


def test_a_rolling_ball_comes_to_rest_and_sleeps() -> None:
    backend = stage(ball(-1.0, 1.0, 0.1))
    inside(backend).qvel[3] = 0.5
    go(backend, seconds=6.0)
    assert -0.95 < backend.pose(0, "ball").position[0] < 0.0
    assert inside(backend).data.tree_asleep.max() >= 0


def test_a_spin_in_the_air_goes_on() -> None:
    rod = Body("rod", "rod", (Shape("box", (0.3, 0.02, 0.05)),), Pose.at(1.0, 1.0, 2.0), 1.0)
    backend = stage(rod)
    spin = inside(backend).qvel[6:9]
    spin[:] = (0.0, 5.0, 0.0)
    go(backend, seconds=0.4)
    assert spin[1] == pytest.approx(5.0, rel=0.02)


@pytest.mark.parametrize("degrees", [30.0, 45.0])
def test_a_slope_is_slid_down_exactly_when_it_is_steeper_than_friction(degrees: float) -> None:
    angle = math.radians(degrees)
    tilt = (math.cos(angle / 2), 0.0, math.sin(angle / 2), 0.0)
    slope = Body("slope", "slope", (Shape("box", (1.5, 0.5, 0.05)),), Pose((0.0, 2.0, 1.5), tilt))
    top = slope.pose.point((-0.5, 0.0, 0.05 + 0.0499))
    brick = Body("brick", "brick", (Shape("box", (0.1, 0.1, 0.05)),), Pose(top, tilt), 1.0)
    backend = stage(slope, brick)
    backend.place(0, "brick", brick.pose)
    go(backend, seconds=0.5)
    slid = math.dist(backend.pose(0, "brick").position, top)
    pull = GRAVITY * (math.sin(angle) - FRICTION * math.cos(angle))
    if pull < 0.0:
        assert slid < 2e-3
    else:
        assert slid == pytest.approx(0.5 * pull * 0.25, rel=0.06)


def test_free_ways_are_those_of_the_kinematic_backend() -> None:
    rng = np.random.default_rng(0)
    backend, oracle = stage(), KinematicBackend(1, radius=RADIUS)
    oracle.load(0, backend.world(0))
    for _ in range(12):
        backend.put_agent(0, Pose.at(0.0, 0.0, 0.0, 0.4))
        oracle.put_agent(0, Pose.at(0.0, 0.0, 0.0, 0.4))
        (forward, left), turn = rng.uniform(-1.0, 1.0, 2).tolist(), float(rng.uniform(-2.0, 2.0))
        applied = go(backend, forward, left, turn)
        expected = oracle.step({"velocity": np.array([[forward, left]]), "turn": np.array([turn])}, 1.0)
        np.testing.assert_allclose(backend.agent(0), oracle.agent(0), atol=0.01)
        np.testing.assert_allclose(applied["velocity"], expected["velocity"], atol=0.01)
        np.testing.assert_allclose(applied["turn"], [turn], atol=0.01)


def test_short_steps_lead_where_one_long_step_does() -> None:
    ends = []
    for seconds in (0.05, 1.0):
        backend = stage()
        for _ in range(round(1.0 / seconds)):
            go(backend, 0.75, 0.0, 0.5, seconds)
        ends.append(backend.agent(0))
    np.testing.assert_allclose(*ends, atol=2e-3)


def test_the_agent_leaves_a_wall_at_once_after_pushing_it_long() -> None:
    backend = stage(spawn=Pose.at(2.0, 0.0))
    go(backend, 1.0, seconds=10.0)
    x = backend.agent(0)[0]
    assert x == pytest.approx(3.0 - RADIUS, abs=3e-3)
    go(backend, -0.5, seconds=0.5)
    assert backend.agent(0)[0] == pytest.approx(x - 0.25, abs=0.01)


def test_a_command_beyond_the_limits_is_carried_out_at_the_limit() -> None:
    backend = stage(spawn=Pose.at(-2.0, 0.0), max_speed=1.0, max_turn=0.5)
    assert np.linalg.norm(go(backend, 3.0, 3.0)["velocity"]) == pytest.approx(1.0, abs=0.02)
    assert go(backend, turn=-4.0)["turn"][0] == pytest.approx(-0.5, abs=0.01)


def test_what_lies_below_the_knee_or_above_the_head_blocks_nothing() -> None:
    backend = stage(slab(1.0, 1.0, 0.04, name="sill"), slab(1.5, 1.0, 0.3, 1.25, "beam"))
    go(backend, 2.0)
    assert backend.agent(0)[0] == pytest.approx(2.0, abs=0.01)


def test_only_the_ground_has_no_edge() -> None:
    board = Body("board", "board", (Shape("plane", (0.3, 0.3, 0.0)),), Pose.at(1.0, 1.0, 0.5))
    backend = stage(board, ball(1.0, 1.0, 0.65))
    go(backend)
    assert backend.pose(0, "ball").position[2] == pytest.approx(0.6, abs=5e-3)
    backend.place(0, "ball", Pose.at(1.0, 1.45, 0.65))
    go(backend)
    assert backend.pose(0, "ball").position[2] == pytest.approx(0.1, abs=5e-3)


def test_a_stack_stands_and_falls_when_its_foot_is_taken_away() -> None:
    backend = stage(*(box(1.0, 1.0, 0.1, name=f"{i}", z=0.2 * i) for i in range(3)))
    before = [backend.pose(0, f"{i}").position for i in range(3)]
    go(backend, seconds=2.0)
    assert (inside(backend).data.tree_asleep >= 0).sum() == 3
    for i in range(3):
        np.testing.assert_allclose(backend.pose(0, f"{i}").position, before[i], atol=2e-3)
    assert {("0", "1"), ("0", "floor"), ("1", "2")} <= set(backend.contacts(0)), "those who sleep touch, too"
    backend.place(0, "0", Pose.at(-1.0, 1.0))
    go(backend)
    assert backend.pose(0, "2").position[2] == pytest.approx(0.2, abs=5e-3)


def test_what_stands_on_a_fixed_body_falls_when_that_is_moved() -> None:
    backend = stage(box(1.0, 1.0, 0.3, 0.0, "table"), box(1.0, 1.0, 0.1, 1.0, "cup", z=0.6))
    go(backend)
    backend.place(0, "table", Pose.at(-1.0, 1.0))
    assert backend.pose(0, "table") == Pose.at(-1.0, 1.0)
    go(backend)
    assert backend.pose(0, "cup").position[2] == pytest.approx(0.0, abs=5e-3)


def test_meshes_are_their_convex_hulls_of_their_own_size(tmp_path) -> None:  # type: ignore[no-untyped-def]
    trimesh = pytest.importorskip("trimesh")
    solid, flat = tmp_path / "solid.stl", tmp_path / "flat.obj"
    trimesh.creation.annulus(0.5, 1.0, 2.0).export(solid)
    flat.write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3\nf 1 3 4\n")
    ring = Shape("mesh", (0.2, 0.2, 0.1), mesh=str(solid), pose=Pose((0.0, 0.0, 0.1)))
    sheet = Shape("mesh", (0.2, 0.2, 0.01), mesh=str(flat), pose=Pose((0.0, 0.0, 0.01)))
    backend = stage(
        Body("ring", "ring", (ring,), Pose.at(1.0, 1.0, 0.3), 1.0), ball(1.0, 1.0, 0.7),
        Body("sheet", "sheet", (sheet,), Pose.at(-1.0, 1.0, 0.3), 1.0),
    )  # fmt: skip
    go(backend, seconds=2.0)
    assert backend.pose(0, "ring").position[2] == pytest.approx(0.0, abs=5e-3)
    assert backend.pose(0, "ball").position[2] == pytest.approx(0.3, abs=5e-3), "a hull has no hole"
    assert backend.pose(0, "sheet").position[2] == pytest.approx(0.0, abs=5e-3)


def wander(backend: MujocoBackend, seed: int, steps: int, row: int = 0) -> list[bytes]:
    """Every number of every step of a random walk; the door opens, the stone is moved, the load taken or left."""
    rng, seen = np.random.default_rng(seed), []
    for step in range(steps):
        if step == 2:
            backend.drive(row, "door", 0.6)
        if step == 3:
            backend.hold(row, "load" if backend.held(row) is None else None)
        if step == 5:
            backend.place(row, "stone", Pose.at(-2.5, float(rng.uniform(-2.0, 2.0))))
        go(backend, *rng.uniform(-1.0, 1.0, 3), seconds=0.2)
        data = inside(backend, row).data
        seen.append(data.qpos.tobytes() + data.qvel.tobytes() + data.tree_asleep.tobytes())
    return seen


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_restored_state_goes_on_bit_for_bit_also_elsewhere_and_from_json(seed: int) -> None:
    backend, other = MujocoBackend(1), MujocoBackend(1)
    backend.load(0, crowd(seed))
    other.load(0, walled_room(0))
    wander(backend, seed, 12)
    saved = backend.state(0)
    held, asleep = backend.held(0), (inside(backend).data.tree_asleep >= 0).sum()
    assert asleep > 3
    goes_on = wander(backend, seed + 10, 15)
    travelled = WorldState(
        World.from_json(saved.world.to_json()),
        {name: np.array(array.tolist(), array.dtype) for name, array in saved.arrays.items()},
    )
    for place, state in ((backend, saved), (other, travelled)):
        place.restore(0, state)
        assert place.held(0) == held
        assert (inside(place).data.tree_asleep >= 0).sum() == asleep
        assert wander(place, seed + 10, 15) == goes_on


def test_a_restored_row_looks_as_before() -> None:
    backend = MujocoBackend(1)
    backend.load(0, crowd(0))
    wander(backend, 0, 6)
    backend.place(0, "wall_1", Pose.at(0.0, 2.8, 1.0))
    saved, seen = backend.state(0), backend.render(CAMERA, CAMERA.kinds)
    backend.load(0, walled_room(3))
    backend.restore(0, saved)
    for kind, image in backend.render(CAMERA, CAMERA.kinds).items():
        np.testing.assert_array_equal(image, seen[kind])


def test_a_state_of_another_backend_or_world_is_refused() -> None:
    backend = stage(box(1.0, 0.0))
    oracle = KinematicBackend(1)
    oracle.load(0, backend.world(0))
    with pytest.raises(ValueError, match="'integration' must have shape"):
        backend.restore(0, oracle.state(0))
    with pytest.raises(ValueError, match="'integration' must have shape"):
        stage(box(1.0, 0.0), robot="rover").restore(0, backend.state(0))


def test_two_threads_step_as_one() -> None:
    runs = []
    for threads in (1, 2):
        backend = MujocoBackend(3, threads=threads)
        for row in range(3):
            backend.load(row, crowd(row))
        for _ in range(5):
            backend.step({"velocity": np.full((3, 2), 0.4), "turn": np.full(3, 0.5)}, 0.2)
        runs.append([inside(backend, row).qpos.tobytes() for row in range(3)])
        backend.close()
    assert runs[0] == runs[1]


def test_mistakes_are_answered_with_what_would_be_right() -> None:
    with pytest.raises(ValueError, match="robot must be the path of an MJCF file or one of: rover; got 'rovr'"):
        MujocoBackend(robot="rovr")
    with pytest.raises(ValueError, match="renderer must be one of cast, gl, got 'gpu'"):
        MujocoBackend(renderer="gpu")
    with pytest.raises(ValueError, match="need strength, reach, max_speed and max_turn > 0"):
        MujocoBackend(strength=0.0)
    backend = stage()
    with pytest.raises(ValueError, match=r"seconds must be a multiple of dt = 0.01, got 0.015"):
        go(backend, seconds=0.015)
    with pytest.raises(ValueError, match="is in no room of world"):
        backend.put_agent(0, Pose.at(20.0, 0.0))
    with pytest.raises(ValueError, match=r"agent of radius 0.2 m at \(1.000, 0.000\) overlaps 'box'"):
        stage(box(1.2, 0.0, mass=0.0), spawn=Pose.at(1.0, 0.0))


def test_a_row_that_left_the_finite_numbers_says_what_and_can_be_loaded_again() -> None:
    backend = MujocoBackend(2)
    for row in range(2):
        backend.load(row, walled_room(row, bodies=(box(1.0, 0.0),)))
    inside(backend, 1).qvel[3] = np.inf
    with pytest.raises(Diverged, match=r"row 1 has left the finite numbers: velocity .* of"):
        backend.step({"velocity": np.zeros((2, 2)), "turn": np.zeros(2)}, 0.1)
    backend.load(1, walled_room(1))
    backend.step({"velocity": np.zeros((2, 2)), "turn": np.zeros(2)}, 0.1)


def test_without_the_package_the_error_names_the_cure() -> None:
    code = "import sys; sys.modules['mujoco'] = None; import loci.sim.backends.mujoco"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError" in done.stderr
    assert "pip install 'loci[mujoco]'" in done.stderr


def test_what_stands_when_the_world_begins_stands_until_it_is_touched() -> None:
    pin = Shape("sphere", (0.1, 0.1, 0.1), pose=Pose.at(0, 0, 0.1))
    head = Shape("box", (0.2, 0.05, 0.05), pose=Pose.at(0.2, 0, 0.25))
    thing = Body("thing", "thing", (pin, head), Pose.at(0.75, 0.0), 1.0)
    backend = stage(thing, box(0.0, 1.5, 0.1, name="high", z=1.0))
    go(backend, seconds=2.0)
    assert backend.pose(0, "thing").position == (0.75, 0.0, 0.0)
    assert backend.pose(0, "high").position[2] == pytest.approx(0.0, abs=2e-3), "what touches nothing falls"
    go(backend, forward=0.5, seconds=2.0)
    assert abs(backend.pose(0, "thing").wxyz[0]) < 0.99, "pushed, it topples"

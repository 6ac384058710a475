"""What every backend must hold, whatever engine is behind it. Each law gets a function that makes B rows."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from loci.sim.backend import Backend, Diverged, Unsupported
from loci.sim.joints import Joint, Receptacle
from loci.sim.sensors import Camera
from loci.sim.world import Body, Pose, Shape, World
from loci.sim.worlds.rooms import walled_room

Make = Callable[[int], Backend]
GRAVITY = 9.81
MIDDLE = Pose()
CAMERA = Camera(33, 33, fov=math.radians(60.0), eye=0.5, pitch=0.0)


def ball(x: float, y: float, z: float, radius: float = 0.1, name: str = "ball", mass: float = 1.0) -> Body:
    return Body(name, "ball", (Shape("sphere", (radius,) * 3, (0.9, 0.1, 0.1)),), Pose.at(x, y, z), mass)


def box(x: float, y: float, half: float = 0.15, name: str = "box", mass: float = 1.0) -> Body:
    shape = Shape("box", (half,) * 3, (0.1, 0.1, 0.9), pose=Pose((0.0, 0.0, half)))
    return Body(name, "box", (shape,), Pose.at(x, y, 0.0), mass)


def door(opening: float = 0.0) -> Body:
    """A leaf 0.6 m wide that stands across the x axis 1.2 m away and swings away from the agent."""
    leaf = Shape("box", (0.02, 0.3, 0.5), (0.6, 0.4, 0.2), pose=Pose((0.0, 0.3, 0.55)))
    joint = Joint("hinge", (0.0, 0.0, 1.0), -math.pi / 2, opening=opening)
    return Body("door", "door", (leaf,), Pose.at(1.2, -0.3), 2.0, joint)


def drawer() -> Body:
    """A shallow tray that slides 0.3 m to the right of the agent."""
    parts = [Shape("box", (0.2, 0.2, 0.01), pose=Pose((0.0, 0.0, 0.3)))]
    parts += [Shape("box", (0.2, 0.01, 0.05), pose=Pose((0.0, side, 0.35))) for side in (-0.19, 0.19)]
    parts += [Shape("box", (0.01, 0.18, 0.05), pose=Pose((side, 0.0, 0.35))) for side in (-0.19, 0.19)]
    space = Receptacle("in", (-0.18, -0.18, 0.31), (0.18, 0.18, 0.6), behind="drawer")
    joint = Joint("slide", (0.0, -1.0, 0.0), 0.3)
    return Body("drawer", "drawer", tuple(parts), Pose.at(0.9, 0.0), 1.0, joint, (space,))


def load(make: Make, *bodies: Body, spawn: Pose = MIDDLE, size: float = 5.0) -> Backend:
    backend = make(1)
    backend.load(0, walled_room(0, size, bodies=bodies, spawns=(spawn,)))
    return backend


def walk(backend: Backend, forward: float = 0.0, turn: float = 0.0, seconds: float = 1.0) -> dict[str, np.ndarray]:
    command = {"velocity": np.array([[forward, 0.0]] * backend.batch), "turn": np.full(backend.batch, turn)}
    return backend.step(command, seconds)


def where(backend: Backend, name: str, row: int = 0) -> np.ndarray:
    return np.array(backend.pose(row, name).position)


def needs(backend: Backend, *abilities: str) -> None:
    missing = sorted(set(abilities) - backend.provides)
    if missing:
        backend.close()
        pytest.skip(f"does not provide {', '.join(missing)}")


def a_dropped_ball_falls_as_galilei_says(make: Make) -> None:
    backend = load(make, ball(1.0, 0.0, 2.0))
    needs(backend, "dynamics")
    for tenth in range(1, 6):
        walk(backend, seconds=0.1)
        fallen = 2.0 - where(backend, "ball")[2]
        assert fallen == pytest.approx(0.5 * GRAVITY * (0.1 * tenth) ** 2, rel=0.03, abs=0.01)
    backend.close()


def what_stands_stays(make: Make) -> None:
    backend = load(make, box(1.0, 0.5), box(-1.0, 0.5, 0.2, "fixed", mass=0.0), door(0.4), drawer_at(-1.0))
    before = {name: where(backend, name) for name in ("box", "fixed", "door")}
    walk(backend, seconds=2.0)
    for name, position in before.items():
        assert np.abs(where(backend, name) - position).max() < 3e-3, name
    assert backend.opening(0, "door") == pytest.approx(0.4, abs=0.02)
    backend.close()


def drawer_at(y: float) -> Body:
    return replace(drawer(), pose=Pose.at(0.9, y))


def a_restored_state_leads_to_the_same_states(make: Make) -> None:
    bodies = (box(0.8, 0.05, 0.1), ball(0.3, 0.8, 1.0), box(-1.0, 0.5, name="sleeper"), door(0.3))
    first, second = load(make, *bodies), make(1)
    needs(first, "state", "restore")
    for _ in range(3):
        walk(first, 0.5, 0.2, 0.5)
    first.drive(0, "door", 1.0)
    first.mark(0, "box", "dirty", True)
    saved = first.state(0)
    goes_on = journey(first)
    second.load(0, walled_room(3))
    for backend in (first, second):
        backend.restore(0, saved)
        assert backend.states(0, "box") == {"dirty"}
        assert journey(backend) == goes_on
    first.close()
    second.close()


def journey(backend: Backend) -> list[tuple[float, ...]]:
    """Everything that can be asked for, over some steps."""
    seen: list[tuple[float, ...]] = []
    for forward, turn in ((0.6, 0.0), (0.3, -0.8), (0.0, 0.0), (-0.5, 0.3)):
        walk(backend, forward, turn, 0.5)
        poses = [backend.pose(0, body.name) for body in backend.world(0).bodies]
        numbers = [value for pose in poses for value in (*pose.position, *pose.wxyz)]
        seen.append((*backend.agent(0), *numbers, backend.opening(0, "door")))
    return seen


def a_wall_two_metres_ahead_reads_two_metres(make: Make) -> None:
    backend = load(make, spawn=Pose.at(0.5, 0.0))
    image = backend.render(CAMERA, ("depth", "instance"))
    depth, ids = image["depth"][0], image["instance"][0]
    wall = backend.world(0).bodies[int(ids[16, 16])].name
    ahead = ids == ids[16, 16]
    assert wall.startswith("wall_")
    assert depth[16, 16] == pytest.approx(2.0, abs=5e-3)
    assert depth[0, 0] == pytest.approx(2.0, abs=5e-3)
    assert depth[0, 32] == pytest.approx(2.0, abs=5e-3)
    assert np.allclose(depth[ahead], 2.0, atol=5e-3)
    backend.close()


def instance_ids_name_bodies(make: Make) -> None:
    backend = load(make, box(1.2, 0.0, 0.3), ball(-1.5, 0.0, 0.2, 0.2))
    world = backend.world(0)
    assert world.bodies[int(backend.render(CAMERA, ("instance",))["instance"][0, 20, 16])].name == "box"
    walk(backend, turn=math.pi)
    assert world.bodies[int(backend.render(CAMERA, ("instance",))["instance"][0, 20, 16])].name == "ball"
    backend.close()


def a_placed_body_is_where_it_was_placed(make: Make) -> None:
    backend = load(make, box(1.0, 0.0), box(1.0, 1.0, name="other"))
    pose = Pose.at(-1.2, 0.7, 0.0, 2.5)
    backend.place(0, "box", pose)
    found = backend.pose(0, "box")
    assert found.position == pytest.approx(pose.position, abs=1e-6)
    assert abs(sum(a * b for a, b in zip(found.wxyz, pose.wxyz, strict=True))) == pytest.approx(1.0, abs=1e-6)
    backend.put_agent(0, Pose.at(-1.2, -0.5, 0.0, math.pi / 2))
    ids = backend.render(CAMERA, ("instance",))["instance"][0]
    assert backend.world(0).bodies[int(ids[24, 16])].name == "box"
    backend.close()


def a_step_goes_as_far_as_commanded_and_says_so(make: Make) -> None:
    backend = load(make, spawn=Pose.at(-1.0, 0.0))
    applied = walk(backend, 0.75)
    x, y, yaw = backend.agent(0)
    assert (x, y) == pytest.approx((-0.25, 0.0), abs=0.01)
    assert applied["velocity"][0] == pytest.approx((x + 1.0, y), abs=2e-3)
    applied = walk(backend, 0.0, math.radians(72.0))
    assert backend.agent(0)[2] - yaw == pytest.approx(math.radians(72.0), abs=math.radians(0.5))
    assert applied["turn"][0] == pytest.approx(backend.agent(0)[2] - yaw, abs=2e-3)
    backend.close()


def walls_stop_the_agent_and_let_it_slide(make: Make) -> None:
    backend = load(make, box(1.0, 1.5, 0.3, "rock", mass=0.0), spawn=Pose.at(1.5, 0.0, 0.0, 0.5))
    for _ in range(3):
        applied = walk(backend, 0.75)
    x, y, _ = backend.agent(0)
    assert 2.25 < x < 2.31
    assert y > 0.5, "it slides along the wall"
    assert np.hypot(*applied["velocity"][0]) < 0.6, "what was achieved, not what was asked for"
    backend.put_agent(0, Pose.at(1.0, 0.4, 0.0, math.pi / 2))
    walk(backend, 0.75, seconds=2.0)
    assert backend.agent(0)[1] < 1.03, "a fixed body stops it"
    backend.close()


def light_things_are_pushed_only_where_there_are_dynamics(make: Make) -> None:
    backend = load(make, box(0.6, 0.0, 0.1, mass=0.5))
    for _ in range(2):
        walk(backend, 0.5)
    moved = where(backend, "box")[0] - 0.6
    assert moved > 0.3 if "dynamics" in backend.provides else moved == 0.0
    backend.close()


def what_is_held_comes_along_and_is_left_behind(make: Make) -> None:
    backend = load(make, box(0.7, 0.0, 0.1))
    assert backend.held(0) is None
    assert backend.hold(0, "box")
    assert backend.held(0) == "box"
    walk(backend, 0.0, math.pi / 2)
    walk(backend, 0.5)
    x, y, _ = backend.agent(0)
    carried = where(backend, "box")
    assert np.hypot(carried[0] - x, carried[1] - y) == pytest.approx(0.55, abs=0.05)
    assert carried[2] == pytest.approx(0.55, abs=0.05)
    assert backend.hold(0, None)
    walk(backend, -0.5)
    walk(backend)
    assert np.hypot(*(where(backend, "box") - carried)[:2]) < 0.15, "it stays where it was let go"
    assert where(backend, "box")[2] < 0.02 if "dynamics" in backend.provides else True, "and falls"
    backend.close()


def a_hand_does_not_reach_everything(make: Make) -> None:
    backend = load(make, box(2.0, 0.0, 0.1), box(-0.8, 0.0, 0.1, "behind"), box(0.0, 0.9, 0.3, "rock", mass=0.0))
    needs(backend, "dynamics")
    for name in ("box", "behind", "rock"):
        before = where(backend, name)
        assert not backend.hold(0, name), name
        assert backend.held(0) is None
        assert np.array_equal(where(backend, name), before), name
    backend.close()


def doors_and_drawers_open_with_what_is_in_them(make: Make) -> None:
    thing = ball(0.9, 0.0, 0.36, 0.05)
    backend = load(make, drawer(), thing)
    walk(backend, seconds=0.5)
    assert backend.opening(0, "drawer") == pytest.approx(0.0, abs=0.02)
    backend.drive(0, "drawer", 1.0)
    walk(backend, seconds=3.0)
    assert backend.opening(0, "drawer") == pytest.approx(1.0, abs=0.05)
    assert where(backend, "drawer")[1] == pytest.approx(-0.3, abs=0.02)
    assert abs(where(backend, "ball")[1] + 0.3) < 0.16, "what lies in it comes along"
    backend.drive(0, "drawer", 0.0)
    walk(backend, seconds=3.0)
    assert backend.opening(0, "drawer") == pytest.approx(0.0, abs=0.05)
    backend.close()


def an_open_door_lets_the_agent_through(make: Make) -> None:
    backend = load(make, door())
    for _ in range(2):
        walk(backend, 0.75)
    assert backend.agent(0)[0] < 1.2, "closed"
    backend.put_agent(0, Pose())
    backend.drive(0, "door", 1.0)
    walk(backend, seconds=3.0)
    assert backend.opening(0, "door") > 0.9
    for _ in range(2):
        walk(backend, 0.75)
    assert backend.agent(0)[0] > 1.3, "open"
    backend.close()


def rows_do_not_touch(make: Make) -> None:
    many, one = make(3), make(1)
    for row, x in enumerate((0.6, 0.7, 1.9)):
        many.load(row, walled_room(row, bodies=(box(x, 0.0, 0.1),)))
    one.load(0, walled_room(1, bodies=(box(0.7, 0.0, 0.1),)))
    for backend in (many, one):
        for _ in range(3):
            walk(backend, 0.5, 0.1)
    assert many.agent(1) == one.agent(0)
    assert many.pose(1, "box") == one.pose(0, "box")
    assert many.agent(0) != many.agent(2)
    many.close()
    one.close()


def touching_bodies_are_named(make: Make) -> None:
    backend = load(make, box(1.0, 0.0), ball(0.0, 1.5, 1.5), spawn=Pose.at(-2.29, 0.0, 0.0, math.pi))
    if "contacts" not in backend.provides:
        with pytest.raises(Unsupported):
            backend.contacts(0)
        backend.close()
        return
    walk(backend, 0.3, seconds=0.1)
    pairs = backend.contacts(0)
    assert ("box", "floor") in pairs
    assert any("agent" in pair and any(name.startswith("wall") for name in pair) for pair in pairs)
    assert not any("ball" in pair for pair in pairs)
    backend.close()


def mistakes_are_refused_with_names(make: Make) -> None:
    backend = load(make, box(1.0, 0.0), door())
    for asked in (backend.pose, backend.hold, backend.states, backend.opening):
        with pytest.raises(KeyError, match=r"no body 'bix'.*box.*door"):
            asked(0, "bix")
    with pytest.raises(ValueError, match=r"'box' has no joint\. Bodies that open: door"):
        backend.drive(0, "box", 1.0)
    with pytest.raises(ValueError, match=r"\[0, 1\], got 2"):
        backend.drive(0, "door", 2.0)
    with pytest.raises(ValueError, match="has a joint"):
        backend.place(0, "door", Pose())
    with pytest.raises(ValueError, match="overlaps 'box'"):
        backend.put_agent(0, Pose.at(0.9, 0.0))
    with pytest.raises(Diverged, match="row 0"):
        walk(backend, math.nan)
    with pytest.raises(ValueError, match="no spawn pose"):
        backend.load(0, World(spawns=()))
    backend.close()


def an_empty_row_says_so(make: Make) -> None:
    backend = make(1)
    with pytest.raises(ValueError, match="row 0 has no world yet"):
        backend.world(0)
    backend.close()


LAWS = [
    value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__annotations__", {}).get("make") is Make and name != "load"
]

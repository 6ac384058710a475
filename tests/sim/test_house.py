"""Houses: what must hold in every one of them, over a hundred seeds, and what holds on average."""

import math
from collections import Counter, defaultdict
from functools import cache

import numpy as np
import pytest

from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.geometry import wxyz_to_matrix
from loci.sim.sensors import Camera
from loci.sim.world import Body, Room, World
from loci.sim.worlds.floorplan import AREAS, LONGEST, floorplan
from loci.sim.worlds.house import House
from loci.sim.worlds.navigation import Grid, distances, occupancy
from loci.sim.worlds.things import KINDS, POSSIBLE

SEEDS = range(100)
REACH = 0.8
"""An arm's length: metres from where the agent stands to the edge of a receptacle, seen from above."""
SHELL = {"floor", "wall", "window", "door", "drawer", "lid", "ceiling", "rug"}


@cache
def house(seed: int) -> World:
    return House().world(np.random.default_rng(seed))


@cache
def walkable(seed: int) -> tuple[Grid, np.ndarray]:
    """The grid of a house, its leaves as they are, and the cells that can be reached from its spawn."""
    grid = occupancy(house(seed))
    return grid, np.isfinite(distances(grid, house(seed).spawns[0].position))


def kind(name: str) -> str:
    return name.rstrip("_0123456789")


def room_of(world: World, point: tuple[float, ...]) -> Room:
    return next(room for room in world.rooms if room.contains((point[0], point[1], 0.5)))


def upright_box(body: Body) -> np.ndarray:
    """Corners (4, 2) of the oriented rectangle around a body, and its lower and upper height."""
    (x0, y0, _), (x1, y1, _) = body.extent
    start = body.start
    return np.array(
        [start.point(corner)[:2] for corner in ((x0, y0, 0.0), (x1, y0, 0.0), (x1, y1, 0.0), (x0, y1, 0.0))]
    )


def is_leaf(world: World, body: Body) -> bool:
    """Whether a body is the leaf of a room's doorway."""
    return body.name.endswith("_door") and body.name.removesuffix("_door") in {room.name for room in world.rooms}


def breadth(body: Body) -> float:
    """Greatest distance of any part from the body's upright axis."""
    far = [math.hypot(*c[:2]) for part in body.parts if part.kind == "box" for c in _corners(part)]
    return max([*far, *(math.hypot(*p.pose.position[:2]) + p.size[0] for p in body.parts if p.kind != "box")])


def heights(body: Body) -> tuple[float, float]:
    z = body.start.position[2]
    return z + body.extent[0][2], z + body.extent[1][2]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Depth by which two convex outlines overlap, by the separating axis theorem; <= 0 when they do not."""
    depths = [float(d) for d in np.minimum(a.max(axis=0), b.max(axis=0)) - np.maximum(a.min(axis=0), b.min(axis=0))]
    if min(depths) <= 0.0:
        return min(depths)
    for outline in (a, b):
        for edge in np.roll(outline, -1, axis=0) - outline:
            axis = np.array([edge[1], -edge[0]]) / np.hypot(*edge)
            p, q = a @ axis, b @ axis
            depths.append(min(p.max(), q.max()) - max(p.min(), q.min()))
    return min(depths)


@pytest.mark.parametrize("bedrooms", [1, 2, 3])
def test_rooms_tile_the_house_and_have_sizes_from_the_table(bedrooms: int) -> None:
    for seed in range(200):
        plan = floorplan(np.random.default_rng(seed), bedrooms, bool(seed % 2))
        lower, upper = np.array([a.lower for a in plan.areas]), np.array([a.upper for a in plan.areas])
        total = np.prod(upper.max(axis=0) - lower.min(axis=0))
        assert sum(a.size for a in plan.areas) == pytest.approx(total)
        for i, area in enumerate(plan.areas):
            low, high = AREAS[area.kind]
            assert low - 1e-6 <= area.size <= high + 1e-6, area
            short, long = sorted(upper[i] - lower[i])
            assert area.kind == "hallway" or long <= LONGEST * short + 1e-6
            apart = np.maximum(lower[i] - upper, lower - upper[i]).max(axis=1)
            assert (np.delete(apart, i) >= -1e-9).all()


def test_every_room_is_reached_without_going_through_a_bathroom_bedroom_or_study() -> None:
    for seed in range(300):
        plan = floorplan(np.random.default_rng(seed), 1 + seed % 3, bool(seed % 2))
        ways = defaultdict(set)
        for door in plan.doorways:
            ways[door.first].add(door.second)
            ways[door.second].add(door.first)
        private = {a.name for a in plan.areas if a.kind in ("bathroom", "bedroom", "study")}
        seen, todo = {""}, [""]
        while todo:
            for other in ways[todo.pop()] - seen:
                seen.add(other)
                if other not in private:
                    todo.append(other)
        assert seen - {""} == {area.name for area in plan.areas}
        assert "kitchen" in ways["living_room"]
        assert all(not ways[name] & {"kitchen"} for name in private)


def test_doorways_lie_in_the_wall_between_their_rooms() -> None:
    for seed in range(100):
        plan = floorplan(np.random.default_rng(seed), 2, True)
        areas = {area.name: area for area in plan.areas}
        for door in plan.doorways:
            for area in (areas[name] for name in (door.first, door.second) if name):
                across, along = door.axis, 1 - door.axis
                assert min(abs(door.centre[across] - e[across]) for e in (area.lower, area.upper)) < 1e-9
                assert area.lower[along] + 0.55 <= door.centre[along] <= area.upper[along] - 0.55


def test_the_same_seed_gives_the_same_house_and_others_differ() -> None:
    again = [House().world(np.random.default_rng(seed)) for seed in range(10)]
    assert again == [house(seed) for seed in range(10)]
    assert len({house(seed) for seed in SEEDS}) == len(SEEDS)


def test_a_house_survives_json() -> None:
    for seed in range(5):
        assert World.from_json(house(seed).to_json()) == house(seed)


def test_every_room_can_be_walked_to_with_the_leaves_as_they_stand() -> None:
    """At least half a square metre of each room, for the agent's middle, and most of its free floor."""
    for seed in SEEDS:
        grid, reached = walkable(seed)
        for room in house(seed).rooms:
            free = grid.near(room.lower, room.upper, 0.0)
            inside = free & reached
            assert inside.sum() * grid.cell**2 > 0.5, (seed, room.name)
            assert inside.sum() > 0.6 * free.sum(), (seed, room.name)


def test_every_receptacle_has_a_place_to_stand_within_reach_in_its_own_room() -> None:
    for seed in SEEDS:
        world, (grid, reached) = house(seed), walkable(seed)
        for body in world.bodies:
            for space in body.receptacles:
                corners = [body.start.point((x, y, 0)) for x in (space.lower[0], space.upper[0])
                           for y in (space.lower[1], space.upper[1])]  # fmt: skip
                lower, upper = np.min(corners, axis=0), np.max(corners, axis=0)
                room = room_of(world, tuple((lower + upper) / 2))
                standing = grid.near(lower, upper, REACH) & grid.near(room.lower, room.upper, 0.0) & reached
                assert standing.any(), (seed, body.name)


def test_furniture_does_not_overlap() -> None:
    for seed in SEEDS:
        pieces = [b for b in house(seed).bodies if b.mass == 0.0 and b.category not in SHELL]
        outlines = [(upright_box(b), *heights(b), b.name) for b in pieces]
        for i, (a, low, high, name) in enumerate(outlines):
            for b, bottom, top, other in outlines[:i]:
                if min(high, top) - max(low, bottom) > 1e-6:
                    assert overlap(a, b) < 1e-6, (seed, name, other)


def test_furniture_stands_inside_its_room_and_clear_of_leaves() -> None:
    for seed in SEEDS:
        world = house(seed)
        leaves = [upright_box(body) for body in world.bodies if is_leaf(world, body)]
        for body in world.bodies:
            if body.mass > 0.0 or body.category in SHELL:
                continue
            outline = upright_box(body)
            room = room_of(world, tuple(outline.mean(axis=0)))
            assert all(room.contains((*corner, 0.1)) for corner in outline), (seed, body.name)
            assert all(overlap(outline, leaf) < 1e-6 for leaf in leaves) or heights(body)[0] > 1.0, (seed, body.name)


def test_things_stand_in_one_receptacle_each_and_do_not_touch() -> None:
    for seed in SEEDS:
        world = house(seed)
        spaces = [(b, b.start.inverse(), s) for b in world.bodies for s in b.receptacles]
        shared = defaultdict(list)
        for item in (b for b in world.bodies if b.mass > 0.0):
            where = item.pose.position
            inside = [n for n, (_, back, space) in enumerate(spaces) if space.contains(back.point(where), 1e-6)]
            holders = [n for n in inside if abs(spaces[n][1].point(where)[2] - spaces[n][2].lower[2]) < 1e-6]
            assert len(holders) == 1, (seed, item.name, [spaces[n][0].name for n in holders])
            _, back, space = spaces[holders[0]]
            disc = KINDS[item.category].radius
            x, y, _ = back.point(where)
            assert breadth(item) <= disc + 1e-6, item.name
            room = (x - space.lower[0], space.upper[0] - x, y - space.lower[1], space.upper[1] - y)
            assert min(room) >= disc, (seed, item.name)
            assert where[2] + item.extent[1][2] <= spaces[holders[0]][0].start.position[2] + space.upper[2] + 1e-6
            shared[holders[0]].append((where, disc, item.name))
        for items in shared.values():
            for i, (p, r, name) in enumerate(items):
                for q, s, other in items[:i]:
                    assert math.dist(p[:2], q[:2]) > r + s, (seed, name, other)


def test_things_are_as_light_and_as_large_as_their_table_says() -> None:
    for item in (b for seed in range(20) for b in house(seed).bodies if b.mass > 0.0):
        assert 0.05 <= item.mass <= 2.0
        assert item.extent[0][2] == pytest.approx(0.0, abs=1e-9)
        assert item.extent[1][2] <= KINDS[item.category].height + 0.011, item.name


def test_doors_open_into_free_air() -> None:
    """Wide open, each part of a door, drawer or lid is in its room and meets no fixed body but its own piece."""
    for seed in range(25):
        world = house(seed)
        fixed = [
            (b.name, upright_box(b), heights(b)) for b in world.bodies if b.mass == 0.0 and b.category not in SHELL
        ]
        for body in world.bodies:
            if body.joint is None or is_leaf(world, body):
                continue
            owner = body.name.rsplit(f"_{body.category}", 1)[0].removesuffix("_left").removesuffix("_right")
            room = room_of(world, body.pose.position)
            pose = body.pose @ body.joint.motion(1.0)
            for part in body.parts:
                points = np.array([pose.point(corner) for corner in _corners(part)])
                (x0, y0, z0), (x1, y1, z1) = points.min(axis=0), points.max(axis=0)
                assert room.contains((x0, y0, z0)), (seed, body.name)
                assert room.contains((x1, y1, z1)), (seed, body.name)
                outline = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
                for name, rectangle, (low, high) in fixed:
                    if name != owner and min(z1, high) - max(z0, low) > 1e-6:
                        assert overlap(outline, rectangle) < 1e-6, (seed, body.name, name)


def _corners(part) -> list[tuple[float, float, float]]:  # type: ignore[no-untyped-def]
    x, y, z = part.size
    return [part.pose.point((a * x, b * y, c * z)) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]


def test_every_receptacle_behind_a_door_names_a_body_that_opens() -> None:
    opened = Counter()
    for seed in range(30):
        world = house(seed)
        for body in world.bodies:
            for space in body.receptacles:
                if space.behind:
                    assert world.body(space.behind).joint is not None
                    opened[body.category] += 1
    assert set(opened) >= {"fridge", "oven", "cabinet", "wardrobe", "microwave", "drawer", "chest", "dishwasher"}


def test_states_are_those_a_category_can_have() -> None:
    found = Counter()
    for seed in SEEDS:
        for body in house(seed).bodies:
            assert set(body.states) <= set(POSSIBLE.get(body.category, {})), body.name
            found.update((body.category, state) for state in body.states)
    assert {("lamp", "on"), ("mug", "dirty"), ("mug", "filled"), ("plate", "dirty")} <= set(found)


def test_a_house_holds_what_a_household_needs() -> None:
    """Houses out of 100; each limit is at least 2.5 standard errors below the share of 400 others."""
    share = Counter(c for seed in SEEDS for c in {b.category for b in house(seed).bodies})
    always = ("bed", "sofa", "toilet", "sink", "microwave", "cabinet", "drawer", "door", "fridge", "oven", "bathtub")
    assert all(share[c] >= 94 for c in always), {c: share[c] for c in always}
    assert all(share[c] >= 72 for c in ("table", "wardrobe", "lamp", "bin", "tv_stand", "shelf", "dishwasher"))
    assert all(share[c] >= 76 for c in KINDS), {c: share[c] for c in KINDS if share[c] < 76}


def test_the_shares_of_bedrooms_studies_and_leaves_are_those_asked_for() -> None:
    """400 plans: a share of 0.4 lies within 0.1 (four standard errors), bedrooms are uniform over 1, 2, 3."""
    plans = [House().plan(np.random.default_rng(seed)) for seed in range(400)]
    beds = Counter(sum(a.kind == "bedroom" for a in plan.areas) for plan in plans)
    assert all(abs(beds[n] / 400 - 1 / 3) < 0.095 for n in (1, 2, 3)), beds
    assert abs(np.mean([any(a.kind == "study" for a in plan.areas) for plan in plans]) - 0.4) < 0.1


def test_parts_stay_few() -> None:
    parts = {seed: sum(len(b.parts) for b in house(seed).bodies) for seed in SEEDS}
    five = [parts[seed] for seed in SEEDS if len(house(seed).rooms) == 5]
    assert len(five) >= 10
    assert np.mean(five) < 400.0
    assert max(parts.values()) < 700


def test_leaves_and_ceilings_come_as_asked() -> None:
    rng = np.random.default_rng
    for seed in range(5):
        every = House(doors=1.0, closed=1.0, ceiling=True, things=(0, 0)).world(rng(seed))
        leaves = [b for b in every.bodies if is_leaf(every, b)]
        private = [r for r in every.rooms if kind(r.name) in ("bedroom", "bathroom", "study")]
        assert len(leaves) == len(private)
        assert all(b.joint is not None and b.joint.opening == 0.0 for b in leaves)
        assert sum(b.category == "ceiling" for b in every.bodies) == len(every.rooms)
        assert all(b.mass == 0.0 for b in every.bodies)
        grid = occupancy(every)
        inside = np.isfinite(distances(grid, every.spawns[0].position))
        ways = occupancy(every, without=[b.name for b in leaves])
        through = np.isfinite(distances(ways, every.spawns[0].position))
        for room in private:
            assert not (grid.near(room.lower, room.upper, 0.0) & inside).any()
            assert (ways.near(room.lower, room.upper, 0.0) & through).any()
        none = House(doors=0.0).world(rng(seed))
        assert not [b for b in none.bodies if is_leaf(none, b)]


def test_an_agent_can_be_put_at_the_spawn_and_sees_the_house() -> None:
    backend = KinematicBackend(1)
    for seed in range(10):
        backend.load(0, house(seed))
        image = backend.render(Camera(32, 32, pitch=0.0), ("instance",))["instance"]
        assert len(np.unique(image)) >= 2


def test_meshes_join_the_things_when_pybullet_is_there() -> None:
    pytest.importorskip("pybullet_data")
    world = House(meshes=5).world(np.random.default_rng(0))
    ornaments = [b for b in world.bodies if b.category == "ornament"]
    assert 1 <= len(ornaments) <= 5
    assert all(b.parts[0].kind == "mesh" for b in ornaments)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"bedrooms": (0, 2)}, r"House.bedrooms must be \(fewest, most\) with 1 <= fewest <= most <= 3, got \(0, 2\)"),
        ({"things": (9, 3)}, r"House.things must be .* got \(9, 3\)"),
        ({"doors": 1.5}, r"House.doors must lie in \[0, 1\], got 1.5"),
        ({"meshes": -1}, "House.meshes must be 0 or more, got -1"),
    ],
)
def test_settings_are_checked(setting: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        House(**setting)


def test_frames_of_walls_face_into_their_rooms() -> None:
    for wall in (b for b in house(0).bodies if b.category == "wall"):
        room = house(0).rooms[[r.name for r in house(0).rooms].index(wall.name.rsplit("_wall_", 1)[0])]
        inward = wxyz_to_matrix(np.asarray(wall.pose.wxyz))[:, 0]
        middle = (np.array(room.lower) + np.array(room.upper)) / 2
        assert inward[:2] @ (middle - np.array(wall.pose.position))[:2] > 0

"""Furnished houses on engines with physics: they load, nothing stirs, doors open, and things can be fetched."""

import numpy as np
import pytest

from loci.sim.backend import Place
from loci.sim.manipulation import pick_up
from loci.sim.world import Body, Pose, World
from loci.sim.worlds.house import House
from loci.sim.worlds.navigation import Grid, occupancy
from tests.contracts.backend_contract import walk
from tests.contracts.engines import engine

ENGINES = ("kinematic", "mujoco", "pybullet")


def house(seed: int) -> World:
    return House(bedrooms=(1, 1), study=0.0).world(np.random.default_rng(seed))


@pytest.mark.parametrize("name", ENGINES)
def test_a_house_stands_still(name: str) -> None:
    backend = engine(name, 1)
    for seed in range(3):
        world = house(seed)
        backend.load(0, world)
        walk(backend, seconds=2.0)
        for body in world.bodies:
            assert backend.pose(0, body.name).position == pytest.approx(body.start.position, abs=2e-3), body.name
    backend.close()


@pytest.mark.parametrize(("name", "least"), [("kinematic", 0.85), ("mujoco", 0.65), ("pybullet", 0.65)])
def test_things_in_a_house_can_be_picked_up_from_some_side(name: str, least: float) -> None:
    """With all furniture open. What lies deep in a shelf, or behind an open door, a straight arm does not get."""
    backend, world = engine(name, 1), house(0)
    backend.load(0, world)
    for body in world.bodies:
        if body.joint is not None:
            backend.drive(0, body.name, 1.0)
    walk(backend, seconds=3.0)
    things = [body for body in world.bodies if body.mass > 0.0]
    taken = [fetched(Place(backend, 0), occupancy(world), thing) for thing in things]
    backend.close()
    assert len(things) > 20
    assert np.mean(taken) >= least


def fetched(place: Place, grid: Grid, thing: Body) -> bool:
    """Whether a thing is taken from one of the places around it; it is then put back."""
    x, y, _ = before = place.pose(thing.name).position
    ways = [(distance, float(turn)) for distance in (0.6, 0.8, 1.0) for turn in np.arange(16) * np.pi / 8.0]
    for distance, angle in ways:
        ax, ay = x + distance * np.cos(angle), y + distance * np.sin(angle)
        try:
            if grid.free[grid.index((ax, ay))]:
                place.put_agent(Pose.at(ax, ay, 0.0, angle + np.pi))
        except ValueError:
            continue
        if pick_up(place, thing.name):
            place.hold(None)
            place.place(thing.name, Pose(before, place.pose(thing.name).wxyz))
            return True
    return False

"""A short episode to record, with the camera that shows it and a drawing of every kind."""

from dataclasses import replace

import numpy as np
import pytest
from hydra import compose, initialize_config_module

from loci.agents.build import build_agent, build_task
from loci.agents.viewer.session import Session
from loci.agents.viewer.snapshot import Snapshot
from loci.memories.layers import Boxes, Drawing, Edges, Groups, Labels, Moments, Points, Signals
from loci.sim.backends.kinematic import KinematicBackend
from loci.sim.sensors import Camera

ABOUT = {"title": "a <b>test</b>", "actions": ["forward", "back", "turn left", "turn right", "pick up"], "seconds": 0.5}

STRANGE = "this is a dax </script>&amp;"
"""Words that would end a page's script, were they not kept from it."""


@pytest.fixture(scope="module")
def episode() -> tuple[Snapshot, ...]:
    """Some steps of an agent that has learnt nothing, with words, an instruction and two arrangements."""
    with initialize_config_module("loci.conf", version_base="1.3"):
        chosen = compose("train", ["folder=unused", "name=unused", "scale=debug", "task=playground"])
    one = Session(build_agent(chosen, build_task(chosen)), KinematicBackend(1), build_task(chosen), 3)
    one.say("this is a dax")
    one.act(0)
    one.instruct("pick up the dax")
    one.rearrange()
    for action in (2, 0, 1):
        one.act(action)
    return tuple(replace(snapshot, words=snapshot.words and STRANGE) for snapshot in one.history)


@pytest.fixture(scope="module")
def camera() -> Camera:
    return Camera(32, 32, fov=1.1, eye=0.9, pitch=-0.25, kinds=("rgb",))


def every_layer() -> Drawing:
    """One layer of each kind with two members."""
    time, weight, places = np.array([0, 1]), np.array([0.25, 0.75]), np.array([[0.0, 0.5, 1.0], [1.0, -0.5, 0.2]])
    colours = np.array([[255, 0, 0], [0, 0, 255]], np.uint8)
    return Drawing(
        (
            Moments("rows", time, weight, kept=("first", "recent")), Signals("hidden", weight),
            Groups("chunks", time, time, weight, np.array([True, False])), Points("cloud", places, colours),
            Boxes("tree", places, np.full((2, 3), 0.1), colours, weight), Labels("things", places, ("cup", "door")),
            Edges("graph", np.stack([places, places + 1.0]), colours),
        )
    )  # fmt: skip

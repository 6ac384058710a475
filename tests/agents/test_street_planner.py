"""The planner on generated tours, its parts against closed forms and independent oracles."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module
from omegaconf import DictConfig, OmegaConf
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from loci.agents.build import build_agent, build_env
from loci.agents.evaluate import evaluate
from loci.agents.rollout import play
from loci.agents.street_planner import StreetPlanner, remaining, towards
from loci.agents.street_questions import recalled, way
from loci.agents.street_reader import Recalled, refers_back
from loci.agents.train import train
from loci.memories.memory import Entry
from loci.sim.worlds.street_moves import Move
from loci.sim.worlds.street_words import BACK, BACK_TO_KIND, BACK_TO_NTH, ORDINALS, STOPS

TOURS = [
    "task=street_tours",
    "task.cities=1",
    "task.tours=24",
    "task.tour=6",
    "encoder=streets",
    "policy=street_planner",
]
ROOMY = ["memory=mem4nav", "memory.code_dim=128", "memory.leaves=128", "memory.landmarks=64"]


def config(*overrides: str) -> DictConfig:
    with initialize_config_module("loci.conf", version_base="1.3"):
        return compose("train", overrides=[*TOURS, "learner=none", "name=x", *overrides])


class Drawn:
    """A map of places (N, 3) joined by weights (N, N), 0 for none; of the kinds that `found` says."""

    def __init__(self, places: np.ndarray, joined: np.ndarray, found: list[Entry] | None = None) -> None:
        self.places, self.joined, self.found = places, joined, found or []

    def near(self, position: tuple[float, float, float], k: int) -> list[Entry]:
        away = np.linalg.norm(self.places - position, axis=1)
        spots = [Entry(i, str(i), (*map(float, self.places[i]),), float(away[i])) for i in range(len(away))]
        return sorted(spots, key=lambda entry: entry.distance)[:k]

    def find(self, query: str, k: int) -> list[Entry]:
        return self.found[:k]

    def neighbours(self, key: int) -> list[tuple[int, float]]:
        return [(int(i), float(self.joined[key, i])) for i in np.flatnonzero(self.joined[key])]

    def describe(self, max_entries: int) -> str:
        return ""


def test_every_sentence_that_refers_back_is_understood() -> None:
    for text in BACK:
        assert refers_back(text.format(mark="dax pharmacy") + ".") == Recalled("dax pharmacy", False, 0)
    for text in BACK_TO_KIND:
        assert refers_back(text.format(kind="post office") + ".") == Recalled("post office", True, 0)
    for text in BACK_TO_NTH:
        for place, nth in enumerate(ORDINALS):
            assert refers_back(text.format(kind="bank", nth=nth) + ".") == Recalled("bank", True, place)
    told = [
        text.format(mark="dax bank", side="left", count="one crossing") for texts in STOPS.values() for text in texts
    ]
    assert [refers_back(text) for text in told] == [None] * len(told)


def test_the_way_is_as_short_as_an_independent_solver_says() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        places = rng.uniform(0.0, 100.0, (40, 3)) * [1.0, 1.0, 0.0]
        apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
        joined = np.where((apart < 30.0) & (apart > 0.0), apart, 0.0)
        known, here = Drawn(places, joined), tuple(places[0].tolist())
        costs = dijkstra(csr_array(joined), indices=[entry.key for entry in known.near(here, 4)])
        begins = np.array([entry.distance for entry in known.near(here, 4)])
        for goal in (7, 23):
            found = way(known, here, Entry(goal, "", (*map(float, places[goal]),), 0.0))
            walked = sum(math.dist(a, b) for a, b in pairwise(found))
            best = (costs[:, goal] + begins).min()
            assert walked + math.dist(found[0], here) == pytest.approx(best) if np.isfinite(best) else len(found) == 1


def test_of_a_kind_the_one_passed_as_number_n_is_meant() -> None:
    """Three things, each seen from two places a step apart, the second of them beside it; told apart by time."""
    spots = [(0.0, 40), (10.0, 41), (100.0, 12), (110.0, 13), (200.0, 70), (210.0, 71)]
    seen = [Entry(i, "", (x, 0.0, 0.0), 0.0, 0.5 + 0.01 * (i % 2), t) for i, (x, t) in enumerate(spots)]
    known = Drawn(np.zeros((0, 3)), np.zeros((0, 0)), sorted(seen, key=lambda entry: -entry.score))
    east = [recalled(known, Recalled("bank", True, n)) for n in range(4)]
    assert [entry and entry.position[0] for entry in east] == [110.0, 10.0, 210.0, None]
    assert recalled(Drawn(np.zeros((0, 3)), np.zeros((0, 0))), Recalled("dax bank", False, 0)) is None


def test_moves_turn_to_the_waypoint_and_stop_at_the_end() -> None:
    assert [towards(math.radians(a), 4) for a in (0, 44, 46, -46, 134, -136)] == [
        Move.FORWARD, Move.FORWARD, Move.LEFT, Move.RIGHT, Move.LEFT, Move.TURN_AROUND,
    ]  # fmt: skip
    assert [towards(math.radians(a), 2) for a in (80, -80, 100)] == [Move.FORWARD, Move.FORWARD, Move.TURN_AROUND]
    route = [(10.0 * i, 0.0, 0.0) for i in range(5)]
    assert remaining(route, (11.0, 0.0, 0.0)) == route[2:]
    assert remaining(route, (38.0, 0.0, 0.0)) == []


def played(*overrides: str) -> dict[str, np.ndarray]:
    composed = config(*overrides)
    env = build_env(composed, 8)
    return play(build_agent(composed, env), env, 8, 5, 0.0)


def test_a_map_finds_back_what_no_reader_can() -> None:
    """In a city of its own: of the legs that refer back none without a map, most with it; nobody gets lost more."""
    without, asked = played("memory=none"), played(*ROOMY)
    legs = [f"leg_{leg:02}" for leg in range(1, 7)]
    back = [np.stack([m[f"{leg}_recall"] for leg in legs]) > 0 for m in (without, asked)]
    done = [np.stack([m[f"{leg}_success"] for leg in legs]) for m in (without, asked)]
    assert done[0][back[0]].mean() < 0.05
    assert done[1][back[1]].mean() > 0.5
    assert asked["success"].mean() > without["success"].mean() + 0.15


def test_a_log_of_moments_can_be_asked_too() -> None:
    log = ["memory.octree=false", "memory.graph=false", "memory.long=false", "memory.rows=160"]
    assert played(*ROOMY, *log)["success"].mean() > played("memory=none")["success"].mean() + 0.1


def test_what_is_said_is_done() -> None:
    assert played("memory=none", "task.twin=true")["success"].mean() == 1.0


def test_it_is_evaluated_without_training(tmp_path: Path) -> None:
    grid = OmegaConf.create({"episodes": 2, "batch": 2, "seed": 0, "temperature": 0.0, "cells": {"tours": None}})
    assert train(config("memory=none", f"folder={tmp_path}"))["updates"] == 0
    found = evaluate(tmp_path, grid, torch.device("cpu"))
    assert 0.0 < found["cells"]["tours"]["success"]["mean"] < 1.0


def test_a_planner_does_not_learn() -> None:
    composed = config("memory=none")
    env = build_env(composed, 2)
    agent = build_agent(composed, env)
    step = env.reset(0)
    obs = agent.encoder.observe({n: step.obs[n][:, None] for n in agent.encoder.sees}, np.full((2, 1), -1))
    with pytest.raises(ValueError, match="StreetPlanner asks a map moment by moment .* choose learner=none"):
        agent.think(agent.initial(2), obs, torch.ones(2, 1, dtype=torch.bool))
    assert isinstance(agent.policy, StreetPlanner)
    with pytest.raises(ValueError, match="cannot tell what a place called 'bank' looks like"):
        super(type(agent.encoder), agent.encoder).place("bank")

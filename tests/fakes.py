"""Small stand-ins: a task that says how many steps its episode has had, and an agent whose memory is a step counter."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces

from loci.agents.agent import Agent
from loci.agents.encoder import Encoder, Observation
from loci.sim.backend import Place
from loci.sim.sensors import Camera, PoseSensor, Words
from loci.sim.task import Advice, Outcome, Said
from loci.sim.world import World
from loci.sim.worlds.rooms import walled_room


class Counting:
    """Says the number of steps taken so far; episodes last 1 to 9 steps, drawn from the row's generator."""

    sensors = (Camera(16, 16, kinds=("rgb",)), PoseSensor(), Words())
    seconds, max_steps, ceiling = 1.0, 9, 1.0

    def __init__(self) -> None:
        self.action_space = spaces.Discrete(3)
        self.count, self.length = 0, 0

    def world(self, rng: np.random.Generator) -> World:
        self.length = int(rng.integers(1, 12))
        return walled_room(int(rng.integers(64)))

    def begin(self, place: Place, rng: np.random.Generator) -> Said:
        self.count = 0
        return Said("0")

    def command(self, action: Any, place: Place) -> Mapping[str, Any]:
        return {"velocity": (0.0, 0.0), "turn": 0.1 * (int(action) - 1)}

    def outcome(self, place: Place) -> Outcome:
        self.count += 1
        return Outcome(
            float(self.count), self.count >= self.length, Said(str(self.count)), {"length": float(self.length)}
        )

    def expert(self, place: Place) -> Advice | None:
        return Advice(self.count % 3, 1.0)


class CountingAgent(Agent):
    """Its memory counts the steps since the last reset and must agree with what the world says."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.encoder = Encoder(16, 16, 3, channels=2)
        self.seen: list[tuple[list[int], list[int]]] = []

    def initial(self, batch: int) -> torch.Tensor:
        return torch.full((batch,), -99)

    def act(  # type: ignore[override]
        self, state: torch.Tensor, obs: Observation, reset: torch.Tensor, *_: Any
    ) -> tuple[torch.Tensor, torch.Tensor, None]:
        state = torch.where(reset, torch.zeros_like(state), state + 1)
        said = [int(self.encoder.tokenizer.decode(obs.sentences[i])) for i in obs.heard[:, 0].tolist()]
        self.seen.append((state.tolist(), said))
        assert torch.equal(obs.action[:, 0] == -1, reset), "the previous action is -1 exactly at the first step"
        return state, state % 3, None

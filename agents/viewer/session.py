"""An agent in one world, one step at a time, with everything that happened and a way back to it.

What a person does goes the same way as what the world does: words are heard, bodies are moved through the backend, and
actions are commands of the task.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from loci.agents.agent import Agent
from loci.agents.viewer.snapshot import Snapshot
from loci.memories import state as states
from loci.memories.layers import Drawing
from loci.sim.backend import Backend, Place, WorldState
from loci.sim.sensors import sense
from loci.sim.task import Outcome, Said, Task
from loci.sim.world import Pose

LIMIT = 5000
"""Steps of an episode that are kept."""
HIDDEN = -50.0
"""Height in metres to which a body is taken to hide it."""
DRIVERS = ("agent", "teacher", "you")


@dataclass
class Saved:
    """What it takes to go on from a step."""

    world: WorldState
    task: Task
    memory: Any
    said: Said
    before: int
    generator: torch.Tensor
    fresh: bool
    hidden: dict[str, Pose]


class Session:
    """`history` holds the episode so far, its last member is now. `memory_on = False` blanks the memory at every step;
    `driver` says who acts when `act` is not told what to do."""

    def __init__(
        self, agent: Agent, backend: Backend, task: Task, seed: int = 0, temperature: float = 0.5, driver: str = "agent"
    ) -> None:
        if backend.batch != 1:
            raise ValueError(f"a session needs a backend of one row, got {backend.batch}")
        if driver not in DRIVERS:
            raise ValueError(f"driver must be one of {', '.join(DRIVERS)}, got {driver!r}")
        self.agent, self.backend, self.task = agent.eval(), backend, task
        self.temperature, self.driver, self.memory_on = temperature, driver, True
        self.place = Place(backend, 0)
        self.actions = tuple(getattr(task, "action_names", ())) or tuple(
            f"action {number}"
            for number in range(int(task.action_space.n))  # type: ignore[attr-defined]
        )
        self.hidden: dict[str, Pose] = {}
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Begin a fresh episode; the same seed is the same episode."""
        self.seed, rng = seed, np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
        self.generator = torch.Generator().manual_seed(seed)
        self.backend.load(0, self.task.world(rng))
        said = self.task.begin(self.place, rng)
        self.state, self.before, self.fresh = self.agent.initial(1), -1, True
        self.history: list[Snapshot] = []
        self.saved: list[Saved] = []
        self.hidden.clear()
        self._observe(Outcome(said=said), 0.0)

    @property
    def now(self) -> Snapshot:
        return self.history[-1]

    def act(self, action: int | None = None) -> Snapshot:
        """One step: the action given, else what `driver` chooses. RuntimeError when the episode is over or full."""
        if self.now.over:
            raise RuntimeError("the episode is over: reset() begins another one")
        if len(self.history) > LIMIT:
            raise RuntimeError(f"the episode has {LIMIT} steps: reset() begins another one")
        chosen, driver = (action, "you") if action is not None else self._choose()
        if not self.task.action_space.contains(np.int64(chosen)):
            raise ValueError(f"action must lie in {self.task.action_space}, got {chosen}")
        self.history[-1] = replace(self.now, action=int(chosen), driver=driver)
        command = {name: np.asarray([value]) for name, value in self.task.command(chosen, self.place).items()}
        self.backend.step(command, self.task.seconds)
        self.before, self.fresh = int(chosen), False
        self._observe(self.task.outcome(self.place), self.now.total)
        return self.now

    def say(self, words: str) -> str:
        """Let the agent hear something with what it sees now; what it was about, in words for the person.

        A moment passes in which the agent stands still.
        """
        named = self._playground("say", words)(words, self.place)
        self._wait()
        return f"“{words}”: that is {named}" if named else f"“{words}”"

    def instruct(self, sentence: str) -> str:
        """Give the agent an instruction; what it is about, in words for the person. A moment passes here too."""
        about = self._playground("instruct", sentence)(sentence)
        self._wait()
        return f"“{sentence}”: about {about}" if about else f"“{sentence}”: nobody has told what that is"

    def rearrange(self) -> None:
        """Move everything to other places."""
        self._playground("rearrange")(self.place)
        self.hidden.clear()

    def move(self, name: str, x: float, y: float) -> None:
        """Put a body somewhere else; it keeps its height and heading."""
        pose = self.hidden.pop(name, None) or self.place.pose(name)
        self.place.place(name, Pose((x, y, pose.position[2]), pose.wxyz))

    def hide(self, name: str) -> None:
        """Take a body away, or bring it back where it was."""
        if name in self.hidden:
            self.place.place(name, self.hidden.pop(name))
            return
        pose = self.place.pose(name)
        x, y, _ = pose.position
        self.place.place(name, Pose((x, y, HIDDEN), pose.wxyz))
        self.hidden[name] = pose

    def back_to(self, step: int) -> None:
        """Go on from an earlier step: what came after it is forgotten."""
        if not 0 <= step < len(self.history):
            raise ValueError(f"step must lie in 0..{len(self.history) - 1}, got {step}")
        saved = self.saved[step]
        self.backend.restore(0, saved.world)
        self.task, self.state = copy.deepcopy(saved.task), states.clone(saved.memory)
        self.before, self.fresh, self.hidden = saved.before, saved.fresh, dict(saved.hidden)
        self.generator.set_state(saved.generator)
        last, total = self.history[step], self.history[step - 1].total if step else 0.0
        self.history, self.saved = self.history[:step], self.saved[:step]
        self._observe(Outcome(last.reward, last.over, saved.said, last.metrics), total)

    def _wait(self) -> None:
        """A moment in which nothing is done."""
        self.history[-1] = replace(self.now, driver="you")
        self._observe(self.task.outcome(self.place), self.now.total)

    def _playground(self, name: str, words: str = "") -> Any:
        """An ability that only playgrounds have; ValueError for words that the agent cannot read."""
        self.agent.encoder.check_sentence(words)
        ability = getattr(self.task, name, None)
        if ability is None:
            raise ValueError(f"the task {type(self.task).__name__} has no {name}: start with task=playground")
        return ability

    def _choose(self) -> tuple[int, str]:
        """What the driver does now; a teacher without advice leaves it to the agent."""
        advice = self.task.expert(self.place) if self.driver == "teacher" else None
        if advice is not None:
            return int(advice.action), "teacher"
        chances = np.asarray(self.now.chances)
        if self.temperature == 0.0:
            return int(chances.argmax()), "agent"
        return int(torch.multinomial(torch.from_numpy(chances), 1, generator=self.generator)), "agent"

    def _observe(self, outcome: Outcome, before: float) -> None:
        """Sense, think and keep the moment."""
        self._save(outcome.said)
        sensed = sense(self.task.sensors, self.backend, [outcome.said])
        chances, drawing, spent = self._think(sensed)
        world = self.place.world
        over = outcome.terminated or outcome.truncated
        room = self.history[-1].room + (world is not self.history[-1].world) if self.history else 0
        self.history.append(
            Snapshot(
                step=len(self.history), world=world, room=room, poses=self._poses(), agent=self.place.agent(),
                seen=sensed["rgb"][0], words=outcome.said.words, instruction=outcome.said.instruction, action=None,
                driver="", chances=chances, reward=outcome.reward, total=before + outcome.reward,
                metrics=dict(outcome.metrics), over=over or len(self.history) >= self.task.max_steps,
                drawing=drawing, memory_on=self.memory_on, memory_bytes=states.nbytes(self.state), memory_ms=spent,
                held=self.place.held() or "",
            )
        )  # fmt: skip

    def _save(self, said: Said) -> None:
        world, generator = self.backend.state(0), self.generator.get_state()
        task, memory = copy.deepcopy(self.task), states.clone(self.state)
        self.saved.append(Saved(world, task, memory, said, self.before, generator, self.fresh, dict(self.hidden)))

    def _think(self, sensed: Mapping[str, np.ndarray]) -> tuple[tuple[float, ...], Drawing, float]:
        """Chances of the actions, what the memory shows, and the milliseconds it took."""
        seen = {name: sensed[name][:, None] for name in self.agent.encoder.sees}
        obs = self.agent.encoder.observe(seen, np.array([[self.before]]))
        reset = torch.tensor([self.fresh or not self.memory_on])
        thought = self.agent.step(self.state, obs, reset, self.generator)
        self.state = thought.state
        chances = torch.softmax(thought.logits[0, 0] / max(self.temperature, 1e-6), dim=-1)
        return tuple(chances.tolist()), self.agent.draw(thought, 0), 1e3 * thought.seconds

    def _poses(self) -> np.ndarray:
        poses = [self.place.pose(body.name) for body in self.place.world.bodies]
        return np.array([(*pose.position, *pose.wxyz) for pose in poses]).reshape(-1, 7)

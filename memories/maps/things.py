"""Things of a scene graph: what a detector says, what is believed of a thing, and how one changes the other.

A thing is believed in with log-odds ℓ. A look that reports it with confidence c adds c ln(hit / false), a look at its
place that finds the place free adds ln((1 - hit) / (1 - false)) (Moravec and Elfes 1985: evidence of independent looks
adds up). ℓ is kept within ± logit(certain), so that what was seen a hundred times can still disappear after few looks.

While a thing rests, its position and its extent are the means of what was detected, weighed by confidence; the sum of
weights is kept below `memory`, so that old looks fade. A detection is normal about the true place with `noise` metres
on each axis, so one of weight 1 lies within

    gate² = χ²₃(0.99) noise² (1 + 1 / weight)

of the mean of `weight` others in 99 of 100 cases; a gate is never less than `rest` metres.

Boxes have axes parallel to those of the world frame: `position` is the middle (3,), `extent` the widths (3,), metres.
Letters: N things.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

Point = tuple[float, float, float]
State = str | bool | float
QUANTILE = 11.344866730144373
"""χ²₃(0.99)."""
STATES = 16
"""Names of states that a graph may know."""
NAMED = 6.0
"""Greatest sum of votes for the names of a thing, so that it can get another."""
WORDS = 60
"""Characters that a category, the name of a state or a text as its value may have."""


@dataclass(frozen=True)
class Detection:
    """A thing in one picture. `states` is such as {"open": True, "filled": "water"}."""

    category: str
    position: Point
    extent: Point
    instance: int | None = None
    """The detector's own number of the thing, the same in every picture; None where it has none."""
    confidence: float = 1.0
    states: Mapping[str, State] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        check_words(self.category, self.states)
        for name, vector in (("position", self.position), ("extent", self.extent)):
            if len(vector) != 3 or not all(map(math.isfinite, vector)):
                raise ValueError(f"{name} of {self.category!r} must be three finite metres, got {vector}")
        if min(self.extent) <= 0.0:
            raise ValueError(f"extent of {self.category!r} must be above 0 m, got {self.extent}")
        if not 0.0 < self.confidence <= 1.0:
            raise ValueError(f"confidence of {self.category!r} must lie in 0..1 and not be 0, got {self.confidence}")


@dataclass(frozen=True)
class Senses:
    """What is known of a detector, and what follows from evidence. Probabilities but for `noise`, `rest`, `moved`,
    metres, and `memory`."""

    hit: float = 0.9
    """That a thing in view is reported."""
    false: float = 0.05
    """That a thing is reported that is not there."""
    prior: float = 0.1
    """That a thing exists, before the first report."""
    certain: float = 0.995
    """The most that is believed."""
    confirmed: float = 0.9
    """From which on a thing counts as known."""
    gone: float = 0.2
    """Below which a thing is taken to be gone."""
    noise: float = 0.05
    """Standard deviation of a detected position along each axis."""
    rest: float = 0.25
    """Within this distance a thing is the one that was there."""
    moved: float = 0.30
    """Farther than this a thing that is recognised has moved."""
    memory: float = 50.0
    """Greatest sum of weights in a mean."""

    def __post_init__(self) -> None:
        for name in ("hit", "false", "prior", "certain", "confirmed", "gone"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise ValueError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")
        for name in ("noise", "rest", "moved"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 m or more, got {getattr(self, name)}")
        if not self.false < self.hit:
            raise ValueError(f"hit must exceed false, got hit = {self.hit}, false = {self.false}")
        if not self.gone < self.confirmed < self.certain:
            raise ValueError(
                f"gone < confirmed < certain must hold, got {self.gone}, {self.confirmed} and {self.certain}"
            )
        if not self.memory >= 1.0:
            raise ValueError(f"memory must be 1 or more, got {self.memory}")

    @property
    def found(self) -> float:
        """What a report of confidence 1 adds to the log-odds."""
        return math.log(self.hit / self.false)

    @property
    def missed(self) -> float:
        """What a free place adds to the log-odds, below 0."""
        return math.log((1.0 - self.hit) / (1.0 - self.false))

    def gate(self, weight: float) -> float:
        """Within how many metres a detection may be a thing of this weight."""
        return max(self.rest, math.sqrt(QUANTILE * self.noise**2 * (1.0 + 1.0 / weight)))


@dataclass(slots=True)
class Thing:
    """What is believed of one thing."""

    key: int
    instance: int | None
    position: np.ndarray
    """(3,) float64."""
    extent: np.ndarray
    """(3,) float64."""
    weight: float
    """Of the looks in the means of position and extent."""
    odds: float
    """Log-odds that it is where it is believed to be."""
    votes: dict[str, float]
    """Categories and the sums of confidence with which they were reported; they fade."""
    since: int
    """Number of the observation at which it was first seen at its place."""
    first: float
    """When it was first seen."""
    arrived: float
    """When it was first seen at its place."""
    seen: float
    """When it was seen last."""
    empty: float = math.inf
    """When its place was first found free after that; inf where it was not."""
    corrected: float = -math.inf
    """When an operator spoke of it last. What was seen until then does not count."""
    known: bool = False
    """Whether it has been confirmed; it stays so."""
    gone: bool = False
    beside: frozenset[int] = frozenset()
    """Keys of things seen near it in the same picture: others for certain."""

    @property
    def label(self) -> str:
        """The category with the most votes, of equal ones the first by the alphabet."""
        return min(self.votes, key=lambda name: (-self.votes[name], name))

    @property
    def belief(self) -> float:
        """Probability that it is where it is believed to be."""
        return 1.0 / (1.0 + math.exp(-self.odds))

    def clone(self) -> "Thing":
        """An independent copy."""
        return replace(self, position=self.position.copy(), extent=self.extent.copy(), votes=dict(self.votes))


def met(key: int, seen: Detection, senses: Senses, time: float, clock: int) -> Thing:
    """A thing reported for the first time."""
    thing = Thing(
        key, seen.instance, np.array(seen.position, float), np.array(seen.extent, float), seen.confidence,
        logit(senses.prior), {seen.category: seen.confidence}, clock, time, time, time,
    )  # fmt: skip
    believe(thing, seen.confidence * senses.found, senses)
    return thing


def meet(thing: Thing, seen: Detection, senses: Senses, time: float, clock: int) -> bool:
    """Let a report of a thing change what is believed of it. Whether it has moved or come back."""
    place = np.array(seen.position, float)
    moved = thing.gone or float(np.linalg.norm(place - thing.position)) > max(senses.moved, senses.gate(thing.weight))
    if moved:
        thing.position, thing.weight, thing.since, thing.arrived = place, 0.0, clock, time
        thing.odds = max(thing.odds, logit(senses.prior))
    share = seen.confidence / (thing.weight + seen.confidence)
    thing.position = thing.position + share * (place - thing.position)
    thing.extent = thing.extent + share * (np.array(seen.extent, float) - thing.extent)
    thing.weight = min(thing.weight + seen.confidence, senses.memory)
    _vote(thing, seen.category, seen.confidence)
    thing.instance = seen.instance if thing.instance is None else thing.instance
    thing.seen, thing.empty, thing.gone = time, math.inf, False
    believe(thing, seen.confidence * senses.found, senses)
    return moved


def miss(thing: Thing, senses: Senses, time: float) -> None:
    """Its place was looked at and is free. A thing that is no longer believed in is gone."""
    thing.empty = min(thing.empty, time)
    believe(thing, senses.missed, senses)
    thing.gone = thing.belief < senses.gone


def absorb(old: Thing, new: Thing, senses: Senses) -> None:
    """Let one thing take over what is known of another that is the same."""
    share = new.weight / (old.weight + new.weight)
    old.position = old.position + share * (new.position - old.position)
    old.extent = old.extent + share * (new.extent - old.extent)
    old.weight = min(old.weight + new.weight, senses.memory)
    old.odds, old.known = max(old.odds, new.odds), old.known or new.known
    old.instance = new.instance if old.instance is None else old.instance
    old.first, old.seen, old.empty = min(old.first, new.first), max(old.seen, new.seen), math.inf
    old.beside = (old.beside | new.beside) - {old.key, new.key}
    for name, votes in new.votes.items():
        _vote(old, name, votes)


def believe(thing: Thing, evidence: float, senses: Senses) -> None:
    """Add evidence to the log-odds, within what is believed at most. From `confirmed` on the thing is known."""
    most = logit(senses.certain)
    thing.odds = min(max(thing.odds + evidence, -most), most)
    thing.known = thing.known or thing.belief >= senses.confirmed


def _vote(thing: Thing, category: str, weight: float) -> None:
    """Count a report of a name; when all votes are more than NAMED, all fade alike."""
    thing.votes[category] = thing.votes.get(category, 0.0) + weight
    fade = min(NAMED / sum(thing.votes.values()), 1.0)
    thing.votes = {name: fade * votes for name, votes in thing.votes.items()}


def logit(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def check_words(category: str, states: Mapping[str, State]) -> None:
    """ValueError for a category or states that are empty or too long."""
    for name, text in [("category", category), *(("name of a state", state) for state in states)]:
        if not 0 < len(text) <= WORDS:
            raise ValueError(f"{name} must have 1 to {WORDS} characters, got {text!r}")
    for name, value in states.items():
        if isinstance(value, str) and len(value) > WORDS:
            raise ValueError(f"state {name!r} must have at most {WORDS} characters, got {len(value)}")

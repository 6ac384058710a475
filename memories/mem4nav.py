"""Mem4Nav: an octree and a graph of landmarks with long-term tokens, and a short-term cache of what was just seen.

Mem4Nav 2025 (arXiv 2506.19433). Every step reads, then plans, then writes, so that it never finds what it wrote itself:

1. Read (street_read.py): the cache answers with entries within `radius` ε of the agent where the best cosine reaches
   `tau` τ; elsewhere the k nearest long-term tokens are decoded. A view that shows nothing, 0, asks nothing and is not
   written. 2. Plan (maps/chart.py): the shortest path over the landmark graph from the current landmark to the best
   place found, and its next waypoint. 3. Write: the leaf in which the agent stands and the landmark to which the view
   belongs get the view into their tokens (tokens.py), a walk to another landmark makes ways (maps/topology.py), the
   cache gets an entry (maps/cache.py).

The observation v is the code of the picture. Queries are made of the view ("where have I seen this?"), of the code of
the instruction in force ("where is what I am told of?"), or of both. The second is how "go back to the fountain" is
answered: of all places stored, however far, those that look most like what a learned map makes of the instruction, with
the direction and the way there. Until that map is learnt its answers are arbitrary, unless views are made of the space
of words (encoder=streets): then it begins by asking for views that show what the instruction says.

The feature (street_answer.py) is an MLP over v and, of each query, the means over the k places found of their vectors,
directions, log(1 + metres) and cosines, weighted by how well they fit; the direction of the next waypoint; the source,
one-hot over none, short, long. Directions are (forward, left, up) in the agent's heading, of length 1. The MLP has one
size whatever parts are switched off; what these would say is 0.

Letters: B environments, Q queries, k places found by each, D code width, E = 2 D, N landmarks, F width.
*Differs from the paper:* it reads before it writes; in the published order the cache found what it had just been given,
and long-term memory was never asked. v is brought to length 1, so that δ and τ do not depend on the encoder; its depth
part is what the encoder makes of depth. Codes of instructions as queries, the instruction's part in the cost of a way
(`instruction_cost: goal` is 1 - cos(g, v); the public code has the constant 0.1), and directions and distances of
places in the feature are ours. More stands in the files named above.
"""

from dataclasses import dataclass, fields, replace
from functools import partial
from operator import itemgetter
from typing import Literal, cast

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from loci.memories.layers import Drawing
from loci.memories.maps import cache as caches
from loci.memories.maps.cache import LONG, NONE, SHORT, SOURCES, Cache
from loci.memories.maps.chart import Chart
from loci.memories.maps.octree import Octree
from loci.memories.maps.topology import Topology
from loci.memories.memory import Code, MapMemory, Percept, Recall, SpatialMap
from loci.memories.state import map_tensors, nbytes, reset_rows
from loci.memories.street_answer import TOLD, Answer, joined, told, traced
from loci.memories.street_log import log
from loci.memories.street_map import StreetMap, answers_drawn, chart_drawn
from loci.memories.street_read import Distant, Found, Places, codec, either, nothing, recent, refile, use

QUERIES: dict[str, tuple[str, ...]] = {"view": ("view",), "goal": ("goal",), "both": ("view", "goal")}


@dataclass
class Sensed:
    """What a window (B, T, …) or a moment (B, …) brings, before any memory is asked."""

    view: Float[Tensor, "*n D"]
    asked: Float[Tensor, "*n Q D"]
    probe: Float[Tensor, "*n Q E"]
    """What long-term memory is searched for; `asked` where there is none."""
    here: Float[Tensor, "*n 3"]
    looks: np.ndarray
    """The view, the place and the instruction's cost, as the charts want them."""
    points: np.ndarray
    costs: np.ndarray

    def at(self, moment: int) -> "Sensed":
        return Sensed(*(getattr(self, part.name)[:, moment] for part in fields(self)))


@dataclass
class Kept:
    """What a row keeps in tensors."""

    places: Places | None
    cache: Cache | None
    written: Int[Tensor, " B"]
    """Steps since the episode began."""


@dataclass
class Mem4NavState:
    kept: Kept
    charts: list[Chart]
    """One a row; they change in place."""


class Mem4Nav(MapMemory[Mem4NavState]):
    """F = `width`. `octree`, `graph`, `short` and `long` switch parts on; long-term memory files its tokens under
    leaves and landmarks, and needs one of the two. `leaves`, `landmarks` and `rows` are the capacities of octree, graph
    and cache; `delta`, `alpha`, `beta`, `ways` and `reach` belong to topology.py, `frequency_weight` (λ) to cache.py; a
    landmark within `arrived` metres is passed; `history` are the observations that a token of `chained` or `learned`
    gives back, `cycle` weighs the loss of `learned`. `attended` = k for each query.

    The trace is `source` (B, Q), one of SOURCES, and of the k places found `slot`, `cosine`, `distance` (metres) and
    `position`, best first, slot -1 where there are fewer; `way` (B, Q, N), the landmarks of the planned way, then -1;
    `ahead` (B, Q, 3), from the agent to the next waypoint, metres in the world frame.
    """

    def __init__(
        self,
        vision_dim: int,
        language_dim: int,
        code_dim: int,
        width: int,
        octree: bool = True,
        graph: bool = True,
        short: bool = True,
        long: bool = True,
        query: Literal["view", "goal", "both"] = "both",
        k: int = 8,
        leaves: int = 40,
        leaf: float = 5.0,
        landmarks: int = 24,
        delta: float = 0.7,
        alpha: float = 1.0,
        beta: float = 0.5,
        ways: int = 4,
        reach: float = 40.0,
        two_way: bool = True,
        instruction_cost: float | Literal["goal"] = 0.1,
        arrived: float = 5.0,
        rows: int = 30,
        radius: float = 15.0,
        tau: float = 0.7,
        frequency_weight: float = 0.5,
        token: Literal["overwrite", "chained", "learned"] = "overwrite",
        depth: int = 1,
        history: int = 4,
        cycle: float = 0.1,
    ) -> None:
        super().__init__()
        sizes = {"vision_dim": vision_dim, "language_dim": language_dim, "code_dim": code_dim, "width": width, "k": k}
        for name, value in (sizes | {"rows": rows}).items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        cost = 0.0 if instruction_cost == "goal" else instruction_cost
        lengths = {"radius": radius, "arrived": arrived, "cycle": cycle, "instruction_cost": cost}
        for name, amount in lengths.items():
            if not amount >= 0.0:
                raise ValueError(f"{name} must be 0 or more, got {amount}")
        if not 0.0 <= frequency_weight <= 1.0:
            raise ValueError(f"frequency_weight must lie in 0..1, got {frequency_weight}")
        if query not in QUERIES:
            raise ValueError(f"query must be one of {', '.join(QUERIES)}, got {query!r}")
        if long and not (octree or graph):
            raise ValueError("long needs octree or graph: tokens are filed under leaves and landmarks")
        if graph and landmarks < 2:
            raise ValueError(f"landmarks must be at least 2, or none is left to walk from, got {landmarks}")
        self.leaves, self.landmarks = leaves if octree else 0, landmarks if graph else 0
        self.slots = self.leaves + self.landmarks
        for name, count, asked in (("rows", rows, short), ("leaves + landmarks", self.slots, long)):
            if asked and count < k:
                raise ValueError(f"{name} must be at least k, got {count}, k={k}")
        self.queries, learns = QUERIES[query], "goal" in QUERIES[query] and (short or long)
        if instruction_cost == "goal" and not learns:
            raise ValueError(
                "instruction_cost goal needs a query of the goal that is answered, or its code is not learnt"
            )
        self.octree, self.graph, self.short = octree, graph, short
        self.code_dim, self.feature_dim, self.attended = code_dim, width, k * len(self.queries)
        self.reads = frozenset({"vision", "position", "heading"} | ({"goal"} & set(self.queries)))
        self.k, self.rows, self.radius, self.tau, self.frequency_weight = k, rows, radius, tau, frequency_weight
        self.leaf, self.arrived, self.two_way = leaf, arrived, two_way
        self.instruction_cost, self.cycle = instruction_cost, cycle
        self.topology = {"threshold": delta, "distance_weight": alpha, "instruction_weight": beta, "reach": reach}
        self.ways = ways
        self.code = nn.Identity() if vision_dim == code_dim else nn.Linear(vision_dim, code_dim, bias=False)
        self.goal = nn.Linear(language_dim, code_dim) if learns else None
        self._ask_for_what_is_named(vision_dim)
        self.distant = Distant(codec(token, code_dim, depth, history), 2 * code_dim) if long else None
        self._chart()  # refuses sizes that its maps cannot have
        inputs = code_dim + len(self.queries) * (code_dim + TOLD)
        self.out = nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width))

    @torch.no_grad()
    def _ask_for_what_is_named(self, vision_dim: int) -> None:
        """Where views are made of the space of words, the goal begins by asking for views that show what it says."""
        if self.goal is not None and vision_dim % self.goal.in_features == 0:
            same = torch.eye(self.goal.in_features).tile(1, vision_dim // self.goal.in_features)
            self.goal.weight[:] = self.code(same).T
            self.goal.bias.zero_()

    def initial(self, batch: int) -> Mem4NavState:
        return Mem4NavState(self._empty(batch), [self._chart() for _ in range(batch)])

    def step(self, state: Mem4NavState, percept: Percept, reset: Bool[Tensor, " B"]) -> tuple[Mem4NavState, Recall]:
        state, recall = self.unroll(state, percept.alone(), reset[:, None])
        return state, recall.at(0)

    def unroll(self, state: Mem4NavState, percept: Percept, reset: Bool[Tensor, "B T"]) -> tuple[Mem4NavState, Recall]:
        self.check(percept)
        sensed, kept = self._sense(percept), state.kept
        answers: list[Answer] = []
        losses: list[Tensor] = []
        for moment in range(reset.shape[1]):
            now, kept = sensed.at(moment), self._forget(kept, state.charts, reset[:, moment])
            found, source, kept = self._read(kept, now)
            answers.append(Answer(found, source, *self._plan(state.charts, found, now)))
            kept, loss = self._write(kept, state.charts, now)
            losses += [] if loss is None else [loss]
        answer = joined(answers)
        feature = self.out(told(answer, sensed.view, sensed.here, cast(Tensor, percept.heading)))
        missed = {"cycle": self.cycle * torch.stack(losses, dim=1)} if losses else {}
        return Mem4NavState(kept, state.charts), Recall(feature, missed, trace=traced(answer, sensed.here))

    def named(self, goal: Float[Tensor, "*n L"]) -> Float[Tensor, "*n D"]:
        """What a place should look like that these words name, of length 1. ValueError where no query asks for it."""
        if self.goal is None:
            raise ValueError("words mean nothing to this memory: set query to goal or both, and short or long to true")
        return functional.normalize(self.goal(goal), dim=-1)

    @torch.no_grad()
    def maps(self, state: Mem4NavState, code: Code | None = None) -> list[SpatialMap]:
        """Of leaves and landmarks (street_map.py); of a cache alone, of its entries (street_log.py)."""
        own = None if code is None else lambda words: self.code(code(words).to(cast(nn.Linear, self.out[0]).weight))
        if state.kept.cache is not None and not (self.octree or self.graph):
            return [log(state.kept.cache, row, own) for row in range(len(state.charts))]
        rows: list[SpatialMap] = []
        for row, chart in enumerate(state.charts):
            since = np.full(chart.offset + self.landmarks, -1)
            if state.kept.places is not None:
                since = state.kept.places.since[row].cpu().numpy()
            rows.append(StreetMap(chart, partial(self._held, state.kept, chart, row), since, self.radius, own))
        return rows

    @torch.no_grad()
    def _held(self, kept: Kept, chart: Chart, row: int) -> np.ndarray:
        """What one row holds of every key (M, D)."""
        vectors = np.zeros((chart.offset + self.landmarks, self.code_dim), np.float32)
        if kept.places is not None and self.distant is not None:
            vectors[:] = self.distant.codec.read(map_tensors(itemgetter(row), kept.places.token)).cpu()
        elif chart.graph is not None:
            vectors[chart.offset :] = chart.graph.arrays.descriptor
        return vectors

    def draw(self, state: Mem4NavState, recall: Recall, row: int) -> Drawing:
        """The maps after this step, the ways planned in it, and the places found. Of each query a fact says where the
        answer came from, how well the best place fits and how far it is."""
        chart, cache = state.charts[row], state.kept.cache
        trace = {name: part[row].detach().cpu().numpy() for name, part in recall.trace.items()}
        facts = {}
        for query, name in enumerate(self.queries):
            source, cosine, metres = (trace[part][query] for part in ("source", "cosine", "distance"))
            fit = f", cosine {cosine[0]:.2f}, {metres[0]:.1f} m away"
            facts[name] = SOURCES[source] + (fit if source != NONE else "")
        if chart.tree is not None:
            facts["leaves"] = f"{len(chart.tree)} of {self.leaves}; orange: just seen, blue: long ago"
        if chart.graph is not None:
            facts["landmarks"] = f"{len(chart.graph)} of {self.landmarks}"
        if cache is not None:
            facts["cache"] = f"{int((cache.time[row] >= 0).sum())} of {self.rows}"
        layers = (*chart_drawn(chart), *answers_drawn(chart, self.queries, trace))
        return Drawing(layers, facts | {"bytes": f"{nbytes(self.initial(1)):,}"})

    def _chart(self) -> Chart:
        tree = Octree(self.leaves, self.leaf) if self.octree else None
        graph = Topology(self.landmarks, self.code_dim, ways=self.ways, **self.topology) if self.graph else None
        return Chart(tree, graph, self.two_way)

    def _empty(self, batch: int) -> Kept:
        weight = cast(nn.Linear, self.out[0]).weight
        places = cache = None
        if self.distant is not None:
            token = self.distant.codec.initial(batch, self.slots)
            since = torch.zeros(batch, self.slots, dtype=torch.int64, device=weight.device)
            places = Places(token, weight.new_zeros(batch, self.slots, 3), since)
        if self.short:
            cache = caches.empty(batch, self.rows, self.code_dim, weight.device)
        return Kept(places, cache, weight.new_zeros(batch, dtype=torch.int64))

    def _sense(self, percept: Percept) -> Sensed:
        """All of a window that needs no memory."""
        here = cast(Tensor, percept.position)
        view = functional.normalize(self.code(percept.vision), dim=-1)
        named = view if self.goal is None else self.named(cast(Tensor, percept.goal))
        asked = torch.stack([view if name == "view" else named for name in self.queries], dim=2)
        where = here[:, :, None].expand(-1, -1, asked.shape[2], -1)
        probe = asked if self.distant is None else self.distant.probe(asked, where)
        if self.instruction_cost == "goal":
            cost = (1.0 - (view * named).sum(-1)).clamp(min=0.0)
        else:
            cost = torch.full(view.shape[:2], float(self.instruction_cost))
        looks, points, costs = (part.detach().cpu().numpy() for part in (view, here.double(), cost))
        return Sensed(view, asked, probe, here, looks, points, costs)

    def _forget(self, kept: Kept, charts: list[Chart], reset: Bool[Tensor, " B"]) -> Kept:
        begins = reset.nonzero()[:, 0].tolist()
        for row in begins:
            charts[row].clear()
        return reset_rows(kept, self._empty(len(reset)), reset) if begins else kept

    def _read(self, kept: Kept, now: Sensed) -> tuple[Found, Int[Tensor, "B Q"], Kept]:
        """What each query finds and where; in the cache what was used counts one more."""
        found, cache = nothing(now.asked, self.k), kept.cache
        known = torch.zeros_like(now.asked[..., 0], dtype=torch.bool)
        if kept.places is not None:
            known = (kept.places.token.written > 0).any(1, keepdim=True) & now.asked.any(-1)
        source = torch.where(known, LONG, NONE)
        if cache is not None:
            found, seen = recent(cache, now.asked, now.here, kept.written, self.k, self.radius)
            source = caches.source(seen, self.tau, known.flatten()).view_as(source)
            kept = replace(kept, cache=use(cache, seen, source == SHORT))
        long = found
        if self.distant is not None and kept.places is not None and bool((source == LONG).any()):
            long = self.distant(kept.places, now.probe, self.k)
        return either(source, found, long), source, kept

    def _plan(
        self, charts: list[Chart], found: Found, now: Sensed
    ) -> tuple[Float[Tensor, "B Q 3"], Int[Tensor, "B Q N"]]:
        """From where the agent is to the next waypoint on the way to the best place of each query, metres, 0 without a
        way; and that way."""
        held = found.held[..., 0].cpu().numpy()
        ahead, ways = np.zeros((*held.shape, 3), np.float32), np.full((*held.shape, self.landmarks), -1)
        if self.graph:
            places = found.position[:, :, 0].detach().cpu().double().numpy()
            for row, query in np.argwhere(held).tolist():
                chart, here, place = charts[row], now.points[row], places[row, query]
                way = chart.way(place)
                if way:
                    ways[row, query, : len(way)] = way
                    ahead[row, query] = chart.waypoint(way, here, place, self.arrived) - here
        return torch.from_numpy(ahead).to(now.here), torch.from_numpy(ways).to(now.here.device)

    def _write(self, kept: Kept, charts: list[Chart], now: Sensed) -> tuple[Kept, Tensor | None]:
        """Chart, tokens of the leaf and of the landmark, cache; and with learned tokens what they miss."""
        rows = zip(charts, now.looks, now.points, now.costs.tolist(), strict=True)
        spots = [chart.write(look, here, cost) for chart, look, here, cost in rows]
        device, loss = now.here.device, None
        slot = torch.tensor([[spot.slot for spot in row] for row in spots], dtype=torch.int64, device=device)
        places, cache = kept.places, kept.cache
        if places is not None and self.distant is not None:
            fresh = torch.tensor([[spot.fresh for spot in row] for row in spots], device=device)
            position = torch.from_numpy(np.array([[spot.position for spot in row] for row in spots])).to(now.here)
            places, loss = refile(self.distant.codec, places, slot, fresh, position, now.view, kept.written)
        if cache is not None:
            node = torch.tensor([chart.node for chart in charts], device=device)
            about = slot[:, 0] if slot.shape[1] else node
            cache = caches.write(cache, now.view, now.here, node, about, kept.written, self.frequency_weight)
        return Kept(places, cache, kept.written + 1), loss

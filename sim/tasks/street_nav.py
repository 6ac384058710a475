"""Street navigation: walk a street graph as a text says, stop at its end; in tours one text after another.

After Touchdown (Chen et al. 2019, arXiv 1811.12354), Map2Seq (Schumann & Riezler 2021, arXiv 2012.15329), the navigator
of VELMA (street_moves.py), and the tours of IVLN (Krantz et al. 2023, arXiv 2210.03087). There are no pictures: what is
seen is a vector for each landmark. All B agents are held in arrays and stepped together (array_env.py).

Action, Discrete(5): forward, left, right, turn around, stop (`street_moves.Move`).

| observation | type | unit |
|---|---|---|
| landmarks | float32 (5, D) | of the nearest landmark seen in each of BINS, from left to right; 0 where there is none |
| ways | int16 (1,) | how many ways meet here: 1 a dead end, 2 along a street, more at a crossing |
| leg | int16 (1,) | number of the text, from 0 |
| turn | float32 (1,) | change of the heading since the step before, radians; 0 at the start of a leg |
| position, heading | float32 (3,), (1,) | metres east and north of the city's middle, 0; radians from east |
| words | text | "" (`twin`: the teacher's next move) |
| instruction | text | the text of the leg |

A landmark is a vector of length 1, the sum of those of its words (word_vectors.py), of which a text can have the same.

Reward: 1 for a stop at the goal or one panorama beside it (task completion, TC), else 0. A stop ends a leg, and so do
`steps` moves; the next leg begins at its own start at once. The episode ends with its last leg. Metrics: means over the
legs of `success` (TC), `spd`, `sed`, `kpa`, `ndtw_orar`, `ndtw` (street_metrics.py; who does not stop has not
completed), and in tours of each leg `leg_01_success`, `leg_01_ndtw`, `leg_01_visits` (how often the goal or a panorama
beside it was passed before, in this tour) and `leg_01_recall` (1 where its text only refers back).

`ceiling` is 1. An agent that knows the city by heart needs no memory for a leg whose way is told: text, place and
heading, which it sees, say what the teacher does. In cities that it has not seen, it must at least keep count of
crossings; texts that refer back need the tour. Neither has a closed form that bounds what an agent may have learnt by
heart; docs/tasks/street_nav.md has measured floors instead.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from loci.sim.array_env import ArrayEnv, Turn
from loci.sim.geometry import wrap_angle
from loci.sim.sensors import Words
from loci.sim.tasks.street_pool import Pool, city_pool, recorded_pool
from loci.sim.tasks.street_rows import GOING, STOPPED, advance, begin, judge, teach
from loci.sim.worlds.city import City
from loci.sim.worlds.landmarks import BINS
from loci.sim.worlds.street_metrics import NAMES
from loci.sim.worlds.street_moves import Move
from loci.sim.worlds.street_tours import TourStyle
from loci.sim.worlds.word_vectors import phrase_vector

LONGEST = 2100
"""Letters of an instruction, at most; the longest of Touchdown's development set has 2 065."""
SPOKEN = np.array([move.name.lower().replace("_", " ") for move in Move])
TC, NDTW = NAMES.index("tc"), NAMES.index("ndtw")


class StreetNav(ArrayEnv):
    """`batch` agents; every episode draws one of `tours` tours with `tour` legs.

    `steps`: moves of a leg at most. `split`, `cities`, `city`, `seed`: which generated cities; with `data_dir` the
    recorded streets of `split` instead (street_manhattan.py). `panoramas`: fewest and most of a generated leg.
    `radius`: metres around its start that a tour keeps to. `recall`: share of generated legs whose text only refers
    back. `first_pass`: landmarks are seen only the first time that a tour passes a panorama. `width`: D. `noise`:
    expected length of what is added to a vector, normal. `dropout`: chance of a landmark not to be seen at a moment.
    """

    def __init__(
        self,
        batch: int,
        tour: int = 1,
        recall: float = 0.0,
        first_pass: bool = False,
        split: str = "train",
        data_dir: str | None = None,
        cities: int = 8,
        tours: int = 1024,
        panoramas: Sequence[int] = (8, 40),
        radius: float = 400.0,
        seed: int = 0,
        city: City | None = None,
        steps: int = 100,
        width: int = 64,
        noise: float = 0.0,
        dropout: float = 0.0,
        twin: bool = False,
    ) -> None:
        if noise < 0.0 or not 0.0 <= dropout <= 1.0:
            raise ValueError(f"noise must be 0 or more and dropout lie in [0, 1], got {noise} and {dropout}")
        least, most = panoramas
        style = TourStyle(tour, (int(least), int(most)), float(radius), float(recall), first_pass)
        if data_dir is None:
            self.pool = city_pool(split, city or City(), cities, tours, style, seed)
        else:
            self.pool = recorded_pool(str(data_dir), split, tours, style, seed)
        _check_steps(steps, self.pool)
        super().__init__(batch, _shown(width), len(Move), tour * steps, 1.0)
        self.sensors = (self.sensors[0], Words(LONGEST))
        self.tour, self.steps, self.first_pass, self.twin = tour, steps, first_pass, twin
        self.noise, self.dropout = noise / np.sqrt(width), dropout
        looks = [phrase_vector(words, width) for words in self.pool.world.looks]
        self.vectors = np.array([*looks, np.zeros(width)], np.float32)
        """(L + 1, D): of every landmark, and of none, which is number -1."""
        self.which, self.number, self.leg, self.stance, self.clock, self.size, self.earlier = np.zeros((7, batch), int)
        """Of each row: its tour, the number of its leg in it and in the pool, its stance, the moves and panoramas of
        the leg, and the visits to its goal before."""
        self.turn = np.zeros(batch)
        self.path = np.zeros((batch, steps + 1), np.int64)
        self.visits = np.zeros((batch, self.pool.most), np.uint8)
        """How often each row has come to each panorama in its tour."""
        self.scores = np.zeros((batch, tour, len(NAMES)))
        self.familiar = np.zeros((batch, tour))
        """Results of the legs of each row: NAMES, and earlier visits to the goal."""

    def draw(self, rows: np.ndarray) -> None:
        self.which[rows] = (self.uniform(rows, 1)[:, 0] * len(self.pool.tours)).astype(int)
        self.number[rows] = self.visits[rows] = 0
        self._start(rows, True)

    def act(self, actions: np.ndarray, idle: np.ndarray) -> Turn:
        pool, stances = self.pool, self.pool.world.stances
        before = stances.heading[self.stance]
        state = self.stance, self.clock, self.path, self.size, self.visits
        ended = advance(actions, idle, self.steps, stances.after, stances.node, pool.local, *state)
        self.turn = np.where(idle, 0.0, wrap_angle(stances.heading[self.stance] - before))
        last = (ended != GOING) & (self.number == self.tour - 1)
        reward = self._finish(np.flatnonzero(ended != GOING), ended)
        metrics = self._metrics() if last.any() else {}
        return Turn(reward, last & (ended == STOPPED), last & (ended != STOPPED), metrics)

    def observe(self) -> dict[str, np.ndarray]:
        world = self.pool.world
        node = world.stances.node[self.stance]
        place = np.zeros((self.batch, 3), np.float32)
        place[:, :2] = world.graph.position[node]
        return {
            "landmarks": self._glimpses(self.seen()),
            "ways": world.ways[node][:, None].astype(np.int16),
            "leg": self.number[:, None].astype(np.int16),
            "turn": self.turn[:, None].astype(np.float32),
            "position": place,
            "heading": world.stances.heading[self.stance][:, None].astype(np.float32),
            "words": SPOKEN[self.advise()[0]] if self.twin else np.full(self.batch, ""),
            "instruction": self.pool.text[self.leg],
        }

    def seen(self) -> np.ndarray:
        """(B, 5) numbers of the landmarks that are visible in each of BINS, -1 for none."""
        return np.where(self.gone()[:, None], -1, self.pool.world.shown[self.stance])

    def gone(self) -> np.ndarray:
        """(B,) whether landmarks are not to be seen, as the tour has passed here before."""
        here = self.pool.local[self.pool.world.stances.node[self.stance]]
        return self.first_pass & (self.visits[np.arange(self.batch), here] > 1)

    def advise(self) -> tuple[np.ndarray, np.ndarray]:
        """Along the route, or back to it by the fewest hops; stop at its end. Weight 1 at every step."""
        pool, stances, graph = self.pool, self.pool.world.stances, self.pool.world.graph
        route, edges = (pool.first, pool.nodes), (graph.first, graph.target)
        return teach(self.leg, self.stance, *route, stances.node, *edges, stances.toward), np.ones(self.batch)

    def _start(self, rows: np.ndarray, fresh: bool) -> None:
        """Put rows at the start of their legs."""
        pool, world = self.pool, self.pool.world
        self.leg[rows] = pool.tours[self.which[rows], self.number[rows]]
        route, places = (pool.start, pool.first, pool.nodes), (*world.graph.around, world.stances.node, pool.local)
        state = self.stance, self.clock, self.path, self.size, self.visits, self.earlier
        begin(rows, fresh, self.leg, *route, *places, *state)
        self.turn[rows] = 0.0
        self.familiar[rows, self.number[rows]] = self.earlier[rows]

    def _finish(self, rows: np.ndarray, ended: np.ndarray) -> np.ndarray:
        """Judge the legs that have ended and begin the next ones; the reward (B,)."""
        reward = np.zeros(self.batch)
        if len(rows):
            pool, world = self.pool, self.pool.world
            walked, route = (self.leg, self.path, self.size), (pool.first, pool.nodes, world.ways)
            edges = world.graph.first, world.graph.target
            found = judge(rows, ended[rows] == STOPPED, *walked, *route, *edges, *world.hops.arrays)
            self.scores[rows, self.number[rows]] = found
            reward[rows] = found[:, TC]
            onward = rows[self.number[rows] < self.tour - 1]
            self.number[onward] += 1
            self._start(onward, False)
        return reward

    def _metrics(self) -> Mapping[str, np.ndarray]:
        means = self.scores.mean(axis=1)
        table = {"success" if name == "tc" else name: means[:, i] for i, name in enumerate(NAMES)}
        recall = self.pool.refers_back[self.pool.tours[self.which]]
        for leg in range(self.tour if self.tour > 1 else 0):
            name = f"leg_{leg + 1:02}"
            table |= {f"{name}_success": self.scores[:, leg, TC], f"{name}_ndtw": self.scores[:, leg, NDTW]}
            table |= {f"{name}_visits": self.familiar[:, leg], f"{name}_recall": recall[:, leg].astype(float)}
        return table

    def _glimpses(self, seen: np.ndarray) -> np.ndarray:
        """Vectors (B, 5, D) of what is seen; noise and dropouts are of each row's own generator."""
        vectors = self.vectors[seen]
        if self.noise or self.dropout:
            there = seen >= 0
            rows, counts = np.flatnonzero(there.any(axis=1)), there.sum(axis=1)
            added, luck = np.empty((counts.sum(), vectors.shape[2]), np.float32), np.empty(counts.sum())
            end = 0
            for row in rows.tolist():
                first, end = end, end + int(counts[row])
                self._rng[row].standard_normal(out=added[first:end], dtype=np.float32)
                self._rng[row].random(out=luck[first:end])
            vectors[there] += np.float32(self.noise) * added
            vectors[there] *= (luck >= self.dropout)[:, None]
        return vectors


def by_visits(metrics: Mapping[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Of tours (n,): how many legs, their success and ndtw, by earlier visits to the goal, "0", "1" and "2+", and of
    legs that refer back, "recall"."""
    names = sorted(name.removesuffix("_visits") for name in metrics if name.endswith("_visits"))
    success, score, visits, recall = (
        np.stack([np.asarray(metrics[f"{name}_{part}"]) for name in names])
        for part in ("success", "ndtw", "visits", "recall")
    )
    groups = {"0": visits == 0, "1": visits == 1, "2+": visits >= 2, "recall": recall > 0}
    return {
        group: {"legs": float(kept.sum()), "success": float(success[kept].mean()), "ndtw": float(score[kept].mean())}
        for group, kept in groups.items()
        if kept.any()
    }


def _shown(width: int) -> dict[str, spaces.Space[Any]]:
    return {
        "landmarks": spaces.Box(-np.inf, np.inf, (len(BINS), width), np.float32),
        "ways": spaces.Box(0, np.iinfo(np.int16).max, (1,), np.int16),
        "leg": spaces.Box(0, np.iinfo(np.int16).max, (1,), np.int16),
        "turn": spaces.Box(-np.pi, np.pi, (1,), np.float32),
    }


def _check_steps(steps: int, pool: Pool) -> None:
    if steps < pool.moves.max():
        raise ValueError(f"steps must be {pool.moves.max()} or more, as the longest route needs, got {steps}")
    if pool.text.dtype.itemsize // 4 > LONGEST:
        raise ValueError(f"instructions must have {LONGEST} letters at most, got {pool.text.dtype.itemsize // 4}")

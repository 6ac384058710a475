"""The k stored vectors nearest to a query: exactly, or for a great many of them through a graph of neighbours.

Mem4Nav 2025 (arXiv 2506.19433) files the tokens of its long-term memory in a graph index (HNSW: Malkov, Yashunin 2016,
arXiv 1603.09320; M = 64, efConstruction = 500, efSearch = 200) and asks it for the 3 nearest.

Exact search falls behind the graph when the vectors no longer fit the processor's cache. Measured on one busy CPU
thread (`python -m benchmarks.retrieval` measures it again), k = 3, usearch 2.26, vectors of 16 dimensions and a little
noise; both find all of the 3 nearest; µs a query:

| D | vectors | exact | graph | the graph wins from |
|---|---|---|---|---|
| 64 | 5 000, 20 000, 50 000 | 51, 186, 395 | 144, 427, 634 | between 50 000 and 100 000 |
| 384 | 5 000, 10 000, 20 000 | 186, 1576, 3357 | 333, 675, 1490 | between 5 000 and 10 000 |
| 768 | 5 000, 10 000, 20 000 | 523, 2723, 4639 | 695, 2038, 2243 | between 5 000 and 10 000 |

Putting a vector into the graph takes about 5 ms at 10 000 and 11 ms at 40 000 of D = 768, more than a query saves: a
memory that writes as often as it reads is faster with exact search at every size measured, to 40 000. On vectors
without structure (normal, D = 768, 5 000 of them) the graph takes 2.6 times as long as exact search and finds 0.997.

Letters: B environments, M slots, D width, k neighbours. Distances are Euclidean. No gradient runs through a search.
*Differs from the paper:* exact search below APPROXIMATE_FROM vectors; keys are pairs (kind, slot), so the leaves of an
octree and the nodes of a graph never share one; a vector that is put again replaces the old one, and the labels of
removed ones are used again, so that the index does not fill up with updates of the same few keys.
"""

import copy
import importlib
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Key = tuple[str, int]

APPROXIMATE_FROM = 10_000
"""Vectors from which a graph answers a query faster, at D = 768, the width of the paper's tokens."""
CONNECTIVITY, EXPANSION_ADD, EXPANSION_SEARCH = 64, 500, 200


@dataclass(frozen=True)
class Found:
    key: Key
    distance: float


@torch.no_grad()
def nearest_slots(
    query: Float[Tensor, "B D"], vectors: Float[Tensor, "B M D"], held: Bool[Tensor, "B M"], k: int
) -> tuple[Int[Tensor, "B k"], Float[Tensor, "B k"]]:
    """Slots of the k nearest vectors of each row's own store, nearest first, and their distances; slot -1 and inf where
    fewer than k are held. Raises ValueError for k beyond M."""
    norms = vectors.square().sum(-1).masked_fill(~held, torch.inf)
    return _nearest(query, vectors, norms, k)


def _nearest(
    query: Float[Tensor, "B D"], vectors: Float[Tensor, "B M D"], norms: Float[Tensor, "B M"], k: int
) -> tuple[Int[Tensor, "B k"], Float[Tensor, "B k"]]:
    """Picks by |x|² - 2 x·q, which is one product, and then takes the true distances of the picked."""
    if not 1 <= k <= vectors.shape[1]:
        raise ValueError(f"k must be within 1 … {vectors.shape[1]} slots, got {k}")
    order = torch.baddbmm(norms[..., None], vectors, query[..., None], alpha=-2)[..., 0]
    slot = order.topk(k, largest=False).indices
    picked = vectors.gather(1, slot[..., None].expand(-1, -1, vectors.shape[2]))
    distance = (picked - query[:, None]).norm(dim=-1).masked_fill(norms.gather(1, slot).isinf(), torch.inf)
    distance, sorting = distance.sort(dim=1, stable=True)
    return slot.gather(1, sorting).masked_fill(distance.isinf(), -1), distance


class Nearest:
    """Vectors of `width` under keys (kind, slot), at most `capacity` of them.

    Where `approximate_from` or more are held, a graph is searched instead of all of them; None never makes a graph. An
    index whose capacity reaches that number keeps the graph from its first vector on, so that no step has to build it,
    needs the package usearch, and raises ImportError without it. A leaf of a memory's state: it has clone and nbytes.
    """

    def __init__(self, width: int, capacity: int, approximate_from: int | None = APPROXIMATE_FROM) -> None:
        for name, value in {"width": width, "capacity": capacity, "approximate_from": approximate_from}.items():
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.capacity = capacity
        self.approximate_from = capacity + 1 if approximate_from is None else approximate_from
        self._vectors = torch.zeros(capacity, width)
        self._norms = torch.full((capacity,), torch.inf)
        self._labels: dict[Key, int] = {}
        self._keys: list[Key] = []  # of each label ever used; of a free one, the key it had last
        self._free: list[int] = []
        self._graph = _graph(width, capacity) if self.approximate_from <= capacity else None

    def __len__(self) -> int:
        return len(self._labels)

    def __contains__(self, key: Key) -> bool:
        return key in self._labels

    def put(self, key: Key, vector: Float[Tensor, " D"]) -> None:
        """File a vector, or replace the one under this key. Raises ValueError when the index is full."""
        if key in self:
            self.remove(key)
        if len(self) == self.capacity:
            raise ValueError(f"the index is full, capacity={self.capacity}: remove a key before {key} is put")
        label = self._take(key)
        self._vectors[label] = vector.detach()
        self._norms[label] = self._vectors[label].square().sum()
        if self._graph is not None:
            self._graph.add(label, self._vectors[label].numpy(), threads=1)

    def remove(self, key: Key) -> None:
        """Raises KeyError for a key that holds nothing."""
        if key not in self:
            raise KeyError(f"no vector under {key}; {len(self)} keys hold one")
        label = self._labels.pop(key)
        self._norms[label] = torch.inf
        self._free.append(label)
        if self._graph is not None:
            self._graph.remove(label)

    def nearest(self, query: Float[Tensor, " D"], k: int) -> list[Found]:
        """Nearest first; fewer than k where fewer are held."""
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        k = min(k, len(self))
        if k == 0:
            return []
        query = query.detach().to(self._vectors)
        if self._graph is not None and len(self) >= self.approximate_from:
            match = self._graph.search(query.numpy(), k, threads=1)
            labels, distances = match.keys.tolist(), match.distances.clip(0) ** 0.5
        else:
            rows = len(self._keys)
            slot, distance = _nearest(query[None], self._vectors[None, :rows], self._norms[None, :rows], k)
            labels, distances = slot[0].tolist(), distance[0]
        return [Found(self._keys[label], float(d)) for label, d in zip(labels, distances, strict=True)]

    @property
    def nbytes(self) -> int:
        """Of vectors, norms and graph; the keys are not counted."""
        graph = 0 if self._graph is None else self._graph.memory_usage
        return self._vectors.nbytes + self._norms.nbytes + graph

    def clone(self) -> "Nearest":
        twin = copy.copy(self)
        twin._vectors, twin._norms = self._vectors.clone(), self._norms.clone()
        twin._labels, twin._keys, twin._free = self._labels.copy(), self._keys.copy(), self._free.copy()
        twin._graph = None if self._graph is None else self._graph.copy()
        return twin

    def _take(self, key: Key) -> int:
        """A label for a new key, a free one first."""
        label = self._free.pop() if self._free else len(self._keys)
        self._keys[label : label + 1] = [key]
        self._labels[key] = label
        return label


def _graph(width: int, capacity: int) -> Any:
    try:
        usearch = importlib.import_module("usearch.index")
    except ImportError as error:
        raise ImportError(
            f"an approximate index of {capacity} vectors needs usearch: pip install 'loci[search]', "
            "or pass approximate_from=None to search all of them"
        ) from error
    sizes = {"connectivity": CONNECTIVITY, "expansion_add": EXPANSION_ADD, "expansion_search": EXPANSION_SEARCH}
    return usearch.Index(ndim=width, metric="l2sq", dtype="f32", **sizes)

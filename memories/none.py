"""No memory: the feature is a function of the present moment alone. The ablation every memory is compared with."""

from dataclasses import dataclass

from jaxtyping import Bool
from torch import Tensor, nn

from loci.memories.layers import Drawing
from loci.memories.memory import Memory, Percept, Recall


@dataclass
class Nothing:
    """The state of a memory that keeps nothing."""


class NoMemory(Memory[Nothing]):
    """A perceptron of one hidden layer over the embedding; F = `width`."""

    reads = frozenset({"embed"})

    def __init__(self, input_dim: int, width: int) -> None:
        super().__init__()
        for name, value in {"input_dim": input_dim, "width": width}.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.feature_dim = width
        self.layers = nn.Sequential(nn.Linear(input_dim, width), nn.GELU(), nn.Linear(width, width))

    def initial(self, batch: int) -> Nothing:
        return Nothing()

    def step(self, state: Nothing, percept: Percept, reset: Bool[Tensor, " B"]) -> tuple[Nothing, Recall]:
        return state, Recall(feature=self.layers(percept.embed))

    def unroll(self, state: Nothing, percept: Percept, reset: Bool[Tensor, "B T"]) -> tuple[Nothing, Recall]:
        return state, Recall(feature=self.layers(percept.embed))

    def draw(self, state: Nothing, recall: Recall, row: int) -> Drawing:
        return Drawing(facts={"memory": "none, only the present moment counts"})

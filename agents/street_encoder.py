"""Street observations to percepts: landmarks seen in five directions, the kind of place, and words as fixed vectors.

Words and landmarks share one space of fixed vectors (sim/worlds/word_vectors.py), so that "is this what the instruction
speaks of?" is an inner product and need not be learnt from pictures.

Letters: B environments, T steps, S sentences, L words, W width of a word's vector, D width of embed, V = 2 W, A
actions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from loci.agents.senses import Sensed, Senses, stored_once
from loci.memories.memory import Percept
from loci.sim.worlds.word_vectors import phrase_vector, word_vector

MOST_WAYS = 5
"""Places with more ways count as this many."""
BESIDE = (1.0, 0.4, 0.0, 0.4, 1.0)
"""How much a landmark in each direction counts as one beside the agent."""


@dataclass
class StreetObservation(Sensed):
    """`texts` are the sentences, `sentences` the vectors of their words; absent words are 0."""

    STORED = ("sentences", "texts")

    landmarks: Float[Tensor, "B T 5 W"]
    ways: Int[Tensor, "B T"]
    turn: Float[Tensor, "B T 1"]
    leg: Int[Tensor, "B T"]
    sentences: Float[Tensor, "S L W"]
    texts: list[str]
    position: Float[Tensor, "B T 3"]
    heading: Float[Tensor, "B T 1"]


class StreetEncoder(Senses):
    """Observation to `Percept`. `vision` is the sum of the landmarks beside the agent (BESIDE), then that of all in
    view, both in the space of words: what looks most like a name is the place beside it. `language` and `goal` are
    means of the words heard and of the instruction's by learned weights, so that a memory may look for what is named;
    `embed` sees all five directions, how many ways there are, the turn, the words heard and the action before.

    `words` is the longest instruction that is taken; a longer one is refused.
    """

    sees = ("landmarks", "ways", "turn", "leg", "words", "instruction", "position", "heading")

    def __init__(
        self, width: int, actions: int, vision_dim: int, language_dim: int, embed_dim: int = 64, words: int = 400
    ) -> None:
        super().__init__()
        if (vision_dim, language_dim) != (2 * width, width):
            raise ValueError(
                f"the task's landmarks are {width} wide: encoder.vision_dim must be {2 * width} and "
                f"encoder.language_dim {width}, got {vision_dim} and {language_dim}"
            )
        self.made = {"width": width}
        self.width, self.actions, self.words = width, actions, words
        self.embed_dim, self.vision_dim, self.language_dim = embed_dim, vision_dim, language_dim
        self.embed = nn.Sequential(nn.Linear(6 * width + MOST_WAYS + 2 + actions, embed_dim), nn.ReLU())
        self.salience = nn.Linear(width, 1)
        self.register_buffer("beside", torch.tensor(BESIDE), persistent=False)
        self.beside: Tensor

    @staticmethod
    def sizes(seen: Mapping[str, spaces.Space[Any]]) -> dict[str, int]:
        """The arguments that follow from what a task shows; ValueError where it shows no landmarks."""
        if "landmarks" not in seen:
            raise ValueError(f"this encoder needs landmarks, but the task shows {', '.join(sorted(seen))}")
        return {"width": int((seen["landmarks"].shape or (0,))[-1])}

    def observe(self, obs: Mapping[str, np.ndarray], action: np.ndarray) -> StreetObservation:
        """A window (B, T, …) of an environment's observations and of the actions before them, as tensors."""
        stored, heard, told = stored_once(obs)
        texts = [str(text) for text in stored]
        return StreetObservation(
            landmarks=torch.from_numpy(obs["landmarks"]),
            ways=torch.from_numpy(obs["ways"][..., 0].astype(np.int64)),
            turn=torch.from_numpy(obs["turn"]),
            leg=torch.from_numpy(obs["leg"][..., 0].astype(np.int64)),
            sentences=torch.from_numpy(self.vectors(texts)),
            texts=texts,
            heard=heard,
            told=told,
            action=torch.from_numpy(action.astype(np.int64)),
            position=torch.from_numpy(obs["position"]),
            heading=torch.from_numpy(obs["heading"]),
        )

    def vectors(self, sentences: list[str]) -> Float[np.ndarray, "S L W"]:
        """The vectors of the words of each sentence, 0 behind its end; ValueError for one of too many words."""
        split = [re.findall(r"\w+", sentence.lower()) for sentence in sentences]
        longest = max(map(len, split), default=0)
        if longest > self.words:
            raise ValueError(f"an instruction has {longest} words, the encoder takes {self.words}: raise encoder.words")
        found = np.zeros((len(split), max(longest, 1), self.width), np.float32)
        for row, sentence in zip(found, split, strict=True):
            for place, word in enumerate(sentence):
                row[place] = word_vector(word, self.width)
        return found

    def forward(self, obs: StreetObservation) -> Percept:
        before = functional.one_hot(obs.action + 1, self.actions + 1)[..., 1:].to(obs.turn.dtype)
        ways = functional.one_hot(obs.ways.clamp(max=MOST_WAYS), MOST_WAYS + 1).to(obs.turn.dtype)
        sentences = self.pooled(obs.sentences)
        language, goal = sentences[obs.heard], sentences[obs.told]
        embed = self.embed(torch.cat([obs.landmarks.flatten(-2), language, ways, obs.turn, before], dim=-1))
        vision = torch.cat(
            [torch.einsum("...dw,d->...w", obs.landmarks, self.beside), obs.landmarks.sum(dim=-2)], dim=-1
        )
        return Percept(embed, vision, language, goal, obs.position, obs.heading, control=before)

    def check_sentence(self, sentence: str) -> None:
        self.vectors([sentence])

    def decoder(self) -> nn.Module:
        """Nothing: there is no picture to draw again."""
        return nn.Module()

    def place(self, name: str) -> Float[Tensor, " V"]:
        """`vision` beside what is called so, and nothing else in view."""
        return torch.from_numpy(np.tile(phrase_vector(name, self.width), 2))

    def pooled(self, sentences: Float[Tensor, "S L W"]) -> Float[Tensor, "S W"]:
        """The mean of the words of each sentence, weighted by how much each says of a place."""
        logits = self.salience(sentences)[..., 0].masked_fill(~sentences.any(dim=-1), -1e9)
        return (torch.softmax(logits, dim=-1)[..., None] * sentences).sum(dim=-2)

"""Observations to percepts: a picture encoder (vision.py) and a self-attention sentence encoder.

Letters: B environments, T steps, N = B·T moments, H W image, L tokens, V and U code widths.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional

from loci.agents.language import Tokenizer
from loci.agents.senses import Sensed, Senses, stored_once
from loci.agents.vision import Sight, Vision
from loci.memories.memory import Percept


@dataclass
class Observation(Sensed):
    rgb: UInt8[Tensor, "B T H W 3"]
    sentences: Int[Tensor, "S L"]
    position: Float[Tensor, "B T 3"]
    heading: Float[Tensor, "B T 1"]


class Language(nn.Module):
    """Token sequence to code: embeddings with positions, self-attention, mean over tokens, a linear map, layer norm.

    Sentences that share most of their tokens begin with nearly the same code.
    """

    def __init__(self, vocabulary: int, length: int, width: int, heads: int, code_dim: int) -> None:
        super().__init__()
        self.token = nn.Embedding(vocabulary, width, padding_idx=0)
        self.position = nn.Parameter(torch.randn(length, width) * 0.5)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.out = nn.Sequential(nn.Linear(width, code_dim), nn.LayerNorm(code_dim))

    def forward(self, tokens: Int[Tensor, "S L"]) -> Float[Tensor, "S U"]:
        here = tokens != 0
        here[:, 0] |= ~here.any(dim=1)
        x = self.token(tokens) + self.position
        x = x + self.attention(x, x, x, key_padding_mask=~here, need_weights=False)[0]
        code: Tensor = self.out((x * here[..., None]).sum(dim=1) / here.sum(dim=1, keepdim=True))
        return code


class Phrases(nn.Module):
    """Token sequence to code: a learned one of the whole sentence, of so many, chosen by a hash of its tokens.

    For tasks whose sentences are few; a sentence that was not in training means nothing.
    """

    def __init__(self, phrases: int, code_dim: int) -> None:
        super().__init__()
        self.whole = nn.Embedding(phrases, code_dim)

    def forward(self, tokens: Int[Tensor, "S L"]) -> Float[Tensor, "S U"]:
        place = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
        code: Tensor = self.whole((tokens * place**3).sum(dim=1) % self.whole.num_embeddings)
        return code


class Encoder(Senses):
    """Observation to `Percept`: vision (V), language (U), goal (U), and embed (D) with the previous action too.

    In training the previous action is left out of embed with probability `action_dropout`: a policy that always sees it
    learns to repeat it where the teacher did, and fails where its own past differs (causal confusion, de Haan et al.
    2019, arXiv 1905.11979); with 1 it is left out when acting too. The memory always has it, as `control`.

    `sight` makes the picture encoder from height, width, channels and V. `words` are those of the task that are one
    token each; others are spelled; with `phrases` a sentence is not read but looked up among so many codes.

    With `centre` every number of embed has mean 0 and deviation 1 over the window in training, over training as a whole
    afterwards. Moments of one room are much alike; a memory that compares and averages them sees what sets them apart
    only once their common part is taken away.
    """

    sees = ("rgb", "words", "instruction", "position", "heading")

    def __init__(
        self,
        height: int,
        width: int,
        actions: int,
        vision_dim: int = 32,
        language_dim: int = 32,
        embed_dim: int = 64,
        channels: int = 32,
        word_dim: int = 32,
        heads: int = 2,
        action_dropout: float = 0.5,
        centre: bool = False,
        words: Sequence[str] = (),
        phrases: int = 0,
        sight: Callable[[int, int, int, int], Sight] = Vision,
    ) -> None:
        super().__init__()
        if not 0.0 <= action_dropout <= 1.0:
            raise ValueError(f"action_dropout must lie in [0, 1], got {action_dropout}")
        self.made = {"height": height, "width": width}
        self.tokenizer, self.size, self.action_dropout = Tokenizer(words=words), (height, width), action_dropout
        self.vision_dim, self.language_dim, self.embed_dim, self.actions = vision_dim, language_dim, embed_dim, actions
        self.vision = sight(height, width, channels, vision_dim)
        vocabulary, length = len(self.tokenizer.vocabulary), self.tokenizer.length
        self.language = (
            Phrases(phrases, language_dim) if phrases else Language(vocabulary, length, word_dim, heads, language_dim)
        )
        self.embed = nn.Sequential(nn.Linear(vision_dim + 2 * language_dim + actions, embed_dim), nn.ReLU())
        self.centre = nn.BatchNorm1d(embed_dim, momentum=0.01, affine=False) if centre else nn.Identity()

    @staticmethod
    def sizes(seen: Mapping[str, spaces.Space[Any]]) -> dict[str, int]:
        """The arguments that follow from what a task shows; ValueError where it shows no picture."""
        if "rgb" not in seen:
            raise ValueError(f"this encoder needs pictures, but the task shows {', '.join(sorted(seen))}: give it rgb")
        height, width, _ = seen["rgb"].shape or ()
        return {"height": height, "width": width}

    def observe(self, obs: Mapping[str, np.ndarray], action: np.ndarray) -> Observation:
        """A window (B, T, …) of an environment's observations and of the actions before them, as tensors."""
        sentences, heard, told = stored_once(obs)
        return Observation(
            rgb=torch.from_numpy(obs["rgb"]),
            sentences=torch.from_numpy(self.tokenizer.encode(sentences)),
            heard=heard,
            told=told,
            action=torch.from_numpy(action.astype(np.int64)),
            position=torch.from_numpy(obs["position"]),
            heading=torch.from_numpy(obs["heading"]),
        )

    def forward(self, obs: Observation) -> Percept:
        batch, steps = obs.heard.shape
        vision = self.vision(obs.rgb.flatten(0, 1)).unflatten(0, (batch, steps))
        sentences = self.language(obs.sentences)
        language, goal = sentences[obs.heard], sentences[obs.told]
        before = functional.one_hot(obs.action + 1, self.actions + 1)[..., 1:].to(vision.dtype)
        embed = self.embed(torch.cat([vision, language, goal, self._sometimes(before)], dim=-1))
        embed = self.centre(embed.flatten(0, 1)).unflatten(0, (batch, steps))
        return Percept(embed, vision, language, goal, obs.position, obs.heading, control=before)

    def check_sentence(self, sentence: str) -> None:
        self.tokenizer.encode(np.array([sentence]))

    def decoder(self) -> "Decoder":
        """What helps the codes of this encoder to be worth storing."""
        return Decoder(self)

    def _sometimes(self, before: Float[Tensor, "B T A"]) -> Float[Tensor, "B T A"]:
        if self.action_dropout == 1.0:
            return torch.zeros_like(before)
        if not self.training or self.action_dropout == 0.0:
            return before
        return before * (torch.rand(*before.shape[:2], 1, device=before.device) >= self.action_dropout)


class Decoder(nn.Module):
    """Reconstruction from a code: the picture, made smaller as its encoder says, and the sentence token by token.

    Hill et al. 2020 reconstruct from the core's latent so that codes are worth storing; here the codes themselves are
    decoded, which asks the same of them directly and costs one layer.
    """

    def __init__(self, encoder: Encoder, hidden: int = 64) -> None:
        super().__init__()
        self.shrink = encoder.vision.shrink
        height, width = (side // self.shrink for side in encoder.size)
        pixels = 3 * height * width
        self.image = nn.Sequential(nn.Linear(encoder.vision_dim, hidden), nn.ReLU(), nn.Linear(hidden, pixels))
        self.length, self.vocabulary = encoder.tokenizer.length, len(encoder.tokenizer.vocabulary)
        self.sentence = nn.Linear(encoder.language_dim, self.length * self.vocabulary)

    def image_loss(self, code: Float[Tensor, "N V"], rgb: UInt8[Tensor, "N H W 3"]) -> Float[Tensor, ""]:
        """Mean squared error of the pooled picture, intensities in 0..1."""
        target = functional.avg_pool2d(rgb.permute(0, 3, 1, 2).float() / 255.0, self.shrink)
        return functional.mse_loss(self.image(code), target.flatten(1))

    def sentence_loss(
        self, code: Float[Tensor, "S U"], tokens: Int[Tensor, "S L"], weight: Float[Tensor, " S"]
    ) -> Float[Tensor, ""]:
        """Cross-entropy per token over the real tokens of each sentence, weighted by sentence."""
        logits = self.sentence(code).view(-1, self.length, self.vocabulary)
        loss = functional.cross_entropy(logits.transpose(1, 2), tokens, reduction="none", ignore_index=0)
        real: Bool[Tensor, "S L"] = tokens != 0
        return (loss * weight[:, None]).sum() / (real * weight[:, None]).sum().clamp(min=1.0)

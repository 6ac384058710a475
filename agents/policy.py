"""From what is sensed and what is remembered to an action, the same head for every memory."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Policy(nn.Module):
    """Logits over discrete actions and a value.

    `expected` reads off the recall what should be in view; its product with the picture's code joins percept and
    recall, so that "is this it?" is a sum of products rather than something a perceptron has to find. With `direct` a
    linear map of the recall is added to the logits: what a memory answers is then learnt before the perceptron is.
    """

    def __init__(
        self, embed_dim: int, vision_dim: int, feature_dim: int, actions: int, width: int = 128, direct: bool = False
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(feature_dim)
        self.expected = nn.Linear(feature_dim, vision_dim)
        self.hidden = nn.Sequential(
            nn.Linear(embed_dim + feature_dim + vision_dim, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.logits, self.value = nn.Linear(width, actions), nn.Linear(width, 1)
        self.direct = nn.Linear(feature_dim, actions) if direct else None

    def forward(
        self, embed: Float[Tensor, "*n D"], vision: Float[Tensor, "*n V"], feature: Float[Tensor, "*n F"]
    ) -> tuple[Float[Tensor, "*n A"], Float[Tensor, "*n"]]:
        recall = self.norm(feature)
        hidden = self.hidden(torch.cat([embed, recall, vision * self.expected(recall)], dim=-1))
        logits = self.logits(hidden)
        return logits if self.direct is None else logits + self.direct(recall), self.value(hidden).squeeze(-1)

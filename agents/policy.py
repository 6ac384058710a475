"""From what is sensed and what is remembered to an action, the same head for every memory."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Policy(nn.Module):
    """Logits over discrete actions and a value.

    The percept and the recall are joined by a linear layer and by a product of two projections, so that "is this what
    I remember?" is a sum of products rather than something to be learnt by a perceptron.
    """

    def __init__(self, embed_dim: int, feature_dim: int, actions: int, width: int = 128) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(feature_dim)
        self.joint = nn.Linear(embed_dim + feature_dim, width)
        self.here, self.there = nn.Linear(embed_dim, width), nn.Linear(feature_dim, width)
        self.hidden = nn.Sequential(nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.logits, self.value = nn.Linear(width, actions), nn.Linear(width, 1)

    def forward(
        self, embed: Float[Tensor, "*n D"], feature: Float[Tensor, "*n F"]
    ) -> tuple[Float[Tensor, "*n A"], Float[Tensor, "*n"]]:
        recall = self.norm(feature)
        joined = self.joint(torch.cat([embed, recall], dim=-1)) + self.here(embed) * self.there(recall)
        hidden = self.hidden(joined)
        return self.logits(hidden), self.value(hidden).squeeze(-1)

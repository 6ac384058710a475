"""Picture encoders: from a picture to its code. The encoder's yaml names one.

Letters: N pictures, H W their size, V code width.
"""

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn


class Sight(nn.Module):
    """A picture encoder; `shrink` says how much smaller a decoder draws the picture again."""

    shrink: int


class Vision(Sight):
    """Picture to code: patches of 4x4 pixels, a 3x3 convolution of stride 2; where things are (the whole map) and what
    there is (its mean and maximum over the picture) go through two layers; layer norm."""

    shrink = 4

    def __init__(self, height: int, width: int, channels: int, code_dim: int) -> None:
        super().__init__()
        if height % 8 or width % 8:
            raise ValueError(f"the picture encoder needs sides that are multiples of 8, got {height} x {width}")
        self.map = nn.Sequential(
            nn.Conv2d(3, channels, 4, stride=4),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.code = nn.Sequential(
            nn.Linear(2 * channels * ((height // 8) * (width // 8) + 2), 4 * code_dim),
            nn.ReLU(),
            nn.Linear(4 * code_dim, code_dim),
            nn.LayerNorm(code_dim),
        )

    def forward(self, rgb: UInt8[Tensor, "N H W 3"]) -> Float[Tensor, "N V"]:
        image = rgb.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
        seen = self.map(image)
        code: Tensor = self.code(torch.cat([seen.flatten(1), seen.mean((2, 3)), seen.amax((2, 3))], dim=1))
        return code


class Cells(Sight):
    """Picture of cells, each `pixels` wide and high, to code: a convolution over blocks of 3x3 cells that do not
    overlap, so that one set of weights looks at every block, and a linear map; layer norm. A wall of one cell around
    the blocks is left out.

    Shared weights are what makes ballet learnable: a perceptron over all cells stays at guessing for as long. So is
    darkness as 0 (`black`): the empty blocks, most of them, are then silent.
    """

    def __init__(
        self, height: int, width: int, channels: int, code_dim: int, pixels: int = 1, black: float = 0.0
    ) -> None:
        super().__init__()
        self.black = black
        rows, columns = (cells(side, pixels) for side in (height, width))
        self.shrink, self.wall = pixels, (pixels * (rows % 3 // 2), pixels * (columns % 3 // 2))
        self.blocks = nn.Sequential(nn.Conv2d(3, channels, 3 * pixels, stride=3 * pixels), nn.ReLU())
        self.code = nn.Sequential(nn.Linear(channels * (rows // 3) * (columns // 3), code_dim), nn.LayerNorm(code_dim))

    def forward(self, rgb: UInt8[Tensor, "N H W 3"]) -> Float[Tensor, "N V"]:
        (top, left), (height, width) = self.wall, rgb.shape[1:3]
        inside = rgb[:, top : height - top, left : width - left].permute(0, 3, 1, 2).float()
        image = inside.div_(255.0 / (1.0 - self.black)).add_(self.black)
        code: Tensor = self.code(self.blocks(image).flatten(1))
        return code


def cells(side: int, pixels: int) -> int:
    """How many cells a side of a picture has; ValueError unless they are 3 n, or 3 n + 2 with a wall at both ends."""
    count = side // pixels
    if count < 3 or side % pixels or count % 3 == 1:
        raise ValueError(
            f"the cell encoder needs sides of 3 n cells, or 3 n + 2 with a wall around, of {pixels} pixels each, "
            f"got {side} pixels"
        )
    return count

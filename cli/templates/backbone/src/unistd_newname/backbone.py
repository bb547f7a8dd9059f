"""An MLP-mixer for grids of any size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from unistd.core.adapter import Site
from unistd.core.backbone import Backbone
from unistd.core.temporal import NoTemporal, TemporalModule


class NewNameBackbone(Backbone):
    """Blocks that mix tokens through the means of rows and columns, then features by an MLP; the trunk learns.

    Args:
        width: Token features D.
        depth: Number of blocks.
        expansion: Hidden features of a block's MLP ÷ D.
    """

    def __init__(self, *, width: int = 96, depth: int = 2, expansion: int = 2) -> None:
        super().__init__()
        self.width = width
        self.layers = nn.ModuleList(Block(width, expansion * width) for _ in range(depth))

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Map ``tokens`` (B, N, D), laid out row by row on ``grid`` (h, w), to (B, N, D)."""
        for block in self.layers:
            tokens = block(tokens, grid)
        return tokens

    def sites(self) -> Sequence[Site]:
        """List the linear maps of every block, beside which an adapter may be placed."""
        return [
            Site(name=f"layers.{index}.{role}", width=linear.in_features, parts={role: linear.out_features})
            for index, block in enumerate(self.layers)
            for role, linear in block.named_children()
            if isinstance(linear, nn.Linear)
        ]

    def blocks(self) -> Sequence[nn.Module]:
        """List the blocks in order."""
        return list(self.layers)


class Block(nn.Module):
    """Token mixing, the temporal module, feature mixing.

    Args:
        width: Token features D.
        hidden: Features inside the MLP.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.mix = nn.Linear(3 * width, width)
        self.temporal: TemporalModule = NoTemporal()  # unistd places the one of the spec here
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Map ``tokens`` (B, N, D) on ``grid`` to (B, N, D)."""
        own = self.norm1(tokens).unflatten(1, grid)  # (B, h, w, D)
        row, column = (own.mean(dim=axis, keepdim=True).expand_as(own) for axis in (2, 1))
        tokens = tokens + self.mix(torch.cat([own, row, column], dim=-1)).flatten(1, 2)
        tokens = self.temporal(tokens, grid)
        mixed: Tensor = tokens + self.fc2(functional.gelu(self.fc1(self.norm2(tokens))))
        return mixed

"""The translator of SimVPv2 (arXiv 2211.12509) as a trunk of tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, cast

import torch
from einops import rearrange
from timm.layers.drop import DropPath
from torch import Tensor, nn
from torch.nn import functional

from unistd.core.adapter import Site
from unistd.core.backbone import Backbone
from unistd.core.errors import ModelError
from unistd.core.temporal import NoTemporal, TemporalModule

Norm = Literal["batch", "group"]
Grid = tuple[int, int]

DILATION = 3
FIRST_DROP = 0.01
FIRST_SCALE = 0.01


class Gsta(Backbone):
    """Blocks of gated spatio-temporal attention (SimVPv2, §3), all of whose weights learn.

    The published translator works at T·c features in its first block and maps them to its own width after it, and back
    after the last; here D is constant, since the heads' linear maps do that (choice). Its 1×1 convolutions are linear
    maps of tokens, so that adapters can be placed beside them.

    Args:
        width: Token features D.
        depth: Number of blocks.
        kernel: Size of the attention's kernel before it is taken apart.
        mlp_ratio: Width of the MLP ÷ D.
        drop_path: Chance that a window skips a branch of the last block in training, rising from 0.01 in the first;
            0 is none in all (choice: the published rule would still give the first blocks up to 0.01).
        norm: ``batch`` as published; ``group`` has one group of all features and tokens of a window and no running
            statistics that tasks would share (choice: one group fits any width).

    Raises:
        ModelError: The kernel is no odd multiple of 3.
    """

    def __init__(
        self,
        *,
        width: int = 256,
        depth: int = 8,
        kernel: int = 21,
        mlp_ratio: int = 8,
        drop_path: float = 0.0,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        if kernel % (2 * DILATION) != DILATION:
            raise ModelError(
                f"kernel '{kernel}' of 'gsta' is no odd multiple of {DILATION}",
                help="21 as published, or 9, 15, 27; those between would be rounded to one of them",
            )
        self.width = width
        self.norm = norm
        rise = max(drop_path - FIRST_DROP, 0) / max(depth - 1, 1)
        drops = [drop_path - rise * after for after in reversed(range(depth))]
        self.layers = nn.ModuleList(
            GatedBlock(width, kernel // DILATION, mlp_ratio * width, drop, norm) for drop in drops
        )

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """Map ``tokens`` (B, N, D), laid out row by row on ``grid`` (h, w), to (B, N, D).

        Raises:
            ModelError: Batch statistics are asked of a single token.
        """
        if self.training and self.norm == "batch" and tokens.shape[:2].numel() == 1:
            raise ModelError(
                "'norm: batch' has no statistics of a single token in training", help="norm: group, or a larger batch"
            )
        x = tokens
        for block in self.layers:
            x = block(x, grid)
        return x

    def sites(self) -> Sequence[Site]:
        """List ``attn.proj_in``, ``attn.gate``, ``attn.proj``, ``mlp.fc1`` and ``mlp.fc2`` of every block."""
        return [site for i, block in enumerate(self.blocks()) for site in block.sites(f"layers.{i}")]

    def blocks(self) -> Sequence[GatedBlock]:
        """List the blocks in order."""
        return cast("list[GatedBlock]", list(self.layers))


class GatedBlock(nn.Module):
    """Gated large-kernel attention, temporal module, and an MLP with a convolution in it; both branches start small.

    Args:
        width: Token features D.
        dilated: Size of the dilated kernel.
        hidden: Width of the MLP.
        drop: Chance that a window skips a branch in training.
        norm: Before each branch.
    """

    def __init__(self, width: int, dilated: int, hidden: int, drop: float, norm: Norm) -> None:
        super().__init__()
        self.norm1 = _norm(norm, width)
        self.attn = GatedAttention(width, dilated)
        self.ls1 = nn.Parameter(torch.full((width,), FIRST_SCALE))
        self.temporal: TemporalModule = NoTemporal()
        self.norm2 = _norm(norm, width)
        self.mlp = ConvMlp(width, hidden)
        self.ls2 = nn.Parameter(torch.full((width,), FIRST_SCALE))
        self.drop_path = DropPath(drop)
        self.apply(_start)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """Map ``tokens`` (B, N, D) on ``grid`` to (B, N, D)."""
        x = tokens + self.drop_path(self.ls1 * self.attn(_on_map(self.norm1, tokens, grid), grid))
        x = cast(Tensor, self.temporal(x, grid))
        return x + cast(Tensor, self.drop_path(self.ls2 * self.mlp(_on_map(self.norm2, x, grid), grid)))

    def sites(self, path: str) -> list[Site]:
        """List the block's linear maps; ``path`` is where the block lies in its trunk."""
        D = self.attn.proj.in_features
        parts = {
            "attn.proj_in": {"proj_in": D},
            "attn.gate": {"value": D, "gate": D},
            "attn.proj": {"proj": D},
            "mlp.fc1": {"fc1": self.mlp.fc1.out_features},
            "mlp.fc2": {"fc2": D},
        }
        linears = {name: cast(nn.Linear, self.get_submodule(name)) for name in parts}
        return [
            Site(name=f"{path}.{name}", width=linear.in_features, parts=parts[name]) for name, linear in linears.items()
        ]


class GatedAttention(nn.Module):
    """Weighs values by a gate, both seen through a large kernel taken apart into two depth-wise ones."""

    def __init__(self, width: int, dilated: int) -> None:
        super().__init__()
        self.proj_in = nn.Linear(width, width)
        self.near = _depth_wise(width, 2 * DILATION - 1)
        self.far = _depth_wise(width, dilated, DILATION)
        self.gate = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """Map normalised ``tokens`` (B, N, D) on ``grid`` to (B, N, D)."""
        x = functional.gelu(self.proj_in(tokens))
        # a CPU takes half the time for a dilated kernel where each feature lies together
        x = _on_map(lambda maps: self.far(self.near(maps).contiguous()), x, grid)
        return tokens + cast(Tensor, self.proj(functional.glu(self.gate(x), dim=-1)))


class ConvMlp(nn.Module):
    """An MLP whose hidden features see their neighbours."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.near = _depth_wise(hidden, 3)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """Map normalised ``tokens`` (B, N, D) on ``grid`` to (B, N, D)."""
        return cast(Tensor, self.fc2(functional.gelu(_on_map(self.near, self.fc1(tokens), grid))))


def _on_map(module: Callable[[Tensor], Tensor], tokens: Tensor, grid: Grid) -> Tensor:
    """Apply what works on maps (B, D, h, w) to ``tokens`` (B, N, D); neither way copies."""
    maps = rearrange(tokens, "B (h w) D -> B D h w", h=grid[0], w=grid[1])
    return rearrange(module(maps), "B D h w -> B (h w) D")


def _depth_wise(width: int, kernel: int, dilation: int = 1) -> nn.Conv2d:
    return nn.Conv2d(width, width, kernel, padding=dilation * (kernel // 2), dilation=dilation, groups=width)


def _norm(norm: Norm, width: int) -> nn.Module:
    return nn.BatchNorm2d(width) if norm == "batch" else nn.GroupNorm(1, width)


def _start(module: nn.Module) -> None:
    """Draw weights as published: normal, of the variance that keeps a gradient's size; no bias."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        fan_out = math.prod(module.weight.shape) // module.weight.shape[1]  # what one input value reaches
        if isinstance(module, nn.Conv2d):
            fan_out //= module.groups
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
        assert module.bias is not None
        nn.init.zeros_(module.bias)

"""Where a token is on its grid."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=64)
def sine_cosine_2d(grid: tuple[int, int], width: int, device: torch.device) -> Tensor:
    """Return the 2-D sine-cosine embedding (h·w, D) of ``grid`` (h, w): half of D for the row, half for the column.

    Computed, never learned, so that any grid size works (method §2).
    """
    rows, columns = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    half = (width + 1) // 2
    table = torch.cat([_waves(rows.flatten(), half), _waves(columns.flatten(), width - half)], dim=1)
    return table.to(device)


def _waves(position: Tensor, width: int) -> Tensor:
    pairs = (width + 1) // 2
    frequency = 10000.0 ** (-torch.arange(pairs, dtype=torch.float64) / pairs)
    angle = position.double()[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=1)[:, :width].float()

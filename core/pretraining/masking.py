"""Which patches of a frame are hidden."""

from __future__ import annotations

import torch
from torch import Tensor


def hidden_count(tokens: int, share: float) -> int:
    """Return how many of ``tokens`` are hidden: the nearest whole number to the share, at least one, never all."""
    return min(max(round(share * tokens), 1), tokens - 1)


def draw_order(number: int, batch: int, tokens: int) -> Tensor:
    """Return an order (B, N) of the tokens of each frame, a function of ``number``; the first ones are seen."""
    random = torch.Generator().manual_seed(number)
    return torch.rand(batch, tokens, generator=random).argsort(dim=1)

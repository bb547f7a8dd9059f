"""A task's own way into the trunk and out of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor, nn


class Encoded(NamedTuple):
    """What a head makes of its input.

    Attributes:
        tokens: (B, N, D), row by row on the grid.
        grid: (h, w) with h·w = N.
        memory: Tensors the same head wants back when it decodes, such as early features or the last frame.
    """

    tokens: Tensor
    grid: tuple[int, int]
    memory: tuple[Tensor, ...] = ()


class TaskHead(nn.Module, ABC):
    """Encoder and decoder of one task: any H, W ≥ 1, any T, T', C, C' (method §2)."""

    @abstractmethod
    def encode(self, x: Tensor) -> Encoded:
        """Turn frames ``x`` (B, T, C, H, W) into tokens."""

    @abstractmethod
    def decode(self, encoded: Encoded) -> Tensor:
        """Turn tokens, as the trunk left them, into frames (B, T', C', H, W) of the size that was encoded."""


HeadFactory = Callable[..., TaskHead]
"""Makes a head from the keywords ``past`` T, ``future`` T', ``channels_in`` C, ``channels_out`` C' and
``trunk_width`` D.
"""

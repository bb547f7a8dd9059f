"""The module that mixes time after a block's self-attention."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from unistd.core.adapter import Site


class TemporalModule(nn.Module, ABC):
    """Maps tokens (B, N, D), whose features carry time, to (B, N, D); identity at initialisation, to the bit
    (method §4).
    """

    @abstractmethod
    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Return tokens (B, N, D), which lie row by row on ``grid`` (h, w)."""

    @abstractmethod
    def sites(self) -> Sequence[Site]:
        """List the linear maps inside that take an adapter, as ``Backbone.sites`` does; may be empty."""


class NoTemporal(TemporalModule):
    """Leaves the tokens as they are; what a block has until another module is placed in it."""

    def __init__(self, width: int = 0) -> None:
        super().__init__()
        del width

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:  # noqa: ARG002
        """Return tokens (B, N, D)."""
        return tokens

    def sites(self) -> Sequence[Site]:
        """List nothing."""
        return []


TemporalFactory = Callable[[int], TemporalModule]
"""Makes the temporal module of one block from the trunk's width D."""

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
    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens (B, N, D)."""

    @abstractmethod
    def sites(self) -> Sequence[Site]:
        """List the linear maps inside that take an adapter, as ``Backbone.sites`` does; may be empty."""


TemporalFactory = Callable[[int], TemporalModule]
"""Makes the temporal module of one block from the trunk's width D."""

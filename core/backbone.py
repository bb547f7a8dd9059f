"""The shared trunk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from unistd.core.adapter import Site


class Backbone(nn.Module, ABC):
    """A stack of blocks that maps tokens (B, N, D) to tokens (B, N, D) (method §2).

    ``width`` is D. Position embedding is added outside, so a backbone holds no table of its own. One whose
    ``takes_any_tokens`` is true may be given any of the grid's tokens in any order, as masked pre-training does.
    """

    width: int
    takes_any_tokens: ClassVar[bool] = False

    @abstractmethod
    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Map ``tokens`` (B, N, D), laid out row by row on ``grid`` (h, w), to (B, N, D)."""

    @abstractmethod
    def sites(self) -> Sequence[Site]:
        """List every linear map an adapter may be placed beside; names resolve by ``get_submodule``."""

    @abstractmethod
    def blocks(self) -> Sequence[nn.Module]:
        """List the blocks in order; each has a submodule ``temporal``, called on (B, N, D) and the grid after its
        self-attention, a ``NoTemporal`` until one is placed.
        """

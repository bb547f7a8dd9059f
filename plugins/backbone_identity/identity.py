"""A trunk of nothing."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from unistd.core.adapter import Site
from unistd.core.backbone import Backbone


class Identity(Backbone):
    """Returns its tokens, so that only the heads forecast (method §7, ``heads-only``); what the model adds to tokens
    before any trunk, their positions, stays (choice: the control differs in the trunk alone).

    Args:
        width: Token features D.
    """

    def __init__(self, *, width: int = 192) -> None:
        super().__init__()
        self.width = width

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:  # noqa: ARG002
        """Return ``tokens`` (B, N, D)."""
        return tokens

    def sites(self) -> Sequence[Site]:
        """List nothing."""
        return []

    def blocks(self) -> Sequence[nn.Module]:
        """List nothing."""
        return []

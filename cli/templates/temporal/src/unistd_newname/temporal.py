"""A bottleneck MLP on every token that starts as the identity."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional
from unistd.core.adapter import Site
from unistd.core.temporal import TemporalModule


class NewNameTemporal(TemporalModule):
    """Mixes the features of each token, which carry time, and adds the result; the last layer starts at zero.

    Args:
        width: Features D of a token.
        reduction: D ÷ width of the bottleneck.
    """

    def __init__(self, width: int, *, reduction: int = 4) -> None:
        super().__init__()
        self.down = nn.Linear(width, max(1, width // reduction))
        self.up = nn.Linear(self.down.out_features, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Return tokens (B, N, D), which lie row by row on ``grid`` (h, w)."""
        del grid  # each token is on its own
        mixed: Tensor = tokens + self.up(functional.gelu(self.down(tokens)))
        return mixed

    def sites(self) -> Sequence[Site]:
        """List nothing: the module's own weights learn, and no adapter is placed beside them."""
        return []

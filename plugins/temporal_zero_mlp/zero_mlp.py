"""A bottleneck MLP over time that starts as the identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

from unistd.core.adapter import Site
from unistd.core.temporal import TemporalModule


class ZeroMlp(TemporalModule):
    """Mixes the features, which carry time, of the spatial mean and gives the result to every token (method §4).

    The last layer starts at zero, so u = 0 and both forms return their input to the bit. The paper's 1-D experts stand
    beside that last layer (choice: they share the bottleneck, so their cost does not grow with D²).

    Args:
        width: Features D of a token.
        reduction: D ÷ width of the bottleneck.
        experts: Experts asked of the adapter; ``None`` leaves the number to it.
        form: ``additive`` x + 2σ(u) − 1, or ``multiplicative`` x · 2σ(u).
    """

    def __init__(
        self,
        width: int,
        *,
        reduction: int = 6,
        experts: int | None = None,
        form: Literal["additive", "multiplicative"] = "additive",
    ) -> None:
        super().__init__()
        self.down = nn.Linear(width, max(1, width // reduction))
        self.up = nn.Linear(self.down.out_features, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)
        self.experts = experts
        self.form = form

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens (B, N, D)."""
        gate: Tensor = 2 * self.up(functional.gelu(self.down(tokens.mean(dim=1, keepdim=True)))).sigmoid()
        return tokens + (gate - 1) if self.form == "additive" else tokens * gate

    def sites(self) -> Sequence[Site]:
        """List the last layer."""
        parts = {"temporal": self.up.out_features}
        return [Site(name="up", width=self.up.in_features, parts=parts, owned=True, experts=self.experts)]


class NoTemporal(TemporalModule):
    """Leaves the tokens as they are."""

    def __init__(self, width: int) -> None:
        super().__init__()
        del width

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens (B, N, D)."""
        return tokens

    def sites(self) -> Sequence[Site]:
        """List nothing."""
        return []

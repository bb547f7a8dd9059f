"""A bottleneck MLP over time that starts as the identity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from unistd.core.adapter import Site
from unistd.core.errors import ModelError
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
        local: Side of a depth-wise convolution over the grid that is added to its own input first; zero-initialised, so
            the module stays the identity at the start. 0 for none, as in the paper (choice: attention alone has to
            learn from little data that what moves, moves to its neighbours).

    Raises:
        ModelError: ``local`` is even, so it has no middle.
    """

    def __init__(
        self,
        width: int,
        *,
        reduction: int = 6,
        experts: int | None = None,
        form: Literal["additive", "multiplicative"] = "additive",
        local: int = 0,
    ) -> None:
        super().__init__()
        if local and local % 2 == 0:
            raise ModelError(
                f"local '{local}' of 'zero-mlp' is even", help=f"{local - 1} or {local + 1}, or 0 for none"
            )
        self.down = nn.Linear(width, max(1, width // reduction))
        self.up = nn.Linear(self.down.out_features, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)
        self.near = nn.Conv2d(width, width, local, padding=local // 2, groups=width) if local else None
        if self.near is not None:
            nn.init.zeros_(self.near.weight)
            nn.init.zeros_(cast(Tensor, self.near.bias))
        self.experts = experts
        self.form = form

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Return tokens (B, N, D), which lie row by row on ``grid`` (h, w)."""
        if self.near is not None:
            maps = rearrange(tokens, "b (h w) d -> b d h w", h=grid[0], w=grid[1])
            tokens = tokens + rearrange(self.near(maps), "b d h w -> b (h w) d")
        u: Tensor = self.up(functional.gelu(self.down(tokens.mean(dim=1, keepdim=True))))
        # 2σ(u) is near 1, where bfloat16 knows only steps of 1/128.
        wide = u.to(torch.promote_types(u.dtype, torch.float32))
        move = (2 * wide.sigmoid() - 1).to(tokens.dtype)
        return tokens + move if self.form == "additive" else tokens + tokens * move

    def sites(self) -> Sequence[Site]:
        """List the last layer."""
        parts = {"temporal": self.up.out_features}
        return [Site(name="up", width=self.up.in_features, parts=parts, owned=True, experts=self.experts)]

"""A gate of its own for every expert."""

from __future__ import annotations

from torch import Tensor
from unistd.core.router import Router


class NewNameRouter(Router):
    """Sigmoid of a linear map of the token, divided by the sum over the experts.

    Args:
        width: Features D of a token.
        experts: Number of experts E.
        sharpness: Multiplies the scores.
    """

    def __init__(self, width: int, experts: int, *, sharpness: float = 1.0) -> None:
        super().__init__(width, experts)
        self.sharpness = sharpness

    def gate(self, scores: Tensor) -> Tensor:
        """Turn scores (..., E) into weights (..., E) whose rows sum to 1."""
        open_ = (self.sharpness * scores).sigmoid()
        return open_ / open_.sum(dim=-1, keepdim=True)

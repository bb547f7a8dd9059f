"""Softmax over the experts."""

from __future__ import annotations

from torch import Tensor

from unistd.core.router import Router


class SoftmaxRouter(Router):
    """Softmax of a linear map of the token (method §3).

    Args:
        width: Features D of a token.
        experts: Number of experts E.
        top_k: Only the k largest scores take part, the rest get weight 0; of a site with fewer experts, all do.
    """

    def __init__(self, width: int, experts: int, *, top_k: int | None = None) -> None:
        super().__init__(width, experts)
        self.top_k = min(top_k or experts, experts)

    def gate(self, scores: Tensor) -> Tensor:
        """Turn scores (..., E) into weights (..., E) whose rows sum to 1."""
        if self.top_k < self.experts:
            kept = scores.topk(self.top_k, dim=-1)
            scores = scores.new_full(scores.shape, float("-inf")).scatter(-1, kept.indices, kept.values)
        return scores.softmax(dim=-1)

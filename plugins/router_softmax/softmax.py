"""Softmax over the experts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from unistd.core.router import Router


class SoftmaxRouter(Router):
    """Softmax of a linear map of the token (method §3).

    Args:
        width: Features D of a token.
        experts: Number of experts E.
        top_k: Only the k largest scores take part, the rest get weight 0; of a site with fewer experts, all do.
        temperature: Divides the scores; below 1 one expert wins, above 1 all say the same.
        balance: Strength of the load-balance term ``E · Σ_e w_e · p_e`` that every site adds to the training loss: w
            the mean weight of an expert, p its mean probability before top-k. It is 1 where all are used equally
            (Switch Transformer, arXiv 2101.03961; choice: weights instead of counts, so that it acts without top-k).
    """

    def __init__(
        self, width: int, experts: int, *, top_k: int | None = None, temperature: float = 1.0, balance: float = 0.0
    ) -> None:
        super().__init__(width, experts)
        self.top_k = min(top_k or experts, experts)
        self.temperature = temperature
        self.balance = balance

    def gate(self, scores: Tensor) -> Tensor:
        """Turn scores (..., E) into weights (..., E) whose rows sum to 1."""
        scores = weights = scores / self.temperature
        if self.top_k < self.experts:
            kept = scores.topk(self.top_k, dim=-1)
            weights = scores.new_full(scores.shape, float("-inf")).scatter(-1, kept.indices, kept.values)
        weights = weights.softmax(dim=-1)
        if self.balance and self.training and torch.is_grad_enabled():
            given, likely = (each.flatten(0, -2).mean(0) for each in (weights.detach(), scores.softmax(dim=-1)))
            loss = self.share * self.balance * self.experts * (given * likely).sum()
            added: Tensor = _WithLoss.apply(weights, loss)
            return added
        return weights


class _WithLoss(Function):
    """Passes ``weights`` on and adds ``loss`` to whatever is differentiated, so that no caller has to collect it."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, loss: Tensor) -> Tensor:
        ctx.like = (loss.dtype, loss.device)
        return weights.view_as(weights)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        dtype, device = ctx.like
        return grad, torch.ones((), dtype=dtype, device=device)

"""How much each expert says about a token."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class Router(nn.Module, ABC):
    """Weights of E experts for a token: a linear map to scores, then a gate whose rows sum to 1 (method §3).

    The linear part is held as plain ``weight`` (F, D) and ``bias`` (F) so that an adapter can fold it into its own
    first product; F is E unless a router wants more features per token.

    Attributes:
        share: Of a batch, what one pass is given while training; a loss that a router adds by itself counts by it.
        observer: Called with the weights (..., E) of every batch while somebody wants to know how experts are used.
    """

    share: float = 1.0
    observer: Callable[[Tensor], None] | None = None

    def __init__(self, width: int, experts: int, features: int | None = None) -> None:
        super().__init__()
        self.experts = experts
        self.weight = nn.Parameter(torch.empty(features or experts, width))
        self.bias = nn.Parameter(torch.zeros(features or experts))
        nn.init.normal_(self.weight, std=1 / math.sqrt(width))

    @abstractmethod
    def gate(self, scores: Tensor) -> Tensor:
        """Turn scores (..., F) into weights (..., E) whose rows sum to 1."""

    def weigh(self, scores: Tensor) -> Tensor:
        """Return the weights (..., E) for ``scores`` (..., F) of the linear map, and show them to ``observer``."""
        weights = self.gate(scores)
        if self.observer is not None:
            self.observer(weights.detach())
        return weights

    def forward(self, x: Tensor) -> Tensor:
        """Return the weights (..., E) for tokens ``x`` (..., D)."""
        return self.weigh(functional.linear(x, self.weight, self.bias))


RouterFactory = Callable[[int, int], Router]
"""Makes a router from the width D and the number of experts E."""

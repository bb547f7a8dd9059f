"""The mixture itself: all experts of a site in one product in and one product out per part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from unistd.core.adapter import Adapter
from unistd.core.router import Router, RouterFactory


class LowRankExperts(Adapter):
    """``Σ_e g_e(x) · f_{r_e}(x)`` for each part of a linear map, such as q, k and v of a fused qkv (method §3).

    ``f_r(x) = Σ_k m_k(r) (x·a_k) b_k`` with ``m_k(r) = clamp(r − k + 1, 0, 1)``, which is the blend of the two whole
    ranks
    next to r. The experts' A and the routers' weights are read in one product; each part's B in one more. No tensor
    grows with tokens × experts × D.

    Args:
        width: Features D of a token.
        parts: Output features of each part in order.
        experts: Number of experts E of each part; 0 leaves the part uncorrected.
        rank: Rank of every expert at the start.
        max_rank: Components R each expert has room for.
        router: Makes the router of a part with more than one expert.
    """

    rank: Tensor
    order: Tensor

    def __init__(
        self,
        width: int,
        parts: Mapping[str, int],
        experts: Mapping[str, int],
        *,
        rank: float,
        max_rank: int,
        router: RouterFactory | None,
    ) -> None:
        super().__init__()
        self.parts = dict(parts)
        self.experts = {role: experts.get(role, 0) for role in parts}
        total = sum(self.experts.values())
        self.max_rank = max_rank
        self.down = nn.Parameter(torch.empty(total * max_rank, width))
        nn.init.normal_(self.down, std=1 / math.sqrt(width))
        self.up = nn.ParameterDict(
            {
                role: nn.Parameter(torch.zeros(count * max_rank, parts[role]))
                for role, count in self.experts.items()
                if count
            }
        )
        self.routers = nn.ModuleDict()
        if router is not None:
            self.routers.update({role: router(width, count) for role, count in self.experts.items() if count > 1})
        self.register_buffer("rank", torch.full((total,), float(rank)))
        self.register_buffer("order", torch.arange(max_rank, dtype=torch.float32), persistent=False)

    def mask(self) -> Tensor:
        """Return ``m_k(r)`` (E, R) of all experts, part by part."""
        return (self.rank[:, None] - self.order).clamp(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the correction (..., O), the parts side by side, for tokens ``x`` (..., D)."""
        routers = {role: cast(Router, router) for role, router in self.routers.items()}
        inward = torch.cat([self.down, *(router.weight for router in routers.values())])
        widths = [len(self.down), *(len(router.weight) for router in routers.values())]
        components, *scores = torch.split(functional.linear(x, inward), widths, dim=-1)
        gates = {
            role: router.gate(score + router.bias)
            for (role, router), score in zip(routers.items(), scores, strict=True)
        }
        return torch.cat(self._outward(components, gates), dim=-1)

    def _outward(self, components: Tensor, gates: Mapping[str, Tensor]) -> list[Tensor]:
        """Weigh the components (..., ΣE·R) by gate and mask, and map each part's share of them out."""
        corrections, first, mask = [], 0, self.mask().to(components.dtype)
        for role, count in self.experts.items():
            if not count:
                corrections.append(components.new_zeros(*components.shape[:-1], self.parts[role]))
                continue
            own = components[..., first * self.max_rank : (first + count) * self.max_rank]
            weight = mask[first : first + count]
            if role in gates:
                weight = gates[role].to(mask.dtype)[..., None] * weight
            scaled = own.reshape(*own.shape[:-1], count, self.max_rank) * weight
            corrections.append(functional.linear(scaled.flatten(-2), self.up[role].t()))
            first += count
        return corrections

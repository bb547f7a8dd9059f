"""The mixture itself: all experts of a site in one product in and one grouped product out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from unistd.core.rank_plan import RankPlan
from unistd.core.ranked import RankedAdapter
from unistd.core.router import Router, RouterFactory
from unistd.plugins.adapter_ra_moe.products import Place, product_in, product_out


class LowRankExperts(RankedAdapter):
    """``W x + Σ_e g_e(x) · f_{r_e}(x)`` for each part of a linear map, such as q, k and v of a fused qkv (method §3).

    ``f_r(x) = Σ_k m_k(r) (x·a_k) b_k`` with ``m_k(r) = clamp(r − k + 1, 0, 1)``, which is the blend of the two whole
    ranks next to r. The components (rows a_k of ``down``, b_k of ``up``) of all experts lie side by side, an expert's
    in order, so that experts of different size cost what their sizes add up to.

    Args:
        width: Features D of a token.
        parts: Output features of each part in order.
        experts: Number of experts E of each part; 0 leaves the part uncorrected.
        ranks: A whole number fixes the rank of every expert; a plan lets ranks learn.
        router: Makes the router of a part with more than one expert; ``None`` leaves all experts equal weight 1.
    """

    learning: bool
    order: Tensor
    spread: Tensor

    def __init__(
        self,
        width: int,
        parts: Mapping[str, int],
        experts: Mapping[str, int],
        *,
        ranks: int | RankPlan,
        router: RouterFactory | None,
    ) -> None:
        super().__init__()
        self.width, self.parts = width, dict(parts)
        self.experts = {role: experts.get(role, 0) for role in parts if experts.get(role, 0)}
        self.plan = ranks if isinstance(ranks, RankPlan) else None
        self.room = self.plan.max if self.plan else cast(int, ranks)
        first = self.plan.first if self.plan else self.room
        self.rank = nn.Parameter(torch.full((sum(self.experts.values()),), float(first)))
        self.routers = nn.ModuleDict()
        if router is not None:
            self.routers.update({role: router(width, count) for role, count in self.experts.items() if count > 1})
        self.up = nn.ParameterDict()
        self.register_buffer("order", torch.empty(0), persistent=False)
        self.register_buffer("spread", torch.empty(0), persistent=False)
        self.lay_out(None)
        nn.init.normal_(self.down, std=1 / math.sqrt(width))
        for up in self.up.values():
            nn.init.zeros_(up)

    def lay_out(self, ranks: Sequence[int] | None) -> None:
        """Make room for the components of fixed whole ``ranks`` (E,), or for the largest there may be."""
        like = self.rank.data
        sizes = torch.tensor([self.room] * len(like) if ranks is None else list(ranks))
        owner = torch.repeat_interleave(torch.arange(len(like)), sizes)
        starts = sizes.cumsum(0) - sizes
        self.order = (torch.arange(len(owner)) - starts[owner]).to(like.device)
        self.spread = functional.one_hot(owner, len(like)).t().to(like)  # (E, K), 1 where expert owns component
        self.learning = ranks is None and self.plan is not None
        self.rank.requires_grad_(self.learning)
        if ranks is not None:
            self.rank.data.copy_(sizes)
        self.down = nn.Parameter(like.new_empty(len(owner), self.width))
        self._places, k, o, e = [], 0, 0, 0
        for role, features in self.parts.items():
            if role in self.experts:
                rows = int(sizes[e : e + self.experts[role]].sum())
                self.up[role] = nn.Parameter(like.new_empty(rows, features))
                self._places.append(Place(slice(k, k + rows), slice(o, o + features)))
                k, e = k + rows, e + self.experts[role]
            o += features

    def compact(self, ranks: Sequence[int]) -> dict[str, Tensor]:
        """Fix whole ``ranks`` (E,) and remove the components beyond them; return the rows kept of each parameter."""
        target = torch.tensor(list(ranks), device=self.order.device)
        keep = self.order < target[self.spread.argmax(0)]
        kept = {"down": keep.nonzero().flatten()}
        for role, place in zip(self.experts, self._places, strict=True):
            kept[f"up.{role}"] = keep[place.components].nonzero().flatten()
        rows = {name: self.get_parameter(name).detach()[index] for name, index in kept.items()}
        self.lay_out(ranks)
        with torch.no_grad():
            for name, own in rows.items():
                self.get_parameter(name).copy_(own)
        return kept

    def by_role(self) -> dict[str, list[float]]:
        """Return the ranks of the experts of each role."""
        ranks = torch.split(self.rank.detach(), list(self.experts.values()))
        return {role: own.tolist() for role, own in zip(self.experts, ranks, strict=True)}

    def forward(self, x: Tensor, linear: nn.Linear) -> Tensor:
        """Return ``linear(x)`` plus the experts' correction, (..., O), for tokens ``x`` (..., D)."""
        routers = [cast(Router, router) for router in self.routers.values()]
        inward = torch.cat([self.down, *(router.weight for router in routers)]) if routers else self.down
        output, seen = product_in(x.reshape(-1, self.width), linear, inward)
        components, scores = seen[:, : len(self.down)], seen[:, len(self.down) :]
        mask = self._mask()
        weight = self._gates(scores) @ mask if routers else mask.sum(0)
        output = product_out(output, components * weight, list(self.up.values()), self._places)
        return output.view(*x.shape[:-1], -1)

    def _gates(self, scores: Tensor) -> Tensor:
        """Return the weight (M, E) of every expert, 1 for one that shares its part with no other."""
        routers = {role: cast(Router, router) for role, router in self.routers.items()}
        shares = torch.split(scores, [len(router.weight) for router in routers.values()], dim=-1)
        given = {
            role: router.weigh(share + router.bias)
            for (role, router), share in zip(routers.items(), shares, strict=True)
        }
        alone = scores.new_ones(scores.shape[0], 1)
        return torch.cat([given.get(role, alone) for role in self.experts], dim=-1)

    def _mask(self) -> Tensor:
        """Return ``m_k(r)`` where an expert (row) owns a component (column), else 0; (E, K).

        Only component ⌈r⌉ moves with r, the first one with a rank of 0 (choice: so that an expert can come back).
        """
        if not self.learning:
            return self.spread
        edge = self.rank.ceil().clamp(min=1)[:, None]
        at = self.order + 1
        mask = torch.where(at == edge, self.rank[:, None] - self.order, (at < edge).to(self.rank.dtype))
        return mask * self.spread

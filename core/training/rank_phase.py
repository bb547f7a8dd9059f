"""The first part of a training, in which the experts' ranks learn under a budget (method §3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from unistd.core.adapter import site_of
from unistd.core.errors import CheckpointError, ModelError
from unistd.core.rank_plan import RankPlan
from unistd.core.ranked import RankedAdapter, ranked_adapters, whole_ranks


@dataclass(frozen=True)
class RankPhase:
    """Holds the ranks of a model to their budget, step by step, and at the end makes them whole and the model smaller.

    AdamW divides every gradient by its own size. Inside the same sum, the budget's slope of ±β would drown that of the
    task (1e-8 to 1e-5 in the quickstart after 40 steps), and all ranks would move in step. So (choice), as AdamW does
    with weight decay, the budget acts beside the optimiser: after its step comes the proximal one of β·|C − Σ r|, which
    moves all ranks together towards the budget, by no more than lr·β, and not beyond it.

    Attributes:
        adapters: The adapters with ranks that learn, by path.
        plan: How they learn.
        end: Step after which they are fixed.
    """

    adapters: Mapping[str, RankedAdapter]
    plan: RankPlan
    end: int

    @classmethod
    def of(cls, model: nn.Module, steps: int, epoch: int) -> RankPhase | None:
        """Return the phase of a training of ``steps``, ``epoch`` of which pass over all windows once; ``None`` where no
        rank learns.

        Raises:
            UsageError: The phase would outlast the training.
            ModelError: Adapters disagree on how their ranks learn.
        """
        adapters = dict(ranked_adapters(model))
        plans = {adapter.plan for adapter in adapters.values()}
        if len(plans) > 1:
            raise ModelError("the adapters of one model have different rank plans", help="give all of them one plan")
        plan = plans.pop() if plans else None
        return None if plan is None else cls(adapters, plan, plan.phase.length(steps, epoch))

    @property
    def lr(self) -> float:
        """Return the furthest a rank moves in one step."""
        return self.plan.step_size(self.end)

    @property
    def total(self) -> float:
        """Return the sum of all ranks now."""
        return float(sum(adapter.rank.detach().sum() for adapter in self.adapters.values()))

    @property
    def allowed(self) -> int | None:
        """Return the sum the budget allows; ``None`` without a budget."""
        count = sum(adapter.rank.numel() for adapter in self.adapters.values())
        return round(self.plan.mean * count) if self.plan.beta else None

    @property
    def unmoved(self) -> bool:
        """Return whether all ranks are what they were at first."""
        return all(bool((adapter.rank == self.plan.first).all()) for adapter in self.adapters.values())

    def row(self) -> dict[str, Any]:
        """Return the ranks for the log: their sum, what the budget allows, and each expert's by site and role."""
        ranks = {
            f"{site_of(path)}.{role}": [round(rank, 4) for rank in own]
            for path, adapter in self.adapters.items()
            for role, own in adapter.by_role().items()
        }
        learning = any(adapter.rank.requires_grad for adapter in self.adapters.values())
        return {"learning": learning, "sum": round(self.total, 4), "allowed": self.allowed, "ranks": ranks}

    @torch.no_grad()
    def settle(self, lr: float) -> None:
        """Bring the ranks, which the optimiser moved by up to ``lr``, towards the budget and back into their bounds."""
        ranks = torch.cat([adapter.rank for adapter in self.adapters.values()])
        if self.allowed is not None:
            reach = lr * self.plan.beta
            ranks = ranks - ((ranks.sum() - self.allowed) / ranks.numel()).clamp(-reach, reach)
        self._set(ranks.clamp(self.plan.min, self.plan.max))

    def finish(self) -> dict[str, Tensor]:
        """Round the ranks, fix them and remove the components beyond them.

        Returns:
            The rows kept of each parameter that became smaller, by its path in the model.
        """
        ranks = torch.cat([adapter.rank.detach() for adapter in self.adapters.values()])
        total = round(float(ranks.double().sum())) if self.allowed is None else self.allowed
        rounded = whole_ranks(ranks, total, self.plan.min, self.plan.max)
        kept: dict[str, Tensor] = {}
        for (path, adapter), own in zip(self.adapters.items(), self._split(rounded), strict=True):
            kept |= {f"{path}.{name}": rows for name, rows in adapter.compact(own.tolist()).items()}
        return kept

    def _set(self, ranks: Tensor) -> None:
        for adapter, own in zip(self.adapters.values(), self._split(ranks), strict=True):
            adapter.rank.copy_(own)

    def _split(self, ranks: Tensor) -> tuple[Tensor, ...]:
        return torch.split(ranks, [adapter.rank.numel() for adapter in self.adapters.values()])


def adopt_ranks(model: nn.Module, stored: Mapping[str, Tensor], *, fixed: bool) -> None:
    """Give the adapters of ``model`` the room that ``stored`` tensors need, which may be of before or after the ranks
    were ``fixed``; their values are left to be loaded.

    Raises:
        CheckpointError: The stored ranks are not those of these adapters.
    """
    for path, adapter in ranked_adapters(model):
        ranks = stored.get(f"{path}.rank")
        if ranks is None or not fixed:
            adapter.lay_out(None)
            continue
        whole, plan = ranks.round(), cast(RankPlan, adapter.plan)
        if whole.shape != adapter.rank.shape or not torch.equal(whole, ranks.clamp(plan.min, plan.max)):
            raise CheckpointError(
                f"'{path}' has stored ranks {ranks.flatten().tolist()[:8]}, which are not {adapter.rank.numel()} whole"
                f" ones from {plan.min} to {plan.max}",
                help="use the spec and plug-in versions of the run, as its spec.json names them",
            )
        adapter.lay_out([int(rank) for rank in whole])

"""Adapters whose experts have ranks, and the rule by which learned ranks become whole."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from unistd.core.adapter import Adapter
from unistd.core.rank_plan import RankPlan


class RankedAdapter(Adapter):
    """An adapter of experts with ranks that learn for a while and are then fixed and cut to size (method §3).

    Attributes:
        plan: How the ranks learn; ``None`` for ranks that are fixed from the start.
        rank: (E,) ranks of its experts; learns while it requires a gradient.
    """

    plan: RankPlan | None
    rank: nn.Parameter

    @abstractmethod
    def by_role(self) -> Mapping[str, list[float]]:
        """Return the ranks of the experts of each role."""

    @abstractmethod
    def lay_out(self, ranks: Sequence[int] | None) -> None:
        """Make room for the components of fixed whole ``ranks`` (E,), or for the largest that can be learned; values
        are left to be loaded.
        """

    @abstractmethod
    def compact(self, ranks: Sequence[int]) -> dict[str, Tensor]:
        """Fix whole ``ranks`` (E,) and remove the components beyond them; return the rows kept of each of its
        parameters.
        """


def ranked_adapters(module: nn.Module) -> Iterator[tuple[str, RankedAdapter]]:
    """Give every adapter with ranks that can learn, with its path."""
    for path, part in module.named_modules():
        if isinstance(part, RankedAdapter) and part.plan is not None:
            yield path, part


def ranks_are_fixed(module: nn.Module) -> bool:
    """Tell whether there are ranks that can learn, and none of them does so any longer."""
    learning = [adapter.rank.requires_grad for _, adapter in ranked_adapters(module)]
    return bool(learning) and not any(learning)


def whole_ranks(ranks: Tensor, total: int, low: int, high: int) -> Tensor:
    """Return whole ranks (E,) from ``low`` to ``high`` that add up to ``total``, nearest to ``ranks`` (E,).

    Ranks are first moved together, each within its bounds, until they add up to ``total``; then each is rounded down,
    and those with the largest remainders up (choice: no rank ends further than 1 from where it was moved to; of equal
    remainders the first goes up). Whole ranks that add up already stay as they are.

    Raises:
        ValueError: No ranks within the bounds add up to ``total``.
    """
    exact = ranks.detach().double().cpu()
    if not low * len(exact) <= total <= high * len(exact):
        raise ValueError(f"{len(exact)} ranks from {low} to {high} cannot add up to {total}")
    moved = _moved(exact.clamp(low, high), total, low, high)
    floor = moved.floor().clamp(low, high)
    missing = total - int(floor.sum())
    order = torch.argsort(moved - floor, descending=True, stable=True)
    floor[order[:missing]] += 1
    return floor.long()


def _moved(ranks: Tensor, total: int, low: int, high: int) -> Tensor:
    """Add the one number to all ``ranks`` that makes them, clamped, add up to ``total``."""
    if ranks.sum() == total:
        return ranks
    below, above = low - ranks.max().item(), high - ranks.min().item()
    for _ in range(200):  # halving; the sum grows with the shift
        shift = (below + above) / 2
        below, above = (shift, above) if (ranks + shift).clamp(low, high).sum() < total else (below, shift)
    return (ranks + above).clamp(low, high)

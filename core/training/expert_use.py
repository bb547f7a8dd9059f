"""How a model's routers use their experts: the evidence that a mixture is one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, TypedDict

import torch
from torch import Tensor, nn

from unistd.core.adapter import site_of
from unistd.core.router import Router

NEVER = 0.01
"""An expert whose mean weight stays below this share of an equal one is as good as never used (choice)."""


class Use(TypedDict):
    """Mean weight of each expert of one router, and the mean entropy of its weights: 1 all equal, 0 one alone."""

    weights: list[float]
    entropy: float


class Part(NamedTuple):
    """What one router said about some tokens: the sums of its weights and of their entropy, and how many tokens."""

    weights: Tensor
    entropy: Tensor
    tokens: int

    def joined(self, other: Part) -> Part:
        """Return what was said about the tokens of both."""
        return Part(self.weights + other.weights, self.entropy + other.entropy, self.tokens + other.tokens)


class ExpertUse:
    """Sums up what the routers of ``model`` say while it is entered by ``watching``."""

    def __init__(self, model: nn.Module) -> None:
        self._routers = {
            site_of(path).replace(".routers.", "."): part
            for path, part in model.named_modules()
            if isinstance(part, Router)
        }
        self._sums: dict[str, Part] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Observe every router."""
        for name, router in self._routers.items():
            router.observer = lambda weights, name=name: self._add(name, weights)
        try:
            yield
        finally:
            for router in self._routers.values():
                router.observer = None

    def _add(self, name: str, weights: Tensor) -> None:
        weights = weights.float().flatten(0, -2)
        self.add({name: Part(weights.sum(0).cpu(), torch.special.entr(weights).sum().cpu(), len(weights))})

    def add(self, parts: Mapping[str, Part]) -> None:
        """Take in what was said elsewhere."""
        for name, part in parts.items():
            own = self._sums.get(name)
            self._sums[name] = own.joined(part) if own else part

    def take(self) -> dict[str, Part]:
        """Return what was said since the last time, and start anew."""
        parts, self._sums = self._sums, {}
        return parts

    def result(self) -> dict[str, Use]:
        """Return the use of every router that was asked, named by site and role: ``layers.0.attn.qkv.q``."""
        return {
            name: Use(
                weights=[round(weight, 5) for weight in (own.weights / own.tokens).tolist()],
                entropy=round(own.entropy.item() / own.tokens / math.log(max(len(own.weights), 2)), 5),
            )
            for name, own in self._sums.items()
        }


def never_used(uses: Iterable[Mapping[str, Use]]) -> list[str]:
    """Name the experts that no task uses, ``layers.0.attn.qkv.q 3``, from the use of each task."""
    largest: dict[str, list[float]] = {}
    for use in uses:
        for name, own in use.items():
            largest[name] = [max(pair) for pair in zip(own["weights"], largest.get(name, own["weights"]), strict=True)]
    return [
        f"{name} {expert}"
        for name, weights in largest.items()
        for expert, weight in enumerate(weights)
        if weight < NEVER / len(weights)
    ]

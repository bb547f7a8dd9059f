"""Exponential moving average of what learns: the weights a model is scored and used with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from unistd.core.ranked import ranked_adapters


class Average:
    """Averages the parameters of ``module`` that learn over the steps; experts' ranks are taken as they are.

    The share of the past grows as (1 + step) ÷ (10 + step) up to ``decay``, so that the first weights are forgotten.

    Attributes:
        tensors: The averages by parameter name.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self._module = module
        self.tensors = {name: p.detach().clone() for name, p in averaged(module).items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after ``step``."""
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        own = averaged(self._module)
        torch._foreach_lerp_([self.tensors[name] for name in own], list(own.values()), share)

    def compact(self, kept: Mapping[str, Tensor]) -> None:
        """Follow parameters that became smaller, of which the rows ``kept`` are left."""
        names = averaged(self._module)
        self.tensors = {
            name: own[kept[name]] if name in kept else own for name, own in self.tensors.items() if name in names
        }

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let the module compute with the averages meanwhile."""
        own = averaged(self._module)
        before = {name: p.detach().clone() for name, p in own.items()}
        copy_into(own, self.tensors)
        try:
            yield
        finally:
            copy_into(own, before)


def averaged(module: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that are averaged, by name."""
    ranks = {id(adapter.rank) for _, adapter in ranked_adapters(module)}
    return {name: p for name, p in module.named_parameters() if p.requires_grad and id(p) not in ranks}


@torch.no_grad()
def copy_into(own: Mapping[str, nn.Parameter], values: Mapping[str, Tensor]) -> None:
    """Give the parameters ``own`` the ``values`` of the same names."""
    for name, parameter in own.items():
        parameter.copy_(values[name])

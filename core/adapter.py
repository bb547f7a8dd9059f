"""What is placed beside a linear map, and where."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Site:
    """One adaptable linear map.

    Attributes:
        name: Path of the ``nn.Linear`` inside the module that owns it, ``layers.0.attn.qkv``.
        width: Features that go in.
        parts: Role and output features of each part in order; a fused qkv has ``{"q": D, "k": D, "v": D}``.
        owned: The map is part of a module of ours, such as the temporal one, rather than of the trunk; the owner
            chooses its ``experts``.
        experts: How many experts the owner asks for; ``None`` leaves it to the adapter.
        learns: The map's own weights learn; filled in by the model that places the adapters.
    """

    name: str
    width: int
    parts: Mapping[str, int]
    owned: bool = False
    experts: int | None = None
    learns: bool = False


class Adapter(nn.Module, ABC):
    """What one linear map becomes: its own output plus a correction that is zero at initialisation (method §3)."""

    @abstractmethod
    def forward(self, x: Tensor, linear: nn.Linear) -> Tensor:
        """Return ``linear(x)`` plus the correction, (..., O), for tokens ``x`` (..., D)."""


AdapterFactory = Callable[[Sequence[Site]], Mapping[str, Adapter]]
"""Makes the adapters of all sites at once, keyed by ``Site.name``; sites left out stay as they are."""


class AdaptedLinear(nn.Module):
    """A linear map with its adapter, which computes both so that their products can share memory.

    Adapters that were added later correct the output of their own tasks alone, so that every other task computes what
    it did before, to the bit.

    Attributes:
        task: Whose tokens come next; only looked at where something was added.
    """

    def __init__(self, linear: nn.Linear, adapter: Adapter) -> None:
        super().__init__()
        self.linear = linear
        self.adapter = adapter
        self.added = nn.ModuleList()
        self._tasks: list[frozenset[str]] = []
        self.task = ""

    def add(self, adapter: Adapter, tasks: Collection[str]) -> None:
        """Place ``adapter`` as well, for ``tasks`` alone."""
        self.added.append(adapter)
        self._tasks.append(frozenset(tasks))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` (..., D) to (..., O)."""
        output: Tensor = self.adapter(x, self.linear)
        for adapter, tasks in zip(self.added, self._tasks, strict=True):
            if self.task in tasks:
                output = output + adapter(x, cast(nn.Linear, _Nothing(x, output.shape[-1])))
        return output


class _Nothing:
    """Looks like a linear map of ``x`` (..., D) to 0, beside which an adapter gives its correction alone."""

    def __init__(self, x: Tensor, features: int) -> None:
        self.weight = x.new_zeros(1, 1).expand(features, x.shape[-1])
        self.bias = None


def site_of(path: str) -> str:
    """Return the name of the site an adapter, or a part of one, belongs to, from its path in a model:
    ``layers.0.attn.qkv`` of ``model.backbone.layers.0.attn.qkv.adapter``.
    """
    inside = path.partition("backbone.")[2] or path
    site, _, part = inside.partition(".adapter")
    return site + part

"""What is placed beside a frozen linear map, and where."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Site:
    """One adaptable linear map.

    Attributes:
        name: Path of the ``nn.Linear`` inside the module that owns it, ``layers.0.attn.qkv``.
        width: Features that go in.
        parts: Role and output features of each part in order; a fused qkv has ``{"q": D, "k": D, "v": D}``.
        owned: The map learns as part of a module of ours, such as the temporal one, rather than of the trunk; the owner
            chooses its ``experts``.
        experts: How many experts the owner asks for; ``None`` leaves it to the adapter.
    """

    name: str
    width: int
    parts: Mapping[str, int]
    owned: bool = False
    experts: int | None = None


class Adapter(nn.Module, ABC):
    """The correction to one linear map's output; zero at initialisation (method §3)."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return the correction (..., O) for tokens ``x`` (..., D) of the adapted map."""


AdapterFactory = Callable[[Sequence[Site]], Mapping[str, Adapter]]
"""Makes the adapters of all sites at once, keyed by ``Site.name``; sites left out stay as they are."""


class AdaptedLinear(nn.Module):
    """A linear map with its adapter: ``y = W x + adapter(x)``."""

    def __init__(self, linear: nn.Linear, adapter: Adapter) -> None:
        super().__init__()
        self.linear = linear
        self.adapter = adapter

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` (..., D) to (..., O)."""
        output: Tensor = self.linear(x) + self.adapter(x)
        return output

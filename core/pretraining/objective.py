"""What a trunk learns by, and how well it does on frames it has not seen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import cast

import torch
from einops import rearrange
from torch import Tensor, nn

from unistd.core.backbone import Backbone
from unistd.core.model import check_names
from unistd.core.pretraining.reader import StillBatch
from unistd.core.pretraining.stills import FrameSource


@dataclass(frozen=True)
class HeldOut:
    """Loss on validation frames beside that of the best constant answer; ``accuracy`` where there are labels."""

    loss: float
    reference: float
    accuracy: float | None = None


class Objective(nn.Module, ABC):
    """A trunk with a patch embedding for each source (method §1).

    Args:
        backbone: What is pre-trained.
        sources: What it is trained on.

    Raises:
        UsageError: A source has a name a module cannot have.
    """

    reference: str
    """What ``HeldOut.reference`` answers, in words."""

    def __init__(self, backbone: Backbone, sources: Mapping[str, FrameSource]) -> None:
        super().__init__()
        check_names("source", sources)
        self.backbone = backbone
        self.patch = {name: source.patch for name, source in sources.items()}
        values = {name: len(source.card.channels) * source.patch**2 for name, source in sources.items()}
        self.embed = nn.ModuleDict({name: nn.Linear(own, backbone.width) for name, own in values.items()})

    @abstractmethod
    def forward(self, batch: StillBatch) -> Tensor:
        """Return the mean loss of ``batch``."""

    @abstractmethod
    def held_out(self, batches: Iterable[StillBatch]) -> HeldOut:
        """Score validation frames of one source."""

    def patches(self, batch: StillBatch) -> tuple[Tensor, tuple[int, int]]:
        """Cut the frames into patches (B, N, p·p·C) on a grid (h, w); NaN is missing or beyond the frame."""
        size = self.patch[batch.source]
        height, width = batch.frames.shape[-2:]
        grid = ceil(height / size), ceil(width / size)
        padding = (0, grid[1] * size - width, 0, grid[0] * size - height)
        padded = nn.functional.pad(batch.frames, padding, value=torch.nan)
        return rearrange(padded, "b c (h p) (w q) -> b (h w) (p q c)", p=size, q=size), grid

    def tokens(self, source: str, patches: Tensor) -> Tensor:
        """Embed ``patches`` (B, N, p·p·C) as tokens (B, N, D); missing pixels are 0."""
        return cast(Tensor, self.embed[source](patches.nan_to_num(0.0)))

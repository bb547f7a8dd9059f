"""Single frames to pre-train on: training and validation ones, never those of a test split."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unistd.core.data.normalization import Normalization
from unistd.core.data.store import Store
from unistd.core.data.windows import Windows
from unistd.core.errors import UsageError
from unistd.core.task import TaskCard

Part = Literal["train", "val"]


class Stills(ABC):
    """Frames of one part of a source.

    Attributes:
        labels: (n,) int64, which of the source's labels each frame has; ``None`` without.
    """

    labels: NDArray[np.int64] | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of frames."""

    @abstractmethod
    def read(self, indices: NDArray[np.int64], at: NDArray[np.float64]) -> Tensor:
        """Return frames (B, C, H, W) in physical units, NaN where missing.

        Args:
            indices: (B,) which ones.
            at: (B, 2) from 0 to 1, where in the room that cropping leaves along y and x; 0.5 is the middle.
        """


@dataclass(frozen=True)
class FrameSource:
    """What a source of frames is: its two parts, what its channels are and how it is cut into patches.

    Attributes:
        train, val: Learnt from, and chosen by.
        card: Channels, mirrors and range.
        normalization: Physical units to what the trunk is given.
        patch: Pixels along each side of a token.
        digest: Hash of what the frames are.
        labels: Names of the labels.
        store: Where the frames are, if in a store.
    """

    train: Stills
    val: Stills
    card: TaskCard
    normalization: Normalization
    patch: int
    digest: str
    labels: tuple[str, ...] = ()
    store: Store | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return C, H and W of a frame as it is read."""
        channels, height, width = self.val.read(np.zeros(1, np.int64), np.full((1, 2), 0.5)).shape[1:]
        return channels, height, width


class StoreStills(Stills):
    """The frames of one split of a store, with the same embargo between splits as windows have.

    Args:
        store: The store.
        part: Which split.
        crop: Pixels along each side that are read; of a shorter side all. ``None`` for whole frames.

    Raises:
        DataError: The split has no frame with a valid value.
    """

    def __init__(self, store: Store, part: Part, crop: int | None = None) -> None:
        self.windows = Windows(store, part, past=0, future=1)
        self.crop = crop

    def __len__(self) -> int:
        return len(self.windows)

    def read(self, indices: NDArray[np.int64], at: NDArray[np.float64]) -> Tensor:
        """Return frames (B, C, H, W) in physical units, NaN where missing."""
        frames = self.windows.read(indices)[1][:, 0]
        if self.crop is None:
            return frames
        height, width = (min(self.crop, side) for side in frames.shape[-2:])
        room = np.array([frames.shape[-2] - height, frames.shape[-1] - width])
        corners = np.minimum((at * (room + 1)).astype(np.int64), room)
        cut = [frame[:, y : y + height, x : x + width] for frame, (y, x) in zip(frames, corners, strict=True)]
        return torch.stack(cut)


def store_source(name: str, store: Store, patch: int, crop: int | None) -> FrameSource:
    """Return the source ``name`` of the frames of ``store``, without those of its test split.

    Raises:
        DataError: A split has no frame with a valid value.
        UsageError: ``crop`` leaves nothing out.
    """
    if crop is not None and crop >= max(store.grid):
        size = "×".join(map(str, store.grid))
        raise UsageError(
            f"crop '{crop}' of '{name}' has no effect: its frames are {size} pixels",
            help="leave it out, or crop to less",
        )
    return FrameSource(
        StoreStills(store, "train", crop),
        StoreStills(store, "val", crop),
        store.card,
        Normalization(store.offset, store.scale),
        patch,
        store.digest,
        store=store,
    )

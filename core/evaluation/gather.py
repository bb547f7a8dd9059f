"""Frames of a store by index, and the time of a frame counted in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from unistd.core.data.store import WHOLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unistd.core.data.store import Region, Store


def read_frames(store: Store, indices: NDArray[np.int64], region: Region = WHOLE) -> Tensor:
    """Return the frames at ``indices`` (..., any shape) as (..., C, H, W), each read from the store once.

    Of a ``region`` H and W are the rows and columns that it has.
    """
    raw, at = store.spans(indices.reshape(-1), 1, region)
    frames = store.decode(raw[at])
    return torch.from_numpy(frames.reshape(*indices.shape, *frames.shape[1:]))


def ticks(times: NDArray[np.datetime64], step: tuple[int, str]) -> NDArray[np.int64]:
    """Return ``times`` as whole steps since 1970: months by the calendar, anything else by the clock."""
    count, unit = step
    if unit == "M":
        return times.astype("datetime64[M]").astype(np.int64) // count
    return times.astype("datetime64[ms]").astype(np.int64) // (count * milliseconds(unit))


def milliseconds(unit: str) -> int:
    """Return the length of a ``unit`` other than the month, one of numpy's letters."""
    return int(np.array(1, f"timedelta64[{unit}]").astype("timedelta64[ms]").astype(np.int64))

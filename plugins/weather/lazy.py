"""Frames that are read when they are needed, one file each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray


def one_frame_a_file(
    read: Callable[[Path], NDArray[Any]], paths: Sequence[Path], shape: tuple[int, int, int], dtype: type[np.generic]
) -> Any:
    """Return the dask array (time, C, H, W) of frames; ``read`` vouches for ``shape`` (C, H, W) and ``dtype``."""
    frames = [da.from_delayed(delayed(read)(path), shape, dtype=dtype) for path in paths]  # type: ignore[no-untyped-call]
    return da.stack(frames)  # type: ignore[no-untyped-call]

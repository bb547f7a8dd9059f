"""Arrays in ``.npy`` files, mapped into memory, so that only what is used is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.npy import map_npy
from unistd.core.errors import DataError


def map_bytes(path: Path, shapes: Sequence[tuple[int | None, ...]]) -> NDArray[np.uint8]:
    """Map the array of bytes in ``path``, which has one of ``shapes``; ``None`` stands for any length but 0.

    Raises:
        DataError: The file is unreadable, cut short, or holds another shape or type; names the file.
    """
    try:
        array = map_npy(path)
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read as npy: {error}", where=str(path), help="fetch the file again") from error
    if array.dtype != np.uint8:
        raise DataError(f"holds type '{array.dtype}' instead of uint8", where=str(path))
    if not any(_fits(array.shape, shape) for shape in shapes):
        allowed = " or ".join("(" + ", ".join("n" if n is None else str(n) for n in shape) + ")" for shape in shapes)
        raise DataError(f"holds shape '{array.shape}' instead of {allowed}", where=str(path))
    return array


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        have > 0 if want is None else have == want for have, want in zip(shape, wanted, strict=True)
    )

"""The one array of an npy file, mapped."""

from __future__ import annotations

import tokenize
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def map_npy(path: Path) -> NDArray[Any]:
    """Return the array in ``path``, read from the disk where it is used; nothing pickled is ever read.

    Raises:
        OSError: The file cannot be opened.
        ValueError: It is no such file, or shorter than its head says.
    """
    try:
        found: Any = np.load(path, mmap_mode="r", allow_pickle=False)
    except (EOFError, ArithmeticError, TypeError, SyntaxError, MemoryError, tokenize.TokenError) as error:
        raise ValueError(f"its head is damaged: {error}") from error  # numpy reads the head as Python's literals
    if not isinstance(found, np.ndarray):
        raise ValueError("it is an archive 'npz', not one array")  # noqa: TRY004 - as of any other damaged file
    return found

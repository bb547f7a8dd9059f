"""Frames that are image files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unistd.core.errors import DataError

BILINEAR, BICUBIC = Image.Resampling.BILINEAR, Image.Resampling.BICUBIC


def read_rgb(path: Path, size: int, resample: Image.Resampling) -> NDArray[np.uint8]:
    """Read an image (3, size, size) as red, green and blue, resized by pillow where it is of another size.

    Raises:
        DataError: The file is missing, damaged or no image; names it.
    """
    return np.asarray(fit(_read(path).convert("RGB"), size, resample)).transpose(2, 0, 1)


def read_grey(path: Path, size: int, resample: Image.Resampling) -> NDArray[np.uint8]:
    """Read the first channel of an image (1, size, size), resized by pillow where it is of another size.

    Raises:
        DataError: The file is missing, damaged or no image; names it.
    """
    return np.asarray(fit(_read(path).getchannel(0), size, resample))[None]


def fit(image: Image.Image, size: int, resample: Image.Resampling) -> Image.Image:
    """Resize ``image`` to ``size`` × ``size``; one of that size stays as it is."""
    return image if image.size == (size, size) else image.resize((size, size), resample)


def _read(path: Path) -> Image.Image:
    if not path.is_file():
        raise DataError(f"no file '{path.name}'", where=str(path), help="unpack the archive again, or fetch it again")
    try:
        with Image.open(path) as image:
            image.load()
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:  # pillow's PNG reader raises SyntaxError
        raise DataError(f"cannot be read as an image: {error}", where=str(path), help="fetch it again") from error
    if image.mode not in ("L", "RGB"):
        raise DataError(f"is an image of mode '{image.mode}' instead of grey or RGB", where=str(path))
    return image

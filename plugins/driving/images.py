"""Colour images of files, cut and resized to the frames of a task, read when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray
from PIL import Image

from unistd.core.errors import DataError

BLOCK = 32  # frames that are read in one go
View = Callable[[Image.Image], Image.Image]


def in_blocks(
    read: Callable[[Any], NDArray[Any]], items: Sequence[Any], grid: tuple[int, int], dtype: Any = np.uint8
) -> Any:
    """Return the dask array (time, 3, H, W) of what ``read`` makes of ``items``, some at a time: (t, H, W, 3)."""
    parts = [items[at : at + BLOCK] for at in range(0, len(items), BLOCK)]
    blocks = [da.from_delayed(delayed(read)(part), (len(part), *grid, 3), dtype=dtype) for part in parts]  # type: ignore[no-untyped-call]
    return da.concatenate(blocks).transpose(0, 3, 1, 2)  # type: ignore[no-untyped-call]


def read_files(paths: Sequence[Path], view: View, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Read the images (t, H, W, 3) at ``paths`` as ``view`` shows them.

    Raises:
        DataError: A file is no image in colour, or not of this ``size`` (width, height); names the file.
    """
    shown = [view(checked(read_image(path, str(path)), size, str(path))) for path in paths]
    return np.stack([np.asarray(image) for image in shown])


def read_image(source: Path | bytes, where: str) -> Image.Image:
    """Read one image in colour.

    Raises:
        DataError: It is damaged or has other channels than red, green and blue.
    """
    try:
        image = Image.open(BytesIO(source) if isinstance(source, bytes) else source)
        image.load()
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:  # a broken PNG is a SyntaxError to Pillow
        raise DataError(f"cannot be read as an image: {error}", where=where, help="fetch the file again") from error
    if image.mode != "RGB":
        raise DataError(f"the image has mode '{image.mode}' instead of RGB, 8 bits each", where=where)
    return image


def checked(image: Image.Image, size: tuple[int, int] | None, where: str) -> Image.Image:
    """Return ``image``.

    Raises:
        DataError: It is not of this ``size`` (width, height).
    """
    if size is not None and image.size != size:
        wide, high = size
        raise DataError(f"the image has '{image.width}×{image.height}' pixels instead of {wide}×{high}", where=where)
    return image


def square(image: Image.Image, side: int) -> Image.Image:
    """Cut the central square out of ``image`` and resize it by Lanczos' filter, as MCVD does."""
    half = min(image.size) // 2
    x, y = image.width // 2, image.height // 2
    return image.crop((x - half, y - half, x + half, y + half)).resize((side, side), Image.Resampling.LANCZOS)


def stretched(image: Image.Image, size: tuple[int, int], width: int) -> Image.Image:
    """Stretch ``image`` to ``size`` (width, height) and cut out the central ``width`` columns.

    Each pixel is interpolated between its four nearest, without a low-pass before: what OpenCV calls bilinear.
    """
    wide, high = size
    scale = (image.width / wide, 0, 0, 0, image.height / high, 0)
    image = image.transform(size, Image.Transform.AFFINE, scale, Image.Resampling.BILINEAR)
    left = (wide - width) // 2
    return image.crop((left, 0, left + width, high))


def scaled(image: Image.Image, height: int, width: int) -> Image.Image:
    """Scale ``image`` to ``height`` by a triangle filter and cut out the central ``width`` columns, as PredNet does."""
    wide = round(height / image.height * image.width)
    image = image.resize((wide, height), Image.Resampling.BILINEAR)
    left = (wide - width) // 2
    return image.crop((left, 0, left + width, height))

"""Images and GeoTIFF: one frame a file."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unistd.core.errors import DataError
from unistd.core.importing.card import ImportCard
from unistd.core.importing.field import EXTRA, Axis, Field, Pieces, check_whole

MODES = {"1": (1, "bool"), "L": (1, "u1"), "LA": (2, "u1"), "RGB": (3, "u1"), "RGBA": (4, "u1"), "I": (1, "i4")}
MODES |= {"I;16": (1, "<u2"), "I;16B": (1, ">u2"), "F": (1, "f4")}
AXES = {"Y": "y", "X": "x", "S": "channel", "C": "channel"}


MAX_UNPACKED = 2**28
"""Bytes of an image that was packed by gzip; the limit of pixels that pillow has, in colour, is about this."""


def open_image(path: Path, keys: Sequence[str], card: ImportCard) -> dict[str, Field]:
    """Find the pixels (y, x, channel) of a png, jpg and the like, by their head; of such as ``.pgm.gz``, too."""
    del card
    with _opened(path) as image:
        if image.mode not in MODES or getattr(image, "n_frames", 1) != 1:
            what = f"mode '{image.mode}'" if image.mode not in MODES else f"'{getattr(image, 'n_frames', 1)}' frames"
            help_ = f"save it as a still image in one of {', '.join(MODES)}"
            raise DataError(f"the image has {what}", where=str(path), help=help_)
        bands, dtype = MODES[image.mode]
        shape = (image.height, image.width, bands)
    load = partial(_load_image, path)
    dims = ("y", "x", "channel")
    found = Field(path=path, key="", shape=shape, dtype=np.dtype(dtype), load=load, dims=dims)
    return dict.fromkeys(keys, found)


def _opened(path: Path) -> Image.Image:
    if path.suffix.lower() != ".gz":
        return Image.open(path)
    with gzip.open(path) as file:
        content = file.read(MAX_UNPACKED + 1)
    if len(content) > MAX_UNPACKED:
        raise DataError(f"unpacks to more than '{MAX_UNPACKED}' bytes", where=str(path), help="no such image is read")
    return Image.open(BytesIO(content))


def _load_image(path: Path, selection: Pieces) -> NDArray[Any]:
    with _opened(path) as image:
        pixels = np.asarray(image)
    return (pixels if pixels.ndim == 3 else pixels[:, :, None])[selection]


def open_geotiff(path: Path, keys: Sequence[str], card: ImportCard) -> dict[str, Field]:
    """Find the bands of a GeoTIFF, with the coordinates of its pixels' centres where they lie along the axes."""
    tifffile = _tifffile(path)
    try:
        with tifffile.TiffFile(path) as file:
            series, page = file.series[0], file.pages[0]
            if len(file.series) != 1:
                raise DataError(
                    f"holds '{len(file.series)}' images of different size", where=str(path), help="split it"
                )
            shape, dtype, axes = series.shape, series.dtype, series.axes
            tags = {name: page.tags[name].value for name in _TAGS if name in page.tags}
    except tifffile.TiffFileError as error:
        raise ValueError(str(error)) from error
    _check_nodata(tags.get("GDAL_NODATA"), dtype, card, path)
    dims = tuple(AXES.get(axis, axis) for axis in axes)
    found = Field(
        path=path,
        key="",
        shape=shape,
        dtype=dtype,
        load=partial(_load_geotiff, path),
        dims=dims,
        axes=_coordinates(tags, shape[axes.index("Y")], shape[axes.index("X")]),
    )
    return dict.fromkeys(keys, found)


_TAGS = ("ModelPixelScaleTag", "ModelTiepointTag", "GDAL_NODATA")


def _tifffile(path: Path) -> Any:
    try:
        import tifffile
    except ImportError as error:
        raise DataError("GeoTIFF needs the package 'tifffile'", where=str(path), help=EXTRA) from error
    return tifffile


def _load_geotiff(path: Path, selection: Pieces) -> NDArray[Any]:
    tifffile = _tifffile(path)
    try:
        with tifffile.TiffFile(path) as file:
            check_whole(file.series[0].shape, file.series[0].dtype, path, "the image")
            pixels: NDArray[Any] = file.series[0].asarray()
    except tifffile.TiffFileError as error:
        raise ValueError(str(error)) from error
    except ValueError as error:
        if "imagecodecs" in str(error):
            raise DataError(f"its compression needs another package: {error}", where=str(path), help=EXTRA) from error
        raise
    return pixels[selection]


def _check_nodata(text: str | None, dtype: np.dtype[Any], card: ImportCard, path: Path) -> None:
    """Refuse a file whose missing value is not the card's, which holds for all files."""
    if text is None:
        return
    text = str(text).strip("\0 ")
    nodata = float(text)
    if np.isnan(nodata) and dtype.kind == "f":
        return
    if dtype.kind in "iu" and not np.iinfo(dtype).min <= nodata <= np.iinfo(dtype).max:
        return  # no pixel can be missing
    if card.fill_value is None or dtype.type(nodata) != dtype.type(card.fill_value):
        message = f"says '{text}' means missing, the card's fill_value is {card.fill_value!r}"
        raise DataError(message, where=str(path), help=f"fill_value: {text}, and missing: mask if any may be missing")


def _coordinates(tags: dict[str, Any], height: int, width: int) -> dict[str, Axis]:
    scale, tie = tags.get("ModelPixelScaleTag"), tags.get("ModelTiepointTag")
    if scale is None or tie is None:
        return {}
    column, row, _, x, y = tie[:5]
    along_x = x + (np.arange(width) + 0.5 - column) * scale[0]
    along_y = y - (np.arange(height) + 0.5 - row) * scale[1]
    return {
        "y": (along_y, {"long_name": "y of the pixel's centre"}),
        "x": (along_x, {"long_name": "x of the pixel's centre"}),
    }

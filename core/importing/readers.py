"""From a file to its arrays: one function a format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from unistd.core.errors import DataError
from unistd.core.importing.arrays import open_hdf5, open_npy, open_npz
from unistd.core.importing.card import KEYLESS, Format, ImportCard
from unistd.core.importing.field import UNREADABLE, Field, unreadable
from unistd.core.importing.labelled import open_netcdf, open_zarr
from unistd.core.importing.pictures import open_geotiff, open_image
from unistd.core.importing.video import open_video

OpenFile = Callable[[Path, Sequence[str], ImportCard], dict[str, Field]]
"""Called with a file, the names of the arrays asked for and the card; finds everything but the values."""

READERS: dict[Format, OpenFile] = {
    "npy": open_npy,
    "npz": open_npz,
    "hdf5": open_hdf5,
    "netcdf": open_netcdf,
    "zarr": open_zarr,
    "geotiff": open_geotiff,
    "image": open_image,
    "video": open_video,
}
SUFFIXES: dict[str, Format] = {
    **{".npy": "npy", ".npz": "npz", ".h5": "hdf5", ".hdf5": "hdf5", ".he5": "hdf5"},
    **{".nc": "netcdf", ".nc4": "netcdf", ".cdf": "netcdf", ".zarr": "zarr", ".tif": "geotiff", ".tiff": "geotiff"},
    **{".png": "image", ".jpg": "image", ".jpeg": "image", ".bmp": "image", ".pgm": "image", ".ppm": "image"},
    **{".mp4": "video", ".avi": "video", ".mov": "video", ".mkv": "video", ".webm": "video"},
}


def format_of(path: Path, card: ImportCard) -> Format:
    """Return what ``path`` is: what the card says, or else its suffix.

    Raises:
        DataError: Neither tells.
    """
    format_ = card.format or SUFFIXES.get(path.suffix.lower())
    if path.suffix.lower() == ".gz" and SUFFIXES.get(Path(path.stem).suffix.lower()) == "image":
        format_ = card.format or "image"
    if format_ is None:
        help_ = f"say it as the card's 'format': {', '.join(READERS)}"
        raise DataError(f"suffix '{path.suffix}' does not tell the format", where=str(path), help=help_)
    return format_


def open_file(path: Path, keys: Sequence[str], card: ImportCard) -> dict[str, Field]:
    """Return the arrays ``keys`` of a file; in a format with one array a file, that array for each of them.

    Raises:
        DataError: The file is unreadable or lacks one; names it.
    """
    format_ = format_of(path, card)
    if format_ in KEYLESS and (named := {card.variable, *(c.variable for c in card.channels.values())} - {None}):
        help_ = "leave it out, or say another 'format'"
        raise DataError(f"variable '{min(map(str, named))}': {format_} has no names", where=str(path), help=help_)
    try:
        return READERS[format_](path, keys, card)
    except UNREADABLE as error:
        raise unreadable(path, error) from error

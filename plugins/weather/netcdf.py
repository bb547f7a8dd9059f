"""NetCDF files whose content is checked against what the task declares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from unistd.core.data.hdf5 import check_self_contained
from unistd.core.errors import DataError

_UNREADABLE = (OSError, RuntimeError, ValueError, TypeError, KeyError, IndexError)
Engine = Literal["h5netcdf", "scipy"]
Axis = tuple[NDArray[np.floating[Any]], dict[str, str]]


def load(path: Path, engine: Engine) -> xr.Dataset:
    """Read a whole file into memory, with times decoded and missing values as NaN.

    Raises:
        DataError: The file cannot be read or decoded.
    """
    options = {"mmap": False} if engine == "scipy" else None  # mapped arrays would keep every file open
    try:
        _check(path)
        with xr.open_dataset(path, engine=engine, decode_cf=False, backend_kwargs=options) as raw:
            for variable in raw.variables.values():
                if "Unit" in variable.attrs:  # GlobCurrent's spelling, which would leave its times plain numbers
                    variable.attrs["units"] = variable.attrs.pop("Unit")
            return xr.decode_cf(raw).load()
    except _UNREADABLE as error:
        raise DataError(f"cannot be read as NetCDF: {error}", where=str(path), help="fetch the file again") from error


@contextmanager
def opened(path: Path) -> Iterator[xr.Dataset]:
    """Open a file, NetCDF 3 or 4, whose variables are read as far as they are used; missing values as NaN, times raw.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        _check(path)
        with path.open("rb") as file:
            engine: Engine = "scipy" if file.read(3) == b"CDF" else "h5netcdf"
        with xr.open_dataset(path, engine=engine, decode_times=False, cache=False) as data:
            yield data
    except _UNREADABLE as error:
        raise DataError(f"cannot be read as NetCDF: {error}", where=str(path), help="fetch the file again") from error


def _check(path: Path) -> None:
    """Refuse a NetCDF4 file with values in other files, or of a size that no file holds."""
    if h5py.is_hdf5(path):
        with h5py.File(path) as file:
            check_self_contained(file, path)


def field(data: xr.Dataset, name: str, unit: str, path: Path) -> NDArray[np.floating[Any]]:
    """Return the variable ``name`` (time, y, x).

    Raises:
        DataError: It is not in the file, has other dimensions, or is in another unit.
    """
    if name not in data:
        raise DataError(
            f"no variable '{name}'", where=str(path), help=f"the file holds {', '.join(map(str, data.data_vars))}"
        )
    variable = data[name]
    if variable.dims != ("time", "lat", "lon"):
        raise DataError(f"'{name}' has dimensions '{variable.dims}' instead of (time, lat, lon)", where=str(path))
    found = variable.attrs.get("units")
    if found != unit:
        raise DataError(f"'{name}' is in '{found}' instead of {unit}", where=str(path))
    values: NDArray[np.floating[Any]] = variable.values
    return values


def check_times(data: xr.Dataset, expected: NDArray[np.datetime64], path: Path) -> None:
    """Make sure that the file holds exactly the ``expected`` times.

    Raises:
        DataError: It holds others; names the first difference.
    """
    times = data["time"].values
    if times.dtype.kind != "M":
        raise DataError("the times carry no unit", where=str(path))
    if len(times) != len(expected):
        raise DataError(f"holds '{len(times)}' times instead of {len(expected)}", where=str(path))
    if (times != expected).any():
        first = int(np.argmax(times != expected))
        raise DataError(f"time {first} is '{times[first]}' instead of {expected[first]}", where=str(path))


def axes(data: xr.Dataset) -> tuple[Axis, Axis]:
    """Return latitude (H,) and longitude (W,) with their attributes."""
    return (
        (data["lat"].values, {"units": "degrees_north", "standard_name": "latitude"}),
        (data["lon"].values, {"units": "degrees_east", "standard_name": "longitude"}),
    )

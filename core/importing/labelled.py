"""NetCDF and zarr: arrays with named axes, units and CF packing, which xarray undoes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray

from unistd.core.data.hdf5 import check_self_contained
from unistd.core.data.zarr_heads import check_heads
from unistd.core.importing.card import ImportCard
from unistd.core.importing.field import Axis, Field, Pieces, check_packing, check_whole, no_such
from unistd.core.importing.times import UNDATED, Dated, dated


def open_netcdf(path: Path, keys: Sequence[str], card: ImportCard) -> dict[str, Field]:
    """Find variables of a NetCDF 3 or 4 file, with their units, coordinates and times."""
    if path.is_file() and h5py.is_hdf5(path):
        with h5py.File(path) as file:
            check_self_contained(file, path)
    with _opened(path) as data:
        for key in keys:
            if key not in data.variables:
                raise no_such(key, [str(name) for name in data.data_vars], path)
        times: dict[tuple[str, ...], Dated] = {}
        return {key: _field(data, key, card, path, times) for key in keys}


def open_zarr(path: Path, keys: Sequence[str], card: ImportCard) -> dict[str, Field]:
    """Find arrays of a zarr group; those whose axes have names are read as NetCDF's are."""
    check_heads(path)
    group = zarr.open_group(path, mode="r")
    held = [name for name, _ in group.arrays()]
    missing = [key for key in keys if key not in group]
    if missing:
        raise no_such(missing[0], held, path)
    arrays = {key: group[key] for key in keys}
    if all(_named(array) for array in arrays.values()):
        return open_netcdf(path, keys, card)
    for key, array in arrays.items():
        check_packing(array.attrs, key, card, path)
    times, calendar = _plain_times(group, card, path)
    return {
        key: Field(
            path=path,
            key=key,
            shape=array.shape,
            dtype=array.dtype,
            load=partial(_load_plain, path, key),
            unit=str(array.attrs.get("units", "")),
            times=times,
            calendar=calendar,
        )
        for key, array in arrays.items()
        if isinstance(array, zarr.Array)
    }


def _named(array: Any) -> bool:
    names = array.attrs.get("_ARRAY_DIMENSIONS") or getattr(array.metadata, "dimension_names", None) or [None]
    return None not in names


def _plain_times(group: zarr.Group, card: ImportCard, path: Path) -> Dated:
    if card.time is None or card.time.coordinate is None:
        return UNDATED
    if card.time.coordinate not in group:
        raise no_such(card.time.coordinate, [name for name, _ in group.arrays()], path)
    array: Any = group[card.time.coordinate]
    check_whole(array.shape, array.dtype, path, f"'{card.time.coordinate}'")
    units = card.time.units or str(array.attrs.get("units", ""))
    calendar = card.time.calendar or str(array.attrs.get("calendar", ""))
    return dated(np.asarray(array[:]), units, calendar, card.step, path)


def _load_plain(path: Path, key: str, selection: Pieces) -> NDArray[Any]:
    array: Any = zarr.open_group(path, mode="r")[key]
    return np.asarray(array[selection])


@contextmanager
def _opened(path: Path) -> Iterator[xr.Dataset]:
    """Give the file's variables as they are stored, with every spelling of ``units`` put right."""
    if path.is_dir():
        options: dict[str, Any] = {"engine": "zarr", "backend_kwargs": {"consolidated": False}}
    else:
        with path.open("rb") as file:
            options = {"engine": "scipy" if file.read(3) == b"CDF" else "h5netcdf"}
    with xr.open_dataset(path, decode_cf=False, cache=False, **options) as data:
        for variable in data.variables.values():
            for name in ("Unit", "Units", "UNITS", "unit"):
                if name in variable.attrs and "units" not in variable.attrs:
                    variable.attrs["units"] = variable.attrs.pop(name)
        yield data


def _decoded(data: xr.Dataset, name: str) -> xr.Variable:
    """Return one variable, unpacked and lazy; its times stay numbers."""
    return xr.conventions.decode_cf_variable(name, data.variables[name], decode_times=False)


def _field(data: xr.Dataset, key: str, card: ImportCard, path: Path, known: dict[tuple[str, ...], Dated]) -> Field:
    variable, raw = _decoded(data, key), data.variables[key]
    dims = tuple(map(str, variable.dims))
    if dims not in known:
        known[dims] = _times(data, dims, card, path)
    dtype = np.result_type(variable.dtype, np.float32) if _valid_range(raw) else variable.dtype
    return Field(
        path=path,
        key=key,
        shape=variable.shape,
        dtype=dtype,
        load=partial(_load, path, key),
        dims=dims,
        unit=str(raw.attrs.get("units", "")),
        times=known[dims].times,
        calendar=known[dims].calendar,
        axes={dim: _axis(data, dim, path) for dim in dims if dim in data.variables and data.variables[dim].ndim == 1},
    )


def _axis(data: xr.Dataset, dim: str, path: Path) -> Axis:
    check_whole(data.variables[dim].shape, data.variables[dim].dtype, path, f"'{dim}'")
    held = data.variables[dim].attrs
    kept = ("units", "standard_name", "long_name", "axis")
    return _decoded(data, dim).values, {name: str(held[name]) for name in kept if name in held}


def _times(data: xr.Dataset, dims: tuple[str, ...], card: ImportCard, path: Path) -> Dated:
    if card.time is None:
        known = [
            str(n)
            for n, v in data.variables.items()
            if " since " in str(v.attrs.get("units", "")) and (v.size == 1 or (v.ndim == 1 and v.dims[0] in dims))
        ]
        name = next((name for name in known if name in dims), known[0] if len(known) == 1 else None)
    else:
        name = card.time.coordinate
        if name is not None and name not in data.variables:
            raise no_such(name, [str(held) for held in data.variables], path)
    if name is None:
        return UNDATED
    attributes, asked = data.variables[name].attrs, card.time
    check_whole(data.variables[name].shape, data.variables[name].dtype, path, f"'{name}'")
    units = (asked.units if asked else None) or str(attributes.get("units", ""))
    calendar = (asked.calendar if asked else None) or str(attributes.get("calendar", ""))
    return dated(np.asarray(_decoded(data, name).values), units, calendar, card.step, path)


def _load(path: Path, key: str, selection: Pieces) -> NDArray[Any]:
    with _opened(path) as data:
        values = np.asarray(_decoded(data, key)[selection].values)
        raw = data.variables[key]
        limits = _valid_range(raw)
        if limits is None:
            return values
        low, high, packed = limits
        tested = np.asarray(raw[selection].values) if packed else values
        if packed and str(raw.attrs.get("_Unsigned", "")).lower() == "true":
            tested = tested.view(tested.dtype.str.replace("i", "u"))
        with np.errstate(invalid="ignore"):
            return np.where((tested < low) | (tested > high), np.nan, values)


def _valid_range(raw: xr.Variable) -> tuple[Any, Any, bool] | None:
    """Return the limits beyond which a value is missing (CF 2.5.1), and whether they are of packed values."""
    attributes = raw.attrs
    low, high = attributes.get("valid_range", (attributes.get("valid_min"), attributes.get("valid_max")))
    if low is None and high is None:
        return None
    low = -np.inf if low is None else np.asarray(low)[()]
    high = np.inf if high is None else np.asarray(high)[()]
    packed = raw.dtype.kind in "iu" and all(
        np.asarray(limit).dtype.kind in "iu" for limit in (low, high) if np.isfinite(limit)
    )
    if packed and str(attributes.get("_Unsigned", "")).lower() == "true":
        unsigned = np.dtype(raw.dtype.str.replace("i", "u"))
        low, high = (
            limit if np.isinf(limit) else np.asarray(limit, raw.dtype).view(unsigned)[()] for limit in (low, high)
        )
    return low, high, packed

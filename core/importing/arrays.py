"""Plain arrays: npy, npz and HDF5. Nothing pickled is ever read."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from unistd.core.data.hdf5 import check_self_contained
from unistd.core.data.npy import map_npy
from unistd.core.data.npz import npz_head
from unistd.core.errors import DataError
from unistd.core.importing.card import ImportCard
from unistd.core.importing.field import Field, Pieces, check_packing, check_whole, no_such
from unistd.core.importing.times import UNDATED, Dated, dated

_UNPACKING = Lock()
"""Whole arrays of npz files are unpacked one at a time."""


def open_npy(path: Path, keys: Sequence[str], card: ImportCard) -> dict[str, Field]:
    """Find the one array of an npy file."""
    _no_coordinate(path, card)
    mapped = map_npy(path)
    load = partial(_load_npy, path)
    found = Field(path=path, key="", shape=mapped.shape, dtype=mapped.dtype, load=load)
    return dict.fromkeys(keys, found)


def _load_npy(path: Path, selection: Pieces) -> NDArray[Any]:
    return map_npy(path)[selection]


def open_npz(path: Path, keys: Sequence[str], card: ImportCard) -> dict[str, Field]:
    """Find arrays of an npz file by their heads; one is unpacked as a whole when a part of it is asked for."""
    with zipfile.ZipFile(path) as archive:
        held = [name.removesuffix(".npy") for name in archive.namelist()]
        heads = {key: npz_head(archive, key) for key in keys if key in held}
    for key in keys:
        if key not in heads:
            raise no_such(key, held, path)
    times, calendar = UNDATED
    if card.time is not None and (name := card.time.coordinate) is not None:
        if name not in held:
            raise no_such(name, held, path)
        values = _load_npz(path, name, ())
        times, calendar = dated(values, card.time.units or "", card.time.calendar or "", card.step, path)
    return {
        key: Field(
            path=path,
            key=key,
            shape=shape,
            dtype=dtype,
            load=partial(_load_npz, path, key),
            times=times,
            calendar=calendar,
        )
        for key, (shape, dtype, _) in heads.items()
    }


def _load_npz(path: Path, key: str, selection: Pieces) -> NDArray[Any]:
    with zipfile.ZipFile(path) as archive:
        head = npz_head(archive, key)
        check_whole(head.shape, head.dtype, path, f"'{key}'")
    with _UNPACKING, np.load(path, allow_pickle=False) as arrays:
        return np.array(arrays[key][selection])  # a copy, which does not keep the whole


def open_hdf5(path: Path, keys: Sequence[str], card: ImportCard) -> dict[str, Field]:
    """Find data sets of an HDF5 file, such as ``group/data``, whose attributes are not heeded."""
    with h5py.File(path) as file:
        check_self_contained(file, path)
        held: list[str] = []
        file.visititems(lambda name, node: held.append(name) if isinstance(node, h5py.Dataset) else None)
        times, calendar = _hdf5_times(file, held, card, path)
        found = {}
        for key in keys:
            data = _dataset(file, key, held, path)
            check_packing(data.attrs, key, card, path)
            found[key] = Field(
                path=path,
                key=key,
                shape=data.shape,
                dtype=data.dtype,
                load=partial(_load_hdf5, path, key),
                unit=_text(data.attrs.get("units", data.attrs.get("Unit", ""))),
                times=times,
                calendar=calendar,
            )
    return found


def _hdf5_times(file: h5py.File, held: list[str], card: ImportCard, path: Path) -> Dated:
    if card.time is None or card.time.coordinate is None:
        return UNDATED
    data = _dataset(file, card.time.coordinate, held, path)
    units = card.time.units or _text(data.attrs.get("units", ""))
    calendar = card.time.calendar or _text(data.attrs.get("calendar", ""))
    check_whole(data.shape, data.dtype, path, f"'{card.time.coordinate}'")
    return dated(data[()], units, calendar, card.step, path)


def _dataset(file: h5py.File, key: str, held: list[str], path: Path) -> h5py.Dataset:
    if key.strip("/") not in held:
        raise no_such(key, held, path)
    data: h5py.Dataset = file[key]
    return data


def _load_hdf5(path: Path, key: str, selection: Pieces) -> NDArray[Any]:
    with h5py.File(path) as file:
        return np.asarray(file[key][selection])


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _no_coordinate(path: Path, card: ImportCard) -> None:
    if card.time is not None and card.time.coordinate is not None:
        help_ = "give 'pattern' or 'start' instead"
        raise DataError(f"holds no coordinate '{card.time.coordinate}'", where=str(path), help=help_)

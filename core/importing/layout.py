"""From an array with any order of axes to frames (time, channel, y, x)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from unistd.core.errors import DataError
from unistd.core.importing.card import ImportCard
from unistd.core.importing.field import Axis, Field
from unistd.core.importing.times import Times

ROLES = ("sequence", "time", "channel", "y", "x")
_STANDARD = {"latitude": "y", "longitude": "x", "projection_x_coordinate": "x", "projection_y_coordinate": "y"}
_STANDARD |= {"grid_latitude": "y", "grid_longitude": "x", "time": "time"}
_NAMES = {"lat": "y", "latitude": "y", "y": "y", "rlat": "y", "nlat": "y", "lon": "x", "longitude": "x", "x": "x"}
_NAMES |= {"rlon": "x", "nlon": "x", "time": "time", "t": "time", "valid_time": "time", "channel": "channel"}
_NAMES |= {"sequence": "sequence"}


@dataclass(frozen=True, kw_only=True)
class Block:
    """Consecutive frames of one file.

    Attributes:
        name: The file, relative to the card; with the place on the axis ``sequence`` where it has one.
        path: The file.
        frames: (time, channel, y, x), lazy.
        times: (time,), where known so far.
        y, x: Coordinates, where the file has any.
        calendar: That of the times, where they were laid out from another than the usual one.
        clip: Whether it is one place on the axis ``sequence``.
    """

    name: str
    path: Path
    frames: Any
    times: Times | None
    y: Axis | None
    x: Axis | None
    calendar: str = ""
    clip: bool = False


def blocks(field: Field, card: ImportCard, channels: Sequence[str], name: str) -> list[Block]:
    """Return the frames of ``field`` that hold ``channels``: one block, or one for each place on ``sequence``.

    Raises:
        DataError: The axes are not what the card says they are; names the file.
    """
    if field.dtype.kind not in "biuf":
        raise DataError(f"{field.label} is of type '{field.dtype}', which is no number", where=str(field.path))
    if 0 in field.shape:
        raise DataError(f"{field.label} has shape '{field.shape}': it is empty", where=str(field.path))
    roles = _roles(field, card)
    selection = [slice(None)] * len(roles)
    for place, role in enumerate(roles):
        if role not in ROLES:
            at = _picked(field, card, role, place)
            selection[place] = slice(at, at + 1)
    along = next((roles.index(role) for role in ("sequence", "time") if role in roles), 0)
    array = field.lazy(tuple(selection), along)
    array = array[tuple(slice(None) if role in ROLES else 0 for role in roles)]
    present = [role for role in roles if role in ROLES]
    order = [role for role in ROLES if role in present]
    array = da.transpose(array, [present.index(role) for role in order])
    array = array[tuple(slice(None) if role in order else None for role in ROLES)]
    array = array[:, :, _indices(field, card, channels, array.shape[2], has_axis="channel" in order)]
    y, x = (_coordinate(field, roles, axis, card) for axis in ("y", "x"))
    if card.longitude == "wrap":
        x, west_to_east = _wrapped(x, field.path)
        array = array[..., west_to_east]
    times = _own_times(field, array.shape[1])
    first = Block(name=name, path=field.path, frames=array[0], times=times, y=y, x=x, calendar=field.calendar)
    if "sequence" not in order:
        return [first]
    return [replace(first, name=f"{name}[{i}]", frames=array[i], clip=True) for i in range(len(array))]


def _roles(field: Field, card: ImportCard) -> tuple[str, ...]:
    if card.dims is not None:
        if len(card.dims) != len(field.shape):
            have = f" ({', '.join(field.dims)})" if field.dims else ""
            message = f"{field.label} has '{len(field.shape)}' axes{have} of shape {field.shape}, the card's dims are"
            raise DataError(f"{message} {', '.join(card.dims)}", where=str(field.path), help="say one for each axis")
        _check_order(field, card.dims)
        return card.dims
    if not field.dims:
        message = f"{field.label} has shape {field.shape}, and the card does not say what its axes are"
        raise DataError(message, where=str(field.path), help="dims: [time, y, x, channel], in the array's order")
    roles = tuple(_role(field, dim) or dim for dim in field.dims)
    if roles.count("y") != 1 or roles.count("x") != 1 or roles.count("time") > 1:
        message = f"{field.label} has the axes '{', '.join(field.dims)}', which do not tell y and x"
        raise DataError(message, where=str(field.path), help="dims: [time, y, x], in this order")
    return roles


def _role(field: Field, dim: str) -> str | None:
    """Tell an axis by its coordinate's CF attributes, or else by its name."""
    _, attributes = field.axes.get(dim, (None, {}))
    by_axis = {"X": "x", "Y": "y", "T": "time"}.get(attributes.get("axis", "").upper())
    by_unit = {"degrees_north": "y", "degrees_east": "x"}.get(attributes.get("units", ""))
    since = "time" if " since " in attributes.get("units", "") else None
    return by_axis or by_unit or since or _STANDARD.get(attributes.get("standard_name", "")) or _NAMES.get(dim.lower())


def _check_order(field: Field, dims: tuple[str, ...]) -> None:
    """Refuse a file that names its axes otherwise than the card: one of the two has the wrong order."""
    for dim, role in zip(field.dims, dims, strict=False):
        told = _role(field, dim)
        if told in ("time", "y", "x") and role in ROLES and told != role:
            message = f"axis '{dim}' of {field.label} is {told} by what the file says, the card's dims say {role}"
            raise DataError(message, where=str(field.path), help=f"the file's order is {', '.join(field.dims)}")


def _picked(field: Field, card: ImportCard, role: str, place: int) -> int:
    size, dim = field.shape[place], field.dims[place] if field.dims else role
    if role not in card.select:
        if size == 1:
            return 0
        message = f"axis '{role}' of {field.label} has {size} places and is none of {', '.join(ROLES)}"
        raise DataError(message, where=str(field.path), help=f"select: {{{role}: …}} takes one of them")
    value = card.select[role]
    held = np.asarray(field.axes[dim][0]) if dim in field.axes else np.array([""])
    if held.dtype.kind in "iuf":
        hits = np.flatnonzero(held == value)
        if len(hits) != 1:  # 0.494025 is how a file's 0.49402499198913574 is shown
            hits = np.flatnonzero(np.isclose(held, value, rtol=1e-5, atol=0))
        if len(hits) != 1:
            help_ = f"it holds {', '.join(str(v) for v in held[:12])}"
            raise DataError(f"axis '{role}' has no '{value:g}'", where=str(field.path), help=help_)
        return int(hits[0])
    if not (value.is_integer() and 0 <= value < size):
        raise DataError(f"axis '{role}' has no place '{value:g}'", where=str(field.path), help=f"0 to {size - 1}")
    return int(value)


def _indices(field: Field, card: ImportCard, channels: Sequence[str], held: int, *, has_axis: bool) -> list[int]:
    asked = [card.channels[name].index for name in channels]
    if asked == [None] * len(channels):
        if held != len(channels):
            what = f"has {held} channels" if has_axis else "has no axis 'channel'"
            help_ = "name all of them in order, or give an 'index' to each that is wanted"
            raise DataError(
                f"{field.label} {what}, the card says '{', '.join(channels)}'", where=str(field.path), help=help_
            )
        return list(range(held))
    indices = [place if index is None else index for place, index in enumerate(asked)]
    for name, index in zip(channels, indices, strict=True):
        if index >= held:
            raise DataError(f"{field.label} has {held} channels, none is '{index}' for '{name}'", where=str(field.path))
    return indices


def _coordinate(field: Field, roles: tuple[str, ...], axis: str, card: ImportCard) -> Axis | None:
    place = roles.index(axis)
    dim = field.dims[place] if field.dims else axis
    if dim not in field.axes:
        return None
    values, attributes = field.axes[dim]
    if values.dtype.kind not in "iuf":
        return None
    sorted_later = axis == "x" and card.longitude == "wrap"
    if not sorted_later and len(values) > 2 and not ((np.diff(values) > 0).all() or (np.diff(values) < 0).all()):
        raise DataError(f"coordinate '{dim}' neither rises nor falls throughout", where=str(field.path))
    if _NAMES.get(dim.lower()) == axis and dim.lower().startswith(("lat", "lon")) and "standard_name" not in attributes:
        name, unit = ("latitude", "degrees_north") if axis == "y" else ("longitude", "degrees_east")
        attributes = {**attributes, "standard_name": name, "units": unit}  # "degrees" alone does not tell which
    return np.asarray(values, np.result_type(values.dtype, np.float32)), attributes


def _own_times(field: Field, count: int) -> Times | None:
    if field.times is not None and len(field.times) != count:
        message = f"{field.label} has {count} frames and '{len(field.times)}' times"
        raise DataError(message, where=str(field.path), help="see the card's dims and time")
    return field.times


def _wrapped(x: Axis | None, path: Path) -> tuple[Axis, NDArray[np.intp]]:
    if x is None or x[1].get("units") != "degrees_east":
        raise DataError("has no longitudes for 'longitude: wrap' to turn", where=str(path), help="longitude: keep")
    values = (x[0] + 180) % 360 - 180
    order: NDArray[np.intp] = np.argsort(values, kind="stable")
    if (np.diff(values[order]) <= 0).any():
        raise DataError("two longitudes are the same once they are turned", where=str(path), help="longitude: keep")
    return (values[order], x[1]), order

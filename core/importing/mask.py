"""Which pixels have a value, where another array than the values says it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

from unistd.core.errors import DataError
from unistd.core.importing.card import KEYLESS, ChannelCard, ImportCard, MaskCard
from unistd.core.importing.files import find_files, relative
from unistd.core.importing.join import in_time, in_turn, same_times
from unistd.core.importing.layout import Block, blocks
from unistd.core.importing.readers import format_of, open_file
from unistd.core.importing.times import Times

_NAME = "mask"


def mask_files(card: ImportCard, folder: Path) -> list[Path]:
    """Return the files that hold the mask and no values.

    Raises:
        DataError: A pattern stands for nothing.
    """
    return find_files(card.mask.files, folder) if card.mask is not None and card.mask.files else []


def masked(
    frames: Any, values: Sequence[Block], times: Times, mask: MaskCard, card: ImportCard, folder: Path, *, alone: bool
) -> Any:
    """Return ``frames`` (time, channel, y, x) of one sequence, lazy, with what the mask says is missing made so.

    Args:
        frames: All channels of the sequence.
        values: Its files, in order of time.
        times: (time,) of all frames.
        mask: Where the mask lies.
        card: The card that has it.
        folder: Where the card lies.
        alone: Whether there is no other sequence, to which frames of a moving mask could belong.

    Raises:
        DataError: The mask has another shape or other times, no valid pixel, or missing values cannot be told.
    """
    own = _as_values(mask, card)
    held = _beside(values, own, folder) if mask.files is None else _apart(values, times, own, mask, folder, alone=alone)
    valid = da.isin(held, list(mask.valid))
    return da.where(valid, frames, _missing(frames.dtype, card, values[0].path))


def _missing(dtype: np.dtype[Any], card: ImportCard, path: Path) -> Any:
    """Return what stands for a missing value in arrays of ``dtype``."""
    if dtype.kind == "f":
        return dtype.type(np.nan)
    fill, range_ = card.fill_value, np.iinfo(dtype)
    if fill is None or not (range_.min <= fill <= range_.max and fill == int(fill)):
        how = "there is no fill_value" if fill is None else f"cannot hold the card's fill_value {fill:g}"
        message = f"values of type '{dtype}' have no NaN for what the mask leaves out, and {how}"
        help_ = f"fill_value: a whole number from {range_.min} to {range_.max} that the values never have"
        raise DataError(message, where=str(path), help=help_)
    return dtype.type(int(fill))


def _as_values(mask: MaskCard, card: ImportCard) -> ImportCard:
    """Return the card by which the mask is read as values are: of one channel."""
    dims = mask.dims or (None if mask.files else card.dims and tuple(d for d in card.dims if d != "channel"))
    changes = {"channels": {_NAME: ChannelCard(unit="1")}, "variable": mask.variable, "dims": dims}
    return card.model_copy(update={**changes, "time": mask.time, "format": mask.format if mask.files else card.format})


def _read(path: Path, own: ImportCard, folder: Path) -> list[Block]:
    keyless = format_of(path, own) in KEYLESS
    reading = own.model_copy(update={"variable": None}) if keyless else own
    field = open_file(path, [own.variable or _NAME], reading)[own.variable or _NAME]
    return blocks(field, own, [_NAME], relative(path, folder))


def _beside(values: Sequence[Block], own: ImportCard, folder: Path) -> Any:
    """Read the mask of each file of the values out of that file."""
    parts = []
    for block in values:
        if format_of(block.path, own) in KEYLESS:
            what = f"a file of format '{format_of(block.path, own)}' holds no mask beside its values"
            raise DataError(what, where=str(block.path), help="name the mask's own 'files'")
        found = _read(block.path, own, folder)
        held = next((part for part in found if part.name == block.name), found[0])
        parts.append(_spread(held, len(block.frames), block, own))
    return da.concatenate(parts)  # type: ignore[no-untyped-call]


def _apart(values: Sequence[Block], times: Times, own: ImportCard, mask: MaskCard, folder: Path, *, alone: bool) -> Any:
    """Read a mask that has files of its own: one for all frames, or as many as there are frames."""
    found = [block for path in mask_files(own, folder) for block in _read(path, own, folder)]
    if len(found) == 1 and len(found[0].frames) == 1:
        return _spread(found[0], len(times), values[0], own)
    if not alone:
        help_ = "give one mask (y, x) for all, or put each into the file of its values"
        raise DataError("a mask that moves cannot be told apart by sequence", where=str(found[0].path), help=help_)
    if len(found) > 1 or mask.time is not None:
        found, held_times = in_turn(in_time(found, own, folder))
        same_times(times, held_times, found[0].path, values[0].name)
    elif found[0].times is not None:
        same_times(times, found[0].times, found[0].path, values[0].name)
    for block in found:
        _check_grid(block, values[0])
    held = da.concatenate([block.frames for block in found])  # type: ignore[no-untyped-call]
    return _as_many(held, len(times), found[0], values[0])


def _spread(held: Block, count: int, values: Block, own: ImportCard) -> Any:
    """Return the frames of a mask, or the only one as often as there are frames."""
    _check_grid(held, values)
    if len(held.frames) > 1:
        return _as_many(held.frames, count, held, values)
    _check_valid(held, own)
    return da.broadcast_to(held.frames, (count, *held.frames.shape[1:]))  # type: ignore[no-untyped-call]


def _as_many(held: Any, count: int, block: Block, values: Block) -> Any:
    if len(held) != count:
        help_ = "a mask has one frame for all, or one for each"
        message = f"the mask has '{len(held)}' frames, the values of '{values.name}' have {count}"
        raise DataError(message, where=str(block.path), help=help_)
    return held


def _check_grid(held: Block, values: Block) -> None:
    """See that a mask lies on the grid of the values; one without coordinates is taken to."""
    if held.frames.shape[2:] != values.frames.shape[2:]:
        message = f"the mask has a grid of '{held.frames.shape[2:]}', '{values.name}' has {values.frames.shape[2:]}"
        raise DataError(message, where=str(held.path), help="bring the mask to the grid of the values")
    for axis in ("y", "x"):
        mine, its = getattr(held, axis), getattr(values, axis)
        if mine is not None and its is not None and not np.array_equal(mine[0], its[0]):
            message = f"coordinate '{axis}' of the mask is not that of '{values.name}'"
            raise DataError(message, where=str(held.path), help="bring the mask to the grid of the values")


def _check_valid(held: Block, own: ImportCard) -> None:
    """See that a mask for all frames leaves anything at all."""
    assert own.mask is not None
    values = np.unique(np.asarray(held.frames))
    if not np.isin(values, list(own.mask.valid)).any():
        wanted, there = (", ".join(f"{value:g}" for value in some[:8]) for some in (own.mask.valid, values))
        message = f"the mask is nowhere '{wanted}', which its card says is valid"
        raise DataError(message, where=str(held.path), help=f"it holds {there}; say which of them as mask.valid")

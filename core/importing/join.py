"""Files one after the other: their times, their order, and what has to be the same in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from unistd.core.errors import DataError
from unistd.core.importing.card import ImportCard
from unistd.core.importing.layout import Block
from unistd.core.importing.times import Times, counted, from_year, time_in_name

_ONE_EACH = "sort the frames by time and keep one of each"


def in_time(blocks: Sequence[Block], card: ImportCard, folder: Path) -> list[Block]:
    """Return the blocks of one sequence with the times of all frames, from where the card says.

    Raises:
        DataError: A file does not say its times.
    """
    if card.time is None or card.time.coordinate is not None:
        for block in blocks:
            if block.times is None:
                help_ = "the card's time may have a 'coordinate', a 'pattern' of file names, or a 'start'"
                raise DataError("does not say when its frames are", where=str(block.path), help=help_)
        return list(blocks)
    if card.time.pattern is not None:
        return [replace(block, times=_named(block, card, folder)) for block in blocks]
    counts = [len(block.frames) for block in blocks]
    times = counted(np.datetime64(card.time.start, "ms"), card.step, sum(counts))
    return [replace(b, times=own) for b, own in zip(blocks, np.split(times, np.cumsum(counts)[:-1]), strict=True)]


def _named(block: Block, card: ImportCard, folder: Path) -> Times:
    assert card.time is not None
    pattern = card.time.pattern or ""
    name = block.path.name
    if "/" in pattern:
        name = block.path.relative_to(folder).as_posix() if block.path.is_relative_to(folder) else str(block.path)
    first = time_in_name(name, pattern, card.time.start, card.step)
    if first is None:
        message = f"the name '{name}' does not match the pattern '{pattern}'"
        raise DataError(message, where=str(block.path), help="narrow the card's 'files', or mend its time.pattern")
    return counted(first, card.step, len(block.frames))


def in_turn(blocks: Sequence[Block]) -> tuple[list[Block], Times]:
    """Return the blocks of one sequence in order of time, and the times of all their frames.

    Raises:
        DataError: Times do not rise, two files hold the same time, or files differ in grid or type; names the file.
    """
    whole = [(block, _rising(block)) for block in _from_one_year(blocks)]
    ordered = sorted(whole, key=lambda pair: pair[1][0])
    for (before, earlier), (after, later) in pairwise(ordered):
        if later[0] <= earlier[-1]:
            message = f"begins at '{later[0]}', but '{before.name}' goes on until {earlier[-1]}"
            raise DataError(message, where=str(after.path), help=_ONE_EACH)
        same_grid(ordered[0][0], after)
        if after.frames.dtype != ordered[0][0].frames.dtype:
            types = f"type '{after.frames.dtype}', '{ordered[0][0].name}' has {ordered[0][0].frames.dtype}"
            raise DataError(f"holds frames of {types}", where=str(after.path), help="store all files in one type")
    return [block for block, _ in ordered], np.concatenate([times for _, times in ordered])


def _from_one_year(blocks: Sequence[Block]) -> list[Block]:
    """Lay files of another calendar out from one January, so that no day is missing or doubled between two of them."""
    laid_out = {i: block.times for i, block in enumerate(blocks) if block.calendar and block.times is not None}
    first = min((int(times[0].astype("datetime64[Y]").astype(int)) + 1970 for times in laid_out.values()), default=0)
    return [
        replace(block, times=from_year(laid_out[i], block.calendar, first)) if i in laid_out else block
        for i, block in enumerate(blocks)
    ]


def _rising(block: Block) -> Times:
    times = block.times
    assert times is not None
    late = np.diff(times) <= np.timedelta64(0, "ms")
    if late.any():
        at = int(late.argmax())
        message = f"times do not increase: frame {at + 1} has '{times[at + 1]}' after '{times[at]}'"
        raise DataError(message, where=str(block.path), help=_ONE_EACH)
    return times


def same_grid(first: Block, other: Block) -> None:
    """See that two blocks lie on one grid.

    Raises:
        DataError: They do not; names the second file.
    """
    if first.frames.shape[2:] != other.frames.shape[2:]:
        message = f"has a grid of '{other.frames.shape[2:]}', '{first.name}' has {first.frames.shape[2:]}"
        raise DataError(message, where=str(other.path), help="bring all files to one grid, or name only some")
    for axis in ("y", "x"):
        mine, its = getattr(first, axis), getattr(other, axis)
        if (mine is None) != (its is None) or (mine is not None and not np.array_equal(mine[0], its[0])):
            message = f"coordinate '{axis}' is not that of '{first.name}'"
            raise DataError(message, where=str(other.path), help="bring all files to one grid, or name only some")


def same_times(first: Times, other: Times, path: Path, name: str) -> None:
    """See that two channels have the same times (time,).

    Raises:
        DataError: They do not; names the file of the second.
    """
    if len(first) != len(other):
        raise DataError(
            f"has '{len(other)}' frames, '{name}' has {len(first)}", where=str(path), help="make them alike"
        )
    if (first != other).any():
        at = int(np.argmax(first != other))
        message = f"frame {at} is of '{other[at]}', that of '{name}' is of {first[at]}"
        raise DataError(message, where=str(path), help="make them alike")

"""Which split each frame is of."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unistd.core.errors import DataError
from unistd.core.importing.card import NamesCard, SplitCard
from unistd.core.importing.files import check_inside, literal
from unistd.core.importing.layout import Block
from unistd.core.importing.times import Times
from unistd.core.task import SPLITS
from unistd.core.untrusted import read_list

Names = NDArray[np.str_]


def divide(split: SplitCard, runs: Sequence[tuple[Sequence[Block], Times]], folder: Path) -> list[Names]:
    """Return for each sequence, its blocks and times (time,), the split of each frame (time,).

    Raises:
        DataError: A block belongs to no split or to two, or a pattern stands for nothing.
    """
    if split.fractions is not None:
        return _by_share(split.fractions, [len(times) for _, times in runs])
    if split.dates is not None:
        val, test = np.datetime64(split.dates.val, "ms"), np.datetime64(split.dates.test, "ms")
        return [np.select([times < val, times < test], ["train", "val"], "test") for _, times in runs]
    return _by_name(split, runs, folder)


def _by_share(shares: tuple[float, float, float], lengths: list[int]) -> list[Names]:
    count = lengths[0] if len(lengths) == 1 else len(lengths)
    ends = [round(float(end)) for end in np.cumsum(shares) * count]
    names = np.repeat(SPLITS, np.diff([0, *ends[:2], count]))
    return [names] if len(lengths) == 1 else [np.repeat(name, n) for name, n in zip(names, lengths, strict=True)]


def _by_name(split: SplitCard, runs: Sequence[tuple[Sequence[Block], Times]], folder: Path) -> list[Names]:
    patterns = patterns_of(split.names, None) if split.names else patterns_of(split.lists, folder)
    used: set[tuple[str, str]] = set()
    divided = []
    for own, _ in runs:
        parts: list[Any] = [np.repeat(_split_of(block, patterns, used), len(block.frames)) for block in own]
        divided.append(np.concatenate(parts))
    for name, pattern in patterns:
        if (name, pattern) not in used:
            help_ = f"names are such as '{runs[0][0][0].name}'"
            raise DataError(f"'{pattern}' of split '{name}' matches no file, folder or sequence", help=help_)
    return divided


def patterns_of(names: NamesCard | None, folder: Path | None) -> list[tuple[str, str]]:
    """Return every name of a split, with the split before it; ``names`` are of lists in ``folder`` if there is one."""
    found: list[tuple[str, str]] = []
    for split in SPLITS:
        for text in getattr(names, split):
            found += [(split, line) for line in (_lines(text, folder) if folder else [text])]
    return found


def _lines(name: str, folder: Path) -> list[str]:
    check_inside(name, folder)
    path = folder / name
    try:
        lines = [line.strip() for line in read_list(path).splitlines()]
    except OSError as error:
        raise DataError(f"the list cannot be read: {error}", where=str(path), help="one name a line") from error
    if not any(lines):
        raise DataError("the list is empty", where=str(path), help="one name a line")
    return [line for line in lines if line]


def _split_of(block: Block, patterns: list[tuple[str, str]], used: set[tuple[str, str]]) -> str:
    file = block.name.partition("[")[0]
    names = {block.name, file, *(str(parent) for parent in PurePosixPath(file).parents)} - {"."}
    hits = {
        (split, pattern)
        for split, pattern in patterns
        if pattern.rstrip("/") in names or any(fnmatchcase(name, literal(pattern)) for name in names)
    }
    used |= hits
    splits = {split for split, _ in hits}
    if len(splits) != 1:
        what = f"is of the splits '{' and '.join(sorted(splits))}'" if splits else f"'{block.name}' is of no split"
        raise DataError(what, where=str(block.path), help="name it in one of the card's split.names or split.lists")
    return splits.pop()

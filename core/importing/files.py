"""Which files a card means, and what of them is one sequence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from unistd.core.errors import DataError
from unistd.core.importing.card import ImportCard
from unistd.core.importing.layout import Block
from unistd.core.importing.readers import format_of
from unistd.core.untrusted import leads_out

MAX_FILES = 2_000_000
"""Files of one pattern, a year of one a quarter of a minute; their names alone take a gigabyte of memory."""


def channel_groups(card: ImportCard) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return the patterns of each group of channels that lie in the same files."""
    by_files: dict[tuple[str, ...], list[str]] = {}
    for name, channel in card.channels.items():
        by_files.setdefault(channel.files or card.files or (), []).append(name)
    return {tuple(names): patterns for patterns, names in by_files.items()}


def find_files(patterns: Sequence[str], folder: Path) -> list[Path]:
    """Return every file in the order of the patterns, those of one pattern by name, where numbers count as such.

    A card may come from anybody, so it reaches no file outside of ``folder``, not even by a link.

    Raises:
        DataError: A pattern stands for nothing, or for something outside.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        check_inside(pattern, folder)
        hits = list(islice(folder.glob(literal(pattern)), MAX_FILES + 1))
        if len(hits) > MAX_FILES:
            message = f"'{pattern}' matches more than {MAX_FILES} files"
            raise DataError(message, where=str(folder), help="put many frames into one file: npy, zarr, video")
        own = [hit for hit in hits if hit.is_file() or (hit.suffix == ".zarr" and hit.is_dir())]
        for hit in own:
            check_inside(relative(hit, folder), folder)
        if not own:
            near = folder / Path(*Path(pattern).parts[:-1])
            held = ", ".join(sorted(entry.name for entry in near.iterdir())[:8]) if near.is_dir() else ""
            help_ = f"'{near}' holds {held or 'nothing'}" if near.is_dir() else "patterns are relative to the card"
            raise DataError(f"no file matches '{pattern}'", where=str(folder), help=help_)
        found.update(dict.fromkeys(sorted(own, key=lambda path: _natural(path.as_posix()))))
    return list(found)


def literal(pattern: str) -> str:
    """Let brackets, which names of files have, stand for themselves; only ``*`` and ``?`` stand for others."""
    return pattern.replace("[", "[[]")


def check_inside(name: str, folder: Path) -> None:
    """Make sure that ``name``, which a card says, is below ``folder``.

    Raises:
        DataError: It is not, or a link on the way to it leads out.
    """
    if leads_out(name) or name.startswith("~") or not (folder / name).resolve().is_relative_to(folder.resolve()):
        help_ = "files are relative to the card's folder; '--from FOLDER' makes them relative to another one"
        raise DataError(f"'{name}' of the card leads out of the folder", where=str(folder), help=help_)


def _natural(text: str) -> list[tuple[bool, int, str]]:
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", text)]


def relative(path: Path, folder: Path) -> str:
    """Return how messages and splits name a file: relative to the card, where it lies below it."""
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def raw_files(path: Path) -> list[str]:
    """Return the files that a file consists of: itself, or those of a zarr folder."""
    return sorted(str(part) for part in path.rglob("*") if part.is_file()) if path.is_dir() else [str(path)]


def group_blocks(blocks: Sequence[Block], card: ImportCard, folder: Path) -> dict[str, list[Block]]:
    """Return the blocks of each sequence by its name."""
    default = {"video": "file", "image": "folder"}.get(format_of(blocks[0].path, card), "all")
    beside = any(channel.files for channel in card.channels.values())
    if clips := [block for block in blocks if block.clip]:
        default = "file"
        if beside or card.sequence is not None:
            other = "channels have files of their own" if beside else f"sequence: {card.sequence}"
            message = f"the array has an axis 'sequence', and {other}"
            help_ = "put the channels into the same files" if beside else "leave it out: each place is a sequence"
            raise DataError(message, where=str(clips[0].path), help=help_)
    if beside:
        default = "all"
    by = card.sequence or default
    whole = blocks[0].name if len(blocks) == 1 else card.name
    grouped: dict[str, list[Block]] = {}
    for block in blocks:
        place = relative(block.path.parent, folder)
        name = {"all": whole, "file": block.name, "folder": whole if place == "." else place}[by]
        grouped.setdefault(name, []).append(block)
    return grouped

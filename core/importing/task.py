"""A user's files as a task, by their card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

from unistd.core.errors import DataError
from unistd.core.importing.card import ImportCard
from unistd.core.importing.files import channel_groups, find_files, group_blocks, raw_files, relative
from unistd.core.importing.join import in_time, in_turn, same_grid, same_times
from unistd.core.importing.layout import Block, blocks
from unistd.core.importing.mask import mask_files, masked
from unistd.core.importing.readers import open_file
from unistd.core.importing.splits import Names, divide, patterns_of
from unistd.core.importing.times import Times
from unistd.core.task import Channel, Cycle, FrameSequence, Task, TaskCard, Window

PROTOCOL = "import"
"""What the card of an imported store has as its protocol."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One sequence.

    Attributes:
        name: Its file, its folder, or the data set.
        blocks: Its files, in order of time.
        beside: Files of further channels, for the same times.
        frames: (time, channel, y, x), lazy.
        times: (time,).
        files: All raw files of it.
    """

    name: str
    blocks: Sequence[Block]
    frames: Any
    times: Times
    files: tuple[str, ...]
    beside: Sequence[Block] = ()


class ImportedTask(Task):
    """Frames that a card describes.

    Args:
        own: The card.
        folder: Where the card lies; its files are relative to it.
    """

    def __init__(self, own: ImportCard, folder: Path) -> None:
        self.own, self._folder = own, folder

    @cached_property
    def card(self) -> TaskCard:
        """The protocol; its version is a hash of the import card, of its lists, and of the files' names and sizes."""
        own = self.own
        return TaskCard(
            name=own.name,
            discipline=own.discipline,
            version=self._version(),
            channels=tuple(Channel(name=name, unit=channel.unit) for name, channel in own.channels.items()),
            step=own.step,
            window=Window(past=own.window.past, future=own.window.future),
            missing=own.missing,
            normalization=own.normalization,
            value_range=own.value_range,
            scale_factor=own.scale_factor,
            add_offset=own.add_offset,
            fill_value=own.fill_value,
            cycles=tuple(Cycle(name=name, steps=steps) for name, steps in own.cycles.items()),
            mirrors=own.mirrors,
            protocol=PROTOCOL,
            source=own.source,
            licence=own.licence,
        )

    def _version(self) -> str:
        paths = [path for paths in self._files.values() for path in paths] + mask_files(self.own, self._folder)
        parts = [part for path in paths for part in raw_files(path)]
        sizes = {relative(Path(part), self._folder): Path(part).stat().st_size for part in parts}
        unused = {"mask"} if self.own.mask is None else None  # so that stores made before there were masks stay valid
        facts: list[Any] = [self.own.model_dump(mode="json", exclude=unused), sizes]
        if self.own.split.lists is not None:
            facts.append(patterns_of(self.own.split.lists, self._folder))
        content = json.dumps(facts, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    @cached_property
    def _files(self) -> dict[tuple[str, ...], list[Path]]:
        return {names: find_files(patterns, self._folder) for names, patterns in channel_groups(self.own).items()}

    @cached_property
    def runs(self) -> list[Run]:
        """Every sequence, checked as far as it can be without its values.

        Raises:
            DataError: The files are not what the card says; names the file.
        """
        groups = {names: self._group(names, paths) for names, paths in self._files.items()}
        runs = next(iter(groups.values()))
        if len(groups) > 1:
            runs = [self._side_by_side({names: own[0] for names, own in groups.items()})]
        return [self._masked(run, alone=len(runs) == 1) for run in runs]

    @cached_property
    def splits(self) -> list[Names]:
        """The split of every frame (time,) of each sequence.

        Raises:
            DataError: The card's split leaves a file out, or names what is not there.
        """
        return divide(self.own.split, [(run.blocks, run.times) for run in self.runs], self._folder)

    def sequences(self) -> Iterator[FrameSequence]:
        """Give every sequence, lazily.

        Raises:
            DataError: The files are not what the card says; names the file.
        """
        for run, split in zip(self.runs, self.splits, strict=True):
            first = run.blocks[0]
            yield FrameSequence(
                name=run.name, frames=run.frames, times=run.times, split=split, y=first.y, x=first.x, files=run.files
            )

    def _group(self, channels: Sequence[str], paths: Sequence[Path]) -> list[Run]:
        """Read the heads of the files that hold ``channels``."""
        found = [block for path in paths for block in self._blocks(channels, path)]
        runs = []
        for name, own in group_blocks(found, self.own, self._folder).items():
            ordered, times = in_turn(in_time(own, self.own, self._folder))
            frames = da.concatenate([block.frames for block in ordered])  # type: ignore[no-untyped-call]
            files = tuple(part for block in ordered for part in raw_files(block.path))
            runs.append(Run(name=name, blocks=ordered, frames=frames, times=times, files=files))
        return runs

    def _blocks(self, channels: Sequence[str], path: Path) -> list[Block]:
        """Return the frames of one file, the variables of the channels side by side."""
        own = self.own
        by_key: dict[str, list[str]] = {}
        for name in channels:
            key = own.channels[name].variable or own.variable or name
            by_key.setdefault(key, []).append(name)
        fields = open_file(path, list(by_key), own)
        if all(not field.key for field in fields.values()):  # one array, whatever its channels are called
            by_key = {next(iter(by_key)): list(channels)}
        label = relative(path, self._folder)
        variables = []
        for key, names in by_key.items():
            for name in names:
                unit = own.channels[name].unit
                if fields[key].unit and " ".join(fields[key].unit.split()) != " ".join(unit.split()):
                    message = f"'{key}' is in '{fields[key].unit}', the card says channel '{name}' is in {unit}"
                    raise DataError(
                        message, where=str(path), help="write the unit as the file does; nothing is converted"
                    )
            variables.append(blocks(fields[key], own, names, label))
        return [
            _stacked([own[i] for own in variables], list(by_key.values()), channels) for i in range(len(variables[0]))
        ]

    def _masked(self, run: Run, *, alone: bool) -> Run:
        """Take out what the mask says is missing."""
        own = self.own
        if own.mask is None:
            return run
        frames = masked(run.frames, run.blocks, run.times, own.mask, own, self._folder, alone=alone)
        files = (*run.files, *(part for path in mask_files(own, self._folder) for part in raw_files(path)))
        return replace(run, frames=frames, files=files)

    def _side_by_side(self, runs: dict[tuple[str, ...], Run]) -> Run:
        """Join channels that lie in different files."""
        first, *others = runs.values()
        for other in others:
            same_grid(first.blocks[0], other.blocks[0])
            same_times(first.times, other.times, other.blocks[0].path, first.blocks[0].name)
        parts = [run.frames for run in runs.values()]
        frames = _ordered(parts, list(runs), list(self.own.channels))
        files = tuple(part for run in runs.values() for part in run.files)
        beside = [block for run in others for block in run.blocks]
        return Run(
            name=self.own.name, blocks=first.blocks, frames=frames, times=first.times, files=files, beside=beside
        )


def _stacked(parts: Sequence[Block], names: Sequence[Sequence[str]], channels: Sequence[str]) -> Block:
    """Put the variables of one file side by side, in the order of ``channels``."""
    first = parts[0]
    for part in parts[1:]:
        same_grid(first, part)
        if len(part.frames) != len(first.frames):
            message = f"its variables have '{len(first.frames)}' and '{len(part.frames)}' frames"
            raise DataError(message, where=str(first.path), help="give each 'files' of its own, or leave one out")
    frames = _ordered([part.frames for part in parts], names, channels)
    return replace(first, frames=frames)


def _ordered(parts: Sequence[Any], names: Sequence[Sequence[str]], channels: Sequence[str]) -> Any:
    if len(parts) == 1:
        return parts[0]
    dtype = np.result_type(*(part.dtype for part in parts))
    frames = da.concatenate([part.astype(dtype) for part in parts], axis=1)  # type: ignore[no-untyped-call]
    held = [name for group in names for name in group]
    return frames[:, [held.index(name) for name in channels]]

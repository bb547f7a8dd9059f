"""The batch of a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unistd.core.data.contents import pieces
from unistd.core.data.memory import available_memory
from unistd.core.data.schedule import JointSchedule
from unistd.core.data.store import Store
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError, UsageError
from unistd.core.task import TaskCard

Axis = Literal["y", "x", "diagonal"]


class Batch(NamedTuple):
    """Windows of one task in physical units; missing values are NaN.

    Attributes:
        task: Whose windows they are.
        past: (B, T, C, H, W) float32.
        future: (B, T', C, H, W) float32.
        starts: Index in the store of the first frame of each window of the whole batch, of all processes.
        valid: Number of values in ``future`` that are not missing.
    """

    task: str
    past: Tensor
    future: Tensor
    starts: Tensor
    valid: int


class BatchReader:
    """Reads what a schedule draws, in any order, from several threads and in processes forked or spawned.

    Stores whose frames fit into this process's part of half of the free memory, smallest first, are held there from the
    start, unpacked if that fits too; the others are read from disk, batch by batch. Windows are mirrored along the axes
    their task's card names, by coins that are a function of the step; on the diagonal a whole batch at once, whose grid
    may change its shape.

    Args:
        windows: Training windows of each task.
        schedule: Made for these windows.
        process, processes: Which part of each batch is read here.
        cache: ``never`` reads every batch from disk.

    Raises:
        UsageError: The schedule was made for other windows, or a batch cannot be divided over the processes.
        DataError: A store is damaged, or what is held of it has a value that its card rules out.
    """

    def __init__(
        self,
        windows: Mapping[str, Windows],
        schedule: JointSchedule,
        process: int = 0,
        processes: int = 1,
        cache: Literal["auto", "never"] = "auto",
    ) -> None:
        sizes = {task: len(own) for task, own in windows.items()}
        if sizes != schedule.sizes:
            raise UsageError(f"the schedule was made for '{schedule.sizes}' windows, these are {sizes}")
        for task in windows:
            schedule.share(task, processes)  # before the first step rather than at one of them
        self.windows, self.schedule = windows, schedule
        self.process, self.processes = process, processes
        if cache == "auto":
            hold([own.store for own in windows.values()], available_memory() // (2 * processes))
        for task, own in windows.items():
            if own.store.held:  # what is held does not change: once is enough, and a batch costs but the copy
                check_held(task, own.store)

    def read(self, step: int) -> Batch:
        """Return this process's part of the batch of ``step``.

        Raises:
            DataError: A frame cannot be read, or has a value that its card rules out.
        """
        task = self.schedule.task(step)
        windows = self.windows[task]
        indices = self.schedule.indices(step, self.process, self.processes)
        past, future = windows.read(indices)
        if not windows.store.held:
            check_batch(task, windows, indices, past, future)
        for axis, chosen in mirrors(self.schedule, step, windows.store.card.mirrors, self.process, self.processes):
            past, future = (mirrored(frames, chosen, axis) for frames in (past, future))
        starts = torch.from_numpy(windows.starts[self.schedule.indices(step)])
        valid = int(np.isfinite(future.numpy()).sum())  # torch would use threads, which a forked process lacks
        return Batch(task, past, future, starts, valid)


def check_held(task: str, store: Store) -> None:
    """Make sure that all frames of ``store`` lie in the range their card declares.

    Raises:
        DataError: They do not; names the task and the frame.
    """
    start = 0
    for values in pieces(store):
        if (place := _outside(values, store.card)) is not None:
            raise _ruled_out(f"frame {start + place[0]}", task, store, values[place])
        start += len(values)


def check_batch(task: str, windows: Windows, indices: NDArray[np.int64], *frames: Tensor) -> None:
    """Make sure that ``frames`` (B, T, C, H, W) of windows ``indices`` (B,) lie in the range their card declares.

    Raises:
        DataError: They do not; names the task and the window.
    """
    for part in frames:
        if (place := _outside(part.numpy(), windows.store.card)) is not None:
            window = f"the window at frame {windows.starts[indices[place[0]]]}"
            raise _ruled_out(window, task, windows.store, part.numpy()[place])


def _outside(values: NDArray[np.float32], card: TaskCard) -> tuple[int, ...] | None:
    """Return the first place of ``values`` that is infinite or beyond the card's range."""
    low, high = card.value_range or (-np.inf, np.inf)
    slack = 1e-5 * (high - low) if card.value_range else 0.0  # of values that were packed as integers
    least, most = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)  # without NaN
    if not (least < low - slack or most > high + slack or np.isinf(least) or np.isinf(most)):
        return None
    bad = (values < low - slack) | (values > high + slack) | np.isinf(values)
    return tuple(int(i) for i in np.argwhere(bad)[0])


def _ruled_out(where: str, task: str, store: Store, value: np.float32) -> DataError:
    low, high = store.card.value_range or (-np.inf, np.inf)
    return DataError(
        f"{where} of task '{task}' has the value '{value:g}', its card says {low:g} to {high:g}",
        where=str(store.path),
        help="the store was damaged after it was written: remove the folder and prepare it again",
    )


def mirrors(
    schedule: JointSchedule, step: int, axes: Iterable[Axis], process: int = 0, processes: int = 1
) -> Iterator[tuple[Axis, Tensor]]:
    """Draw for each of ``axes`` which windows of the batch of ``step`` are mirrored along it."""
    for bit, axis in enumerate(axes):
        # One coin for all windows of all processes on the diagonal, because a batch has one shape.
        own = schedule.coins(step)[:1] if axis == "diagonal" else schedule.coins(step, process, processes)
        yield axis, torch.from_numpy((own >> np.uint64(bit)) % 2 == 1)


def mirrored(frames: Tensor, chosen: Tensor, axis: Axis) -> Tensor:
    """Mirror the ``chosen`` (B,), on the diagonal (1,), windows of ``frames`` (B, T, C, H, W)."""
    values = frames.numpy()  # torch's threads, once used, hang in a forked process
    if axis == "diagonal":
        return torch.from_numpy(np.ascontiguousarray(values.swapaxes(-2, -1))) if chosen else frames
    flipped = np.flip(values, -2 if axis == "y" else -1)
    return torch.from_numpy(np.where(chosen.numpy()[:, None, None, None, None], flipped, values))


def hold(stores: Sequence[Store], memory: int) -> None:
    """Keep the frames of ``stores`` in memory, smallest first, as far as ``memory`` bytes go, then unpack them so."""
    ordered = sorted(stores, key=lambda store: store.nbytes)
    for store in ordered:
        if store.nbytes <= memory and not store.held:
            store.hold()
            memory -= store.nbytes
    for store in ordered:
        if store.held and store.packed and store.nbytes_unpacked - store.nbytes <= memory:
            store.unpack()
            memory -= store.nbytes_unpacked - store.nbytes

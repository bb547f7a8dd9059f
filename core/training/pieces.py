"""A batch worked through in pieces: one after another in a process, and side by side in several."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from unistd.core.data.batches import Batch
from unistd.core.errors import UsageError


def pieces(batch: Batch, count: int, whole: int) -> Iterator[tuple[Tensor, Tensor, Tensor | float]]:
    """Give ``batch`` in ``count`` pieces, ``past`` and ``future``, with each one's weight in the mean over ``whole``.

    ``whole`` is the number of valid target pixels in the batch of all processes.
    """
    if count == 1 and batch.valid == whole:
        yield batch.past, batch.future, 1.0
        return
    for past, future in zip(batch.past.chunk(count), batch.future.chunk(count), strict=True):
        yield past, future, future.isfinite().sum() / max(whole, 1)


def first_windows(batch: Batch, windows: int) -> Batch:
    """Return the first ``windows`` of ``batch``."""
    future = batch.future[:windows]
    return batch._replace(past=batch.past[:windows], future=future, valid=int(future.isfinite().sum()))


def check_divisible(task: str, batch: int, count: int, processes: int = 1) -> None:
    """Make sure that the share of a batch of ``task`` can be worked through in ``count`` equal parts.

    Raises:
        UsageError: It cannot.
    """
    if batch % (count * processes):
        over = f" by each of {processes} processes" if processes > 1 else ""
        raise UsageError(
            f"batch '{batch}' of task '{task}' cannot be divided into training.accumulate={count} equal parts{over}",
            help=f"choose a batch that is a multiple of {count * processes}",
        )

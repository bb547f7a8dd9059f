"""The processes of one run: which one this is, and what all of them tell each other; a single one exchanges nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, distributed

from unistd.core.errors import UnistdError

Value = TypeVar("Value")


class ProcessLostError(UnistdError):
    """Another process of the run is gone, so that this one cannot go on; it is not to blame."""

    exit_code = 75  # by which the process that started all of them knows so


def this_process() -> tuple[int, int]:
    """Return the number of this process, from 0, and how many there are."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def is_first() -> bool:
    """Tell whether this is the process that writes files and talks."""
    return this_process()[0] == 0


def gathered(value: Value) -> list[Value]:
    """Return the ``value`` of every process, in order; all of them have to call this.

    Raises:
        ProcessLostError: Another process is gone.
    """
    _, count = this_process()
    if count == 1:
        return [value]
    values: list[Value | None] = [None] * count
    with _others_needed():
        distributed.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def gathered_numbers(*numbers: int) -> list[list[int]]:
    """Return the whole ``numbers`` of every process as ``gathered`` does, without the cost of an object."""
    _, count = this_process()
    own = torch.tensor(numbers, dtype=torch.int64)
    if count == 1:
        return [own.tolist()]
    values = [torch.empty_like(own) for _ in range(count)]
    with _others_needed():
        distributed.all_gather(values, own)
    return [value.tolist() for value in values]


def shared_out(count: int) -> range:
    """Return which of ``count`` pieces of work are this process's: every nth."""
    rank, processes = this_process()
    return range(rank, count, processes)


def in_order(own: list[Value]) -> list[Value]:
    """Return what all processes made of the pieces they were ``shared_out``, in the order of the pieces.

    A sum over it does not depend on the number of processes. All of them have to call this.

    Raises:
        ProcessLostError: Another process is gone.
    """
    everybody = gathered(own)
    return [values[at] for at in range(len(everybody[0])) for values in everybody if at < len(values)]


def add_up(tensor: Tensor) -> None:
    """Put the sum over all processes into ``tensor``; the same bits in each of them.

    Raises:
        ProcessLostError: Another process is gone.
    """
    if this_process()[1] > 1:
        with _others_needed():
            distributed.all_reduce(tensor)


@contextmanager
def first_before_others() -> Iterator[None]:
    """Let the first process do what is inside before the others do.

    Raises:
        ProcessLostError: It failed.
    """
    if not is_first():
        gathered_numbers(0)
    yield
    if is_first():
        gathered_numbers(0)


@contextmanager
def _others_needed() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        rank, count = this_process()
        said = str(error).partition("] ")[2].partition(". This is typically")[0] or str(error)  # no paths of its makers
        raise ProcessLostError(
            f"process '{rank}' of {count} waited in vain for the others: {said}",
            help="what the one that died said last says why; --resume goes on from the last checkpoint",
        ) from error

"""Batches ready before the training thread asks for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from time import perf_counter
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")


class Prefetcher(Iterator[Item], Generic[Item]):
    """Gives ``read(step)`` for each of ``steps`` in order, read ahead by threads; use it in a ``with`` statement.

    At most two items a thread are ahead. What ``read`` raises is raised where its item would have come. Leaving the
    ``with`` block, by an error or Ctrl-C too, waits for the reads under way and starts no other.

    Args:
        read: Called once for each step, from several threads.
        steps: The steps still to do.
        workers: Number of threads.

    Attributes:
        waited: Seconds in which an item was asked for and was not ready.
    """

    def __init__(self, read: Callable[[int], Item], steps: range, workers: int) -> None:
        self._read, self._steps = read, iter(steps)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="unistd-read")
        self._ahead: deque[Future[Item]] = deque()
        self.waited = 0.0
        for _ in range(2 * workers):
            self._submit()

    def __next__(self) -> Item:
        if not self._ahead:
            raise StopIteration
        asked = perf_counter()
        try:
            item = self._ahead.popleft().result()
        except BaseException:
            self.close()
            raise
        self.waited += perf_counter() - asked
        self._submit()
        return item

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop what was read ahead and end the threads."""
        self._ahead.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self) -> None:
        step = next(self._steps, None)
        if step is not None:
            self._ahead.append(self._pool.submit(self._read, step))

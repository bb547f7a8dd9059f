"""Which task a step draws, and which of its windows: a pure function of (seed, step, process) (method §6)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from functools import lru_cache
from math import ceil
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from unistd.core.errors import UsageError
from unistd.core.training.settings import Proportional, Sampling, Temperature

_WHOLE = 2**32  # shares are whole numbers of this, so that a last bit of floating point decides nothing


class Progress(TypedDict):
    """How far a task has come: windows drawn, and whole and part passes over its own windows."""

    samples: int
    epoch: float


class JointSchedule:
    """The order of tasks and samples of a whole run; holds no state, so a run goes on at any step on any machine.

    Each step goes to the task furthest behind its share, counted in whole numbers from a seeded start: the counts
    never leave the exact shares by more than a few steps, and no task starves. More ``steps`` change no earlier one.
    Each task is shuffled anew in each of its own epochs, and a batch may end one epoch and begin the next.

    Args:
        sizes: Number of windows of each task.
        weights: Multiplies a task's share of the steps.
        sampling: What the shares are before the weights.
        steps: Length of the run.
        seed: Of the order of tasks and of the shuffles.
        batches: Windows in a batch of each task, over all processes together.

    Raises:
        UsageError: The three mappings do not name the same tasks, or a number is not greater than 0.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        *,
        weights: Mapping[str, float],
        sampling: Sampling,
        steps: int,
        seed: int,
        batches: Mapping[str, int],
    ) -> None:
        _check(sizes, weights, batches)
        self.sizes, self.batches, self.steps, self.seed = dict(sizes), dict(batches), steps, seed
        self._tasks = list(sizes)
        self._order = _order(_shares(sizes, weights, sampling), steps, seed)
        self._steps_of = {task: np.flatnonzero(self._order == i) for i, task in enumerate(self._tasks)}
        self._remember()

    def _remember(self) -> None:
        self._shuffled = lru_cache(maxsize=2 * len(self.sizes))(
            self._shuffle
        )  # a batch that straddles epochs needs two

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_shuffled"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._remember()

    def task(self, step: int) -> str:
        """Return the task that ``step`` (from 0) draws, the same on all processes."""
        return self._tasks[int(self._order[self._inside(step)])]

    def draw(self, step: int) -> int:
        """Return how many earlier steps drew the same task."""
        return int(np.searchsorted(self._steps_of[self.task(step)], step))

    def indices(self, step: int, process: int = 0, processes: int = 1) -> NDArray[np.int64]:
        """Return which windows of its task ``process`` reads at ``step``; all processes in order give the whole batch.

        Raises:
            UsageError: The batch cannot be divided evenly over ``processes``.
        """
        task = self.task(step)
        size, share = self.sizes[task], self.share(task, processes)
        first = self.draw(step) * self.batches[task] + process * share
        epochs = range(first // size, (first + share - 1) // size + 1)
        parts = [self._shuffled(task, epoch)[max(0, first - epoch * size) :][:share] for epoch in epochs]
        return np.concatenate(parts)[:share]

    def coins(self, step: int, process: int = 0, processes: int = 1) -> NDArray[np.uint64]:
        """Return a random number for each window that ``process`` reads at ``step``, in the order of ``indices``."""
        task = self.task(step)
        share = self.share(task, processes)
        numbers: NDArray[np.uint64] = generator(self.seed, f"coins of {task}", step).random_raw(self.batches[task])
        return numbers[process * share : (process + 1) * share]

    def share(self, task: str, processes: int) -> int:
        """Return how many windows of a batch of ``task`` each of ``processes`` reads.

        Raises:
            UsageError: The batch cannot be divided evenly.
        """
        share, rest = divmod(self.batches[task], processes)
        if rest:  # averaged gradients would weigh the samples of a smaller share more
            batch = self.batches[task]
            below = [f"{share * processes}"] if share else []
            raise UsageError(
                f"batch '{batch}' of task '{task}' cannot be divided evenly over {processes} processes",
                help=f"a batch of {' or '.join([*below, str((share + 1) * processes)])}, or"
                f" {' or '.join(str(n) for n in range(1, batch + 1) if batch % n == 0)} processes",
            )
        return share

    @property
    def epoch(self) -> int:
        """Return in how many steps as many batches are drawn as all windows of all tasks fill."""
        return sum(ceil(size / self.batches[task]) for task, size in self.sizes.items())

    def progress(self, step: int) -> dict[str, Progress]:
        """Return how far each task has come once ``step`` steps are done."""
        drawn = {task: int(np.searchsorted(steps, step)) * self.batches[task] for task, steps in self._steps_of.items()}
        return {task: Progress(samples=n, epoch=n / self.sizes[task]) for task, n in drawn.items()}

    def _inside(self, step: int) -> int:
        if not 0 <= step < self.steps:
            raise IndexError(f"step {step} of a schedule of {self.steps} steps")
        return step

    def _shuffle(self, task: str, epoch: int) -> NDArray[np.int64]:
        # Sorted raw numbers instead of numpy's permutation, whose result may change between versions.
        numbers = generator(self.seed, task, epoch).random_raw(self.sizes[task])
        return np.argsort(numbers, kind="stable")


def divided(
    sizes: Mapping[str, int], weights: Mapping[str, float], sampling: Sampling, group: Collection[str], share: float
) -> dict[str, float]:
    """Return ``weights`` under which the tasks of ``group`` together are drawn in ``share`` of the steps."""
    raw = _raw(sizes, weights, sampling)
    inside = sum(own for task, own in raw.items() if task in group)
    outside = sum(raw.values()) - inside
    return {
        task: weight * (share / inside if task in group else (1 - share) / outside) for task, weight in weights.items()
    }


def _raw(sizes: Mapping[str, int], weights: Mapping[str, float], sampling: Sampling) -> dict[str, float]:
    power = (
        1.0 if isinstance(sampling, Proportional) else 1 / sampling.tau if isinstance(sampling, Temperature) else 0.0
    )
    return {task: weights[task] * size**power for task, size in sizes.items()}


def _shares(sizes: Mapping[str, int], weights: Mapping[str, float], sampling: Sampling) -> list[int]:
    raw = _raw(sizes, weights, sampling)
    total = sum(raw.values())
    return [max(1, round(share / total * _WHOLE)) for share in raw.values()]


def _order(shares: list[int], steps: int, seed: int) -> NDArray[np.int16]:
    whole, tasks = sum(shares), range(len(shares))
    behind = [int(number) % whole for number in generator(seed, "order of tasks", 0).random_raw(len(shares))]
    order = np.empty(steps, np.int16)
    for step in range(steps):
        behind = [lag + share for lag, share in zip(behind, shares, strict=True)]
        chosen = max(tasks, key=behind.__getitem__)
        behind[chosen] -= whole
        order[step] = chosen
    return order


def generator(seed: int, name: str, number: int) -> np.random.Philox:
    """Return random numbers that are a function of the arguments alone, on any machine."""
    words = np.frombuffer(hashlib.sha256(name.encode()).digest()[:16], "<u4").tolist()
    return np.random.Philox(np.random.SeedSequence([seed, *words, number]))


def _check(sizes: Mapping[str, int], weights: Mapping[str, float], batches: Mapping[str, int]) -> None:
    if not sizes:
        raise UsageError("a schedule needs at least one task, got none")
    for what, numbers in (("size", sizes), ("weight", weights), ("batch", batches)):
        if missing := sorted(sizes.keys() ^ numbers.keys()):
            raise UsageError(f"task '{missing[0]}' has a size or a {what}, not both")
        for task, number in numbers.items():
            if not number > 0:
                raise UsageError(f"{what} of task '{task}' must be greater than 0, got '{number}'")

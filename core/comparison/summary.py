"""From the outcomes of all runs to rows of a table: mean and spread over seeds, winners, ratios between rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from unistd.core.comparison.outcome import Outcome

MEAN = "mean"
"""Stands beside the tasks for the mean over them."""


@dataclass(frozen=True)
class Value:
    """Mean over the seeds and the values themselves."""

    seeds: Mapping[int, float]

    @property
    def mean(self) -> float:
        """Return the mean over the seeds."""
        return fmean(self.seeds.values())

    @property
    def spread(self) -> float | None:
        """Return the standard deviation over the seeds, ``None`` for a single one."""
        return stdev(self.seeds.values()) if len(self.seeds) > 1 else None


@dataclass(frozen=True)
class Row:
    """One variant, trained jointly or each task alone; ``errors`` hold the tasks and their mean.

    Parameters, seconds and steps of models trained alone are their sums, memory is that of the largest.
    """

    variant: str
    alone: bool
    errors: Mapping[str, Value]
    parameters: int
    learning: int
    seconds: float
    peak_bytes: int

    @property
    def name(self) -> str:
        """Return what the row is called."""
        return f"{self.variant}, each alone" if self.alone else self.variant


@dataclass(frozen=True)
class Summary:
    """A whole comparison, ``rows`` in the order of the variants."""

    tasks: Sequence[str]
    rows: Sequence[Row]
    baselines: Mapping[str, Mapping[str, float]]
    control: str = ""

    def winner(self, column: str) -> Row:
        """Return the row with the lowest mean error on a task, or on average."""
        return min(self.rows, key=lambda row: row.errors[column].mean)

    def joint_by_single(self) -> dict[str, dict[str, Value]]:
        """Return error trained jointly ÷ trained alone of every variant that was trained both ways, seed by seed."""
        joint = {row.variant: row for row in self.rows if not row.alone}
        pairs = [(joint[row.variant], row) for row in self.rows if row.alone and row.variant in joint]
        return {own.variant: ratios(own, other) for own, other in pairs}

    def by_control(self) -> dict[str, dict[str, Value]]:
        """Return error ÷ that of the heads alone of every other row, seed by seed; nothing without that control."""
        control = next((row for row in self.rows if row.variant == self.control and not row.alone), None)
        if control is None:
            return {}
        return {row.name: ratios(row, control) for row in self.rows if row is not control}


def summarise(outcomes: Iterable[Outcome], control: str = "") -> Summary:
    """Gather ``outcomes`` into rows; a seed with a run missing takes no part in the row.

    Args:
        outcomes: All runs that were finished, in the order of the rows.
        control: The variant in which no trunk takes part.
    """
    all_of_them = list(outcomes)
    tasks = list(dict.fromkeys(task for outcome in all_of_them for task in outcome.errors))
    kinds = dict.fromkeys((outcome.variant, bool(outcome.alone)) for outcome in all_of_them)
    rows = []
    for variant, alone in kinds:
        own = [outcome for outcome in all_of_them if (outcome.variant, bool(outcome.alone)) == (variant, alone)]
        if row := _row(variant, own, tasks, alone=alone):
            rows.append(row)
    baselines: dict[str, dict[str, float]] = {}
    for outcome in all_of_them:
        for task, values in outcome.baselines.items():
            baselines.setdefault(task, dict(values))
    return Summary(tasks, rows, baselines, control)


def ratios(own: Row, other: Row) -> dict[str, Value]:
    """Return the errors of ``own`` ÷ those of ``other``, seed by seed; the mean is that of the tasks' ratios."""
    shared = sorted(own.errors[MEAN].seeds.keys() & other.errors[MEAN].seeds.keys())
    tasks = [column for column in own.errors if column != MEAN]
    of = {task: {s: own.errors[task].seeds[s] / other.errors[task].seeds[s] for s in shared} for task in tasks}
    means = {seed: fmean(of[task][seed] for task in tasks) for seed in shared}
    return {column: Value(values) for column, values in {**of, MEAN: means}.items() if values}


def _row(variant: str, own: Sequence[Outcome], tasks: Sequence[str], *, alone: bool) -> Row | None:
    by_seed: dict[int, list[Outcome]] = {}
    for outcome in own:
        by_seed.setdefault(outcome.seed, []).append(outcome)
    whole = {seed: each for seed, each in by_seed.items() if {t for o in each for t in o.errors} == set(tasks)}
    if not whole:
        return None
    errors = {task: {s: _error(each, task) for s, each in whole.items()} for task in tasks}
    errors[MEAN] = {seed: fmean(errors[task][seed] for task in tasks) for seed in whole}
    runs = list(whole.values())
    return Row(
        variant=variant,
        alone=alone,
        errors={column: Value(values) for column, values in errors.items()},
        parameters=sum(outcome.parameters for outcome in runs[0]),
        learning=sum(outcome.learning for outcome in runs[0]),
        seconds=_mean(runs, lambda each: sum(outcome.seconds for outcome in each)),
        peak_bytes=round(_mean(runs, lambda each: max(outcome.peak_bytes for outcome in each))),
    )


def _error(outcomes: Sequence[Outcome], task: str) -> float:
    return next(outcome.errors[task] for outcome in outcomes if task in outcome.errors)


def _mean(runs: Sequence[Sequence[Outcome]], of: Callable[[Sequence[Outcome]], float]) -> float:
    return fmean(of(each) for each in runs)

"""The numbers in rows of a run's log, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple


class Point(NamedTuple):
    """One value of a curve; ``task`` is empty for what all tasks share."""

    step: int
    task: str
    quantity: str
    value: float


def points(rows: Sequence[Mapping[str, Any]]) -> Iterator[Point]:
    """Give what ``rows`` say of training (loss, gradient norm, learning rate, …) and of validation."""
    for row in rows:
        step = row["step"]
        if row["event"] == "train":
            for quantity in ("lr", "seconds_per_step"):
                yield Point(step, "", quantity, row[quantity])
            for task, own in row["tasks"].items():
                yield from (Point(step, task, quantity, value) for quantity, value in own.items())
        if row["event"] == "validation":
            yield Point(step, "", "validation_score", row["score"])
            for task, error in row["errors"].items():
                yield Point(step, task, "validation_error", error)
                yield Point(step, task, "persistence_error", row["persistence"][task])

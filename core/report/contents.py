"""What a page says of a run, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unistd.core.task import TaskCard, Window

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class BadWindow:
    """One window that was forecast badly.

    Attributes:
        place: Its sequence and frames in the store, and the time of its first forecast frame, in words.
        error: Its mean squared error, in the unit of the task's ``mse``.
        persistence: That of persistence on the same window.
        strip: A PNG of it.
    """

    place: str
    error: float
    persistence: float
    strip: bytes


@dataclass(frozen=True, kw_only=True)
class TaskContents:
    """One task: what it is, its pictures (PNG and GIF) and its worst windows, or why it has none."""

    card: TaskCard
    window: Window
    strip: bytes | None = None
    animation: bytes | None = None
    worst: Sequence[BadWindow] = ()
    without_worst: str = ""


@dataclass(frozen=True, kw_only=True)
class RunContents:
    """One run, or some tasks of it.

    Attributes:
        record: What its ``spec.json`` holds.
        spec_text: The resolved spec, as it is shown.
        rows: Rows of its log by event: ``train``, ``validation``, ``ranks``, ``experts``, ``alarm``.
        metrics: What ``metrics.json`` holds; ``None`` before the run was scored.
        tasks: The tasks shown.
        parameters: All of them, and those that learn, of the model as it was built.
        dates: When it was started and last trained, in words.
        experts: A PNG of ranks and use of the experts; ``None`` where there are none.
    """

    record: Mapping[str, Any]
    spec_text: str
    rows: Mapping[str, Sequence[Row]]
    metrics: Mapping[str, Any] | None
    tasks: Mapping[str, TaskContents]
    parameters: tuple[int, int]
    dates: tuple[str, str]
    experts: bytes | None

    @property
    def spec(self) -> Mapping[str, Any]:
        """Return the resolved spec as plain data."""
        spec: Mapping[str, Any] = self.record["spec"]
        return spec

    @property
    def best(self) -> Row | None:
        """Return the ``validation`` row of the best checkpoint."""
        return min(self.rows["validation"], key=lambda row: float(row["score"]), default=None)

    @property
    def last_step(self) -> int:
        """Return the last step the log knows of."""
        return max((int(row["step"]) for row in self.rows["train"]), default=0)

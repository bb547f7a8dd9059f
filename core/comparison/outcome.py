"""What one run of a comparison gave, and the file that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from unistd.core.evaluation.report import PERSISTENCE
from unistd.core.task import Split

METRIC = "mse"
"""What is compared: every task has it, and its ratio to persistence has no unit."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One trained model: its errors ÷ persistence and what it cost.

    Attributes:
        variant: What was trained.
        seed: Its seed.
        alone: The one task it was trained on, empty for all tasks jointly.
        errors: Mean squared error ÷ that of persistence, by task.
        baselines: The same of every other baseline, by task and name.
        step: Step of the checkpoint that validation chose.
        steps: Steps trained.
        samples: Windows drawn, by task.
        parameters: All there are.
        learning: Those that learn.
        seconds: Training and validation, without start-up and test.
        peak_bytes: Most memory in use, of the device or of the process.
    """

    variant: str
    seed: int
    alone: str
    errors: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    step: int
    steps: int
    samples: Mapping[str, int]
    parameters: int
    learning: int
    seconds: float
    peak_bytes: int

    def dump(self) -> dict[str, Any]:
        """Return plain data; ``Outcome(**data)`` turns it back."""
        return asdict(self)

    @classmethod
    def of(cls, records: Mapping[str, Mapping[str, Any]], split: Split, **about: Any) -> Self:
        """Take the errors from ``task_record`` entries of ``split``; a task that never changes counts plain errors."""
        errors, baselines = {}, {}
        for task, record in records.items():
            still = record["baselines"][PERSISTENCE][METRIC] or 1.0
            errors[task] = record[split][METRIC] / still
            others = {name: scores[METRIC] for name, scores in record["baselines"].items() if name != PERSISTENCE}
            baselines[task] = {name: value / still for name, value in others.items()}
        return cls(errors=errors, baselines=baselines, **about)

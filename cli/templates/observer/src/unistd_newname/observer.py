"""Notes when a run has become as good as it has to be."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unistd.registry.hooks import hookimpl

if TYPE_CHECKING:
    from unistd.registry.joint_run import JointRun


class NewNameObserver:
    """Writes a file into the run's folder at the first validation whose error is below a goal.

    Args:
        goal: Validation error ÷ that of persistence to get below.
    """

    def __init__(self, *, goal: float = 1.0) -> None:
        self.goal = goal

    @hookimpl
    def unistd_run_started(self, run: JointRun) -> None:
        """Learn where the run lies; a resumed one may have reached its goal already."""
        self.path = run.folder.path / "newname.json"

    @hookimpl
    def unistd_step_finished(self, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Look for a validation in what the log got since the last step; most steps have none."""
        for row in rows:
            if row["event"] == "validation" and row["score"] < self.goal and not self.path.exists():
                self.path.write_text(json.dumps({"step": step, "score": row["score"]}) + "\n", encoding="utf-8")

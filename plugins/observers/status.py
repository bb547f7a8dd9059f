"""How far a run is, for scripts that wait for it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unistd.core.training.durable import replace_file
from unistd.registry.hooks import hookimpl

if TYPE_CHECKING:
    from unistd.core.training.loop import Outcome
    from unistd.registry.joint_run import JointRun


class Status:
    """Writes a file that is whole at any moment: ``state`` is ``training``, ``finished``, ``stopped`` or ``failed``.

    ``finished`` is said of the training; the scores in ``metrics.json`` come after it. A run that was killed outright
    is still ``training``, at an ``updated`` that grows old.

    Args:
        file: Where it is written; ``status.json`` in the run's folder by default.
    """

    def __init__(self, *, file: Path | None = None) -> None:
        self.file = file

    @hookimpl
    def unistd_run_started(self, run: JointRun, step: int) -> None:
        """Say that it has begun."""
        self._write(run, "training", step)

    @hookimpl
    def unistd_step_finished(self, run: JointRun, step: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Say how far it is, as often as the log does."""
        if rows:
            self._write(run, "training", step)

    @hookimpl
    def unistd_run_finished(self, run: JointRun, outcome: Outcome) -> None:
        """Say how it ended, and why."""
        state = "failed" if outcome.error else "stopped" if outcome.stopped_by else "finished"
        self._write(run, state, outcome.step, outcome.error or outcome.stopped_by)

    def _write(self, run: JointRun, state: str, step: int, why: str = "") -> None:
        path = self.file or run.folder.path / "status.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        said = {
            "state": state,
            "why": why,
            "name": run.spec.name,
            "folder": str(run.folder.path.absolute()),
            "step": step,
            "steps": run.spec.training.steps,
            "updated": datetime.now(UTC).isoformat(timespec="seconds"),
            "host": socket.gethostname(),
            "pid": os.getpid(),
        }
        replace_file(path, (json.dumps(said, indent=2) + "\n").encode())

"""Curves as a table."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unistd.plugins.observers.curves import Point, points
from unistd.registry.hooks import hookimpl

if TYPE_CHECKING:
    from unistd.registry.joint_run import JointRun


class Csv:
    """Writes ``curves.csv``: a line for each value, which spreadsheets and data frames turn into any other form."""

    @hookimpl
    def unistd_run_started(self, run: JointRun, step: int) -> None:
        """Open the table; lines of steps that a resumed run does again are dropped."""
        path = run.folder.path / "curves.csv"
        kept = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))[1:] if step and path.exists() else []
        self.file = path.open("w", encoding="utf-8", newline="")
        self.table = csv.writer(self.file)
        self.table.writerow(Point._fields)
        self.table.writerows(line for line in kept if int(line[0]) <= step)

    @hookimpl
    def unistd_step_finished(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add what the log got."""
        if rows:
            self.table.writerows(points(rows))
            self.file.flush()

    @hookimpl
    def unistd_run_finished(self) -> None:
        """Close the table."""
        self.file.close()

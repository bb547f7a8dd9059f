"""A bar while raw files are converted into stores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from unistd.registry.joint_run import Report


@contextmanager
def showing_conversion(console: Console) -> Iterator[Report]:
    """Give a function to report conversion to; off a terminal, one line a task is printed instead."""
    columns = (
        TextColumn("converting {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("frames"),
        TimeRemainingColumn(),
    )
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:

        def report(task: str, done: int, total: int) -> None:
            if task not in bars:
                bars[task] = progress.add_task(task, total=total)
                console.print(f"converting the frames of '{task}' into a store", highlight=False)
            progress.update(bars[task], completed=done)

        yield report

"""What a terminal shows while raw files are converted into stores, and who does the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import click
import dask
import dask.threaded
from dask.system import CPU_COUNT
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from unistd.core.data.progress import Progress as Now
from unistd.core.errors import UsageError

Report = Callable[[str, Now], None]
"""Called with a task and how far it is."""


class Pace(ProgressColumn):
    """Mean speed, and how long the rest will take at that speed; rich's own jump when shards are done together."""

    def render(self, task: Task) -> Text:
        """Return ``12.3 MB/s, 0:01:10 left``."""
        if not (task.completed and task.elapsed and task.total):
            return Text("… MB/s")
        speed = task.completed / task.elapsed
        left = timedelta(seconds=round((task.total - task.completed) / speed))
        return Text(f"{speed / 1e6:.1f} MB/s, {left} left")


@contextmanager
def showing_conversion(console: Console) -> Iterator[Report]:
    """Give a function to report conversion to; off a terminal, lines are printed instead of a bar.

    The bar counts bytes of raw frames, without those that were taken over, so that its speed is that of the work.
    """
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), DownloadColumn(), Pace())
    bars: dict[str, TaskID] = {}
    last: dict[str, Now] = {}
    bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True, expand=True)

    def report(task: str, now: Now) -> None:
        if task not in bars:
            bars[task] = bar.add_task(task, total=None)
            _say(console, f"converting the frames of '{task}' into a store")
            if now.began:
                _say(console, now.began)
        if now.files and (task not in last or not last[task].files):
            _say(console, f"making checksums of {now.files} raw {'file' if now.files == 1 else 'files'}")
        last[task] = now
        bar.update(bars[task], completed=(now.done - now.taken) * now.frame, total=(now.total - now.taken) * now.frame)

    try:
        with bar:
            yield report
    except BaseException:
        for task, now in last.items():
            if 0 < now.done < now.total:
                _say(console, f"what is written of '{task}' is kept: the same command goes on from there")
        raise
    for task, now in last.items():
        if now.shards:
            shards = f"{now.shards} {'shard' if now.shards == 1 else 'shards'}"
            _say(console, f"'{task}': took over {shards}, {now.taken} of {now.total} frames")


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)


def who_works(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options ``--workers`` and ``--scheduler``."""
    threads = "Threads; by default as many as there are cores."
    cluster = "A dask cluster to use instead, such as tcp://host:8786."
    command = click.option("--scheduler", metavar="ADDRESS", help=cluster)(command)
    return click.option("--workers", type=click.IntRange(min=1), help=threads)(command)


@contextmanager
def working(threads: int | None, address: str | None) -> Iterator[None]:
    """Let ``threads`` of this process convert, or the dask cluster at ``address``.

    Raises:
        UsageError: Both are given, or there is no such cluster with workers.
    """
    if threads and address:
        raise UsageError("'--workers' are threads here, '--scheduler' has its own", help="leave one of them out")
    if address is None:
        # By its name dask would find it only after importing distributed.
        with dask.config.set({"scheduler": dask.threaded.get, "num_workers": threads or CPU_COUNT}):
            yield
        return
    from distributed import Client

    try:
        # Not as dask's default: one that fails would leave all later work of this process to a cluster.
        client = Client(address, timeout="10s", set_as_default=False)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        message = f"no dask scheduler answers at '{address}': {error}"
        raise UsageError(message, help="start one with 'dask scheduler'") from error
    with client, client.as_current():
        threads = sum(client.nthreads().values())  # type: ignore[no-untyped-call]
        if not threads:
            message = f"the dask scheduler at '{address}' has no workers"
            raise UsageError(message, help=f"start some: dask worker {address}")
        # Frames that are in memory travel in the graph, a few shards at a time; nobody can change that.
        with dask.config.set({"num_workers": threads, "distributed.admin.large-graph-warning-threshold": "1 GB"}):
            yield

"""``unistd report``: a run as one HTML page."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import torch
from rich.console import Console
from rich.progress import track

from unistd.cli.show import spec_yaml
from unistd.cli.worst import small, worst_of
from unistd.core.data.store import Store
from unistd.core.errors import CheckpointError, UnistdError, UsageError
from unistd.core.figures.experts import experts_png
from unistd.core.model import count_parameters
from unistd.core.report.contents import BadWindow, RunContents, TaskContents
from unistd.core.report.page import page
from unistd.core.training.durable import replace_file
from unistd.core.training.log import read_rows
from unistd.core.training.run_folder import RunFolder
from unistd.registry.compose import ComposedTask, batches, compose_model, compose_tasks, open_windows, without_download
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry
from unistd.registry.spec import load_resolved

EVENTS = ("train", "validation", "ranks", "experts", "alarm")


@click.command(epilog="Example: unistd report runs/quickstart")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", "names", multiple=True, help="Only this task; may be repeated. All of them by default.")
@click.option("--out", type=click.Path(path_type=Path), help="The page to write; report.html in RUN by default.")
def report(run: Path, names: tuple[str, ...], out: Path | None) -> None:
    """Write the run in folder RUN as one HTML page: scores, forecasts, worst cases, training, experts, record.

    Without the stores of the data the page has no worst cases; without scores it says how to get them.
    """
    console = Console(stderr=True)
    target = out or run / "report.html"
    if target.is_dir():
        raise UsageError(f"'{target}' is a folder", help="name a file with --out")
    text = page(gather(run, Registry.discover(), names, console))
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_file(target, text.encode())
    console.print(f"report: {target}", highlight=False, soft_wrap=True)


def gather(path: Path, registry: Registry, names: Collection[str], console: Console) -> RunContents:
    """Collect what a page says of the tasks ``names`` of the run in ``path``, all of them by default.

    Raises:
        UsageError: ``path`` is no run folder, or has no such task.
    """
    folder = RunFolder(path)
    record = folder.read_record()
    spec = load_resolved(record["spec"], registry, path / "spec.json")
    tasks = compose_tasks(spec, registry)
    for name in names:
        if name not in tasks:
            raise UsageError(f"the run has no task '{name}'", where=str(path), help=f"it has {', '.join(tasks)}")
    shown = {name: own for name, own in tasks.items() if not names or name in names}
    scores = path / "metrics.json"
    metrics = json.loads(scores.read_text()) if scores.is_file() else None
    worst, reasons = _worst(path, registry, record, shown, console) if metrics else ({}, {})
    rows = read_rows(folder.log, *EVENTS)
    return RunContents(
        record=record,
        spec_text=spec_yaml(spec),
        rows=rows,
        metrics=metrics,
        tasks={name: _task(folder, name, own, worst.get(name, []), reasons) for name, own in shown.items()},
        parameters=count_parameters(compose_model(without_download(spec), registry)),
        dates=(_date(path / "spec.json"), _date(folder.log)),
        experts=_experts(rows),
    )


def _task(
    folder: RunFolder, name: str, own: ComposedTask, worst: list[BadWindow], reasons: Mapping[str, str]
) -> TaskContents:
    strip, moving = (folder.figures / f"{name}{suffix}" for suffix in (".png", ".gif"))
    return TaskContents(
        card=own.task.card,
        window=own.window,
        strip=small(strip.read_bytes()) if strip.is_file() else None,
        animation=moving.read_bytes() if moving.is_file() else None,
        worst=worst,
        without_worst=reasons.get(name, ""),
    )


def _worst(
    path: Path, registry: Registry, record: Mapping[str, Any], shown: Collection[str], console: Console
) -> tuple[dict[str, list[BadWindow]], dict[str, str]]:
    """Return the worst windows of the tasks whose stores are there, and why the others have none."""
    reasons = {name: why for name in shown if (why := _unusable(record["stores"][name]))}
    names = [name for name in shown if name not in reasons]
    if not names:
        return {}, reasons
    try:
        run, _ = JointRun.open(path, registry, "best", names)
    except UnistdError as error:
        return {}, reasons | dict.fromkeys(names, str(error))
    run.forecaster.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    windows, sizes = open_windows(run.tasks, run.stores, "test"), batches(run.spec, run.tasks)
    bar = track(names, "worst cases", console=console, transient=True, disable=not console.is_terminal)
    return {name: worst_of(run, name, windows[name], sizes[name]) for name in bar}, reasons


def _unusable(store: Mapping[str, str]) -> str:
    place = Path(store["path"])
    try:
        if Store.open(place).digest != store["digest"]:
            raise CheckpointError("the store is not the one this run was trained on", where=str(place))
    except UnistdError as error:
        return f"{error}"
    return ""


def _experts(rows: Mapping[str, list[dict[str, Any]]]) -> bytes | None:
    use = next((row for row in reversed(rows["experts"]) if any(row["tasks"].values())), None)
    if not (rows["ranks"] or use):
        return None
    with TemporaryDirectory() as folder:
        drawn = Path(folder) / "experts.png"
        experts_png(drawn, rows["ranks"], use)
        return small(drawn.read_bytes())


def _date(path: Path) -> str:
    if not path.exists():
        return "at no time"
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).strftime("%Y-%m-%d %H:%M UTC")

"""``unistd evaluate``: a run's scores on a split, beside the baselines."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from rich.console import Console
from rich.progress import track

from unistd.cli.options import as_json
from unistd.core.data.windows import Windows
from unistd.core.errors import ModelError
from unistd.core.evaluation.baselines import baselines
from unistd.core.evaluation.evaluate import evaluate as evaluate_windows
from unistd.core.evaluation.report import results_table, task_record
from unistd.core.task import SPLITS, Split
from unistd.registry.compose import batches, open_windows
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry
from unistd.registry.scoring import compose_scoring


@click.command(epilog="Example: unistd evaluate runs/quickstart --json")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", "names", multiple=True, help="Only this task; may be repeated. All of them by default.")
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True, help="Which windows are scored.")
@click.option(
    "--checkpoint", type=click.Choice(["best", "last"]), default="best", show_default=True, help="Which weights."
)
@as_json
def evaluate(run: Path, names: tuple[str, ...], split: Split, checkpoint: str, *, as_json: bool) -> None:
    """Score the run in folder RUN on every window of a split, in the data's units."""
    console = Console(stderr=True)
    opened, at = JointRun.open(run, Registry.discover(), checkpoint, names)
    records = evaluate_run(opened, at.step, split, console)
    if as_json:
        click.echo(json.dumps(records, indent=2))
    else:
        Console().print(results_table(records["tasks"], split))


def evaluate_run(run: JointRun, step: int, split: Split, console: Console) -> dict[str, Any]:
    """Score the weights in ``run``, taken after ``step`` steps, on ``split``; returns what ``metrics.json`` holds.

    The tasks are those whose stores are open.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run.forecaster.to(device).eval()
    windows = open_windows(run.tasks, run.stores, split)
    sizes = batches(run.spec, run.tasks)
    records = {}
    for name in track(windows, "scoring", console=console, transient=True, disable=not console.is_terminal):
        records[name] = _task(run, name, windows[name], sizes[name], device)
    return {"tasks": records, "split": split, "step": step}


def _task(run: JointRun, name: str, windows: Windows, batch: int, device: torch.device) -> dict[str, Any]:
    scoring = compose_scoring(run.tasks[name], run.stores[name], run.registry)
    references = baselines(windows)
    score = partial(evaluate_windows, windows, metrics=scoring.metrics, views=scoring.views, batch=batch, device=device)
    model = score(lambda past, _: run.forecaster.forecast(name, past))
    for metric, scored in model.items():
        if not scored.value.isfinite():
            raise ModelError(
                f"the forecast of task '{name}' gives a '{metric}' of {scored.value.item()}: "
                "it is not finite everywhere"
            )
    others = {reference: score(forecast) for reference, forecast in references.forecasts.items()}
    unit = run.tasks[name].unit
    return task_record(
        model, others, references.left_out, scoring.metrics, split=windows.split, unit=unit, windows=len(windows)
    )

"""The scores of a run, as ``metrics.json`` holds them."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from rich.console import Console
from rich.progress import track

from unistd.core.data.windows import Windows
from unistd.core.errors import ModelError
from unistd.core.evaluation.baselines import baselines
from unistd.core.evaluation.evaluate import evaluate as evaluate_windows
from unistd.core.evaluation.report import task_record
from unistd.core.task import Split
from unistd.registry.compose import batches, open_windows
from unistd.registry.joint_run import JointRun
from unistd.registry.scoring import compose_scoring


def check_scoring(run: JointRun) -> None:
    """Find out now, not after training, whether every task can be scored: test windows, and metrics that fit.

    Raises:
        DataError: A task has no test window.
        UsageError, ModelError: A metric cannot be had of a task's frames.
    """
    for name, windows in open_windows(run.tasks, run.stores, "test").items():
        own, store = run.tasks[name], run.stores[name]
        frames = torch.zeros(1, windows.future, len(own.task.card.channels), *store.grid)
        compose_scoring(own, store, run.registry).check(frames)


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

"""One run of a comparison, in a process of its own: trained, scored, and what it gave written down."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from unistd.core.comparison.outcome import Outcome
from unistd.core.errors import UnistdError
from unistd.core.model import count_parameters
from unistd.core.task import Split
from unistd.core.training.log import read_rows
from unistd.core.training.run_folder import RunFolder
from unistd.registry.evaluation import evaluate_run
from unistd.registry.fitting import fit_run, open_training
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry
from unistd.registry.spec import load_resolved
from unistd.registry.variants import Trial


def outcome_file(folder: Path, split: Split) -> Path:
    """Return where a trial's outcome is once it has one."""
    return folder / f"outcome-{split}.json"


def read_outcome(folder: Path, split: Split) -> Outcome | None:
    """Return the outcome of a finished trial, ``None`` of another."""
    path = outcome_file(folder, split)
    return Outcome(**json.loads(path.read_text())) if path.exists() else None


def run_trial(about: dict[str, Any], dumped: dict[str, Any], split: Split, threads: int) -> str:
    """Train a trial from where it stands, score it and write its outcome; return what went wrong, if anything did.

    What ``unistd train`` would print goes into a text file beside the trial's folder.

    Args:
        about: Its ``variant``, ``seed`` and ``alone``.
        dumped: Its spec, as ``RunSpec.dump`` gives it.
        split: What is scored; ``val`` leaves the test split alone.
        threads: Processor threads it may use.
    """
    torch.set_num_threads(threads)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    registry = Registry.discover()
    folder = Path(dumped["output"])
    try:
        trial = Trial(**about, spec=load_resolved(dumped, registry, folder / "spec.json"))
        folder.mkdir(parents=True, exist_ok=True)
        with (folder.parent / f"{folder.name}.txt").open("a", encoding="utf-8") as talk:
            return _train_and_score(trial, registry, split, Console(file=talk, width=120))
    except UnistdError as error:
        return str(error)


def _stop_with_parent() -> None:
    """Save and stop when the comparison itself is killed, rather than train on unseen."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _train_and_score(trial: Trial, registry: Registry, split: Split, console: Console) -> str:
    run = JointRun.compose(trial.spec, registry)
    reader, validation = open_training(run)
    begun = (run.folder.path / "spec.json").exists()
    ended = fit_run(run, reader, validation, console, f"unistd compare, {trial.name}", resume=begun)
    if ended.stopped_by:
        return f"stopped by {ended.stopped_by}"
    parameters, learning = count_parameters(run.forecaster)
    step = run.load("best").step
    scores = evaluate_run(run, step, split, console)["tasks"]
    outcome = Outcome.of(
        scores,
        split,
        variant=trial.variant,
        seed=trial.seed,
        alone=trial.alone,
        step=step,
        steps=ended.step,
        samples={task: seen["samples"] for task, seen in reader.schedule.progress(ended.step).items()},
        parameters=parameters,
        learning=learning,
        seconds=_seconds(run.folder),
        peak_bytes=_peak_bytes(),
    )
    run.folder.write_json(outcome_file(run.folder.path, split).name, outcome.dump())
    return ""


def _seconds(folder: RunFolder) -> float:
    """Return the seconds of training over all the times it was resumed."""
    rows = read_rows(folder.log, "train")["train"]
    steps = [sum(task["steps"] for task in row["tasks"].values()) for row in rows]
    return float(sum(row["seconds_per_step"] * count for row, count in zip(rows, steps, strict=True)))


def _peak_bytes() -> int:
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

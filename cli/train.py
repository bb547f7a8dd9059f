"""``unistd train``: one model, jointly, on every task of a spec."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from unistd.cli.conversion import showing_conversion
from unistd.cli.drawing import draw_window
from unistd.cli.evaluate import evaluate_run
from unistd.cli.fitting import command_line, one_device, say_stopped
from unistd.cli.options import SpecPath, overrides
from unistd.core.data.batches import BatchReader
from unistd.core.data.schedule import JointSchedule
from unistd.core.data.windows import Windows
from unistd.core.errors import UsageError
from unistd.core.evaluation.report import results_table
from unistd.core.figures.experts import experts_png
from unistd.core.figures.results import results_png
from unistd.core.model import count_parameters
from unistd.core.training.log import read_rows
from unistd.core.training.loop import JointTraining, Outcome
from unistd.core.training.progress import Progress
from unistd.core.training.rank_phase import RankPhase
from unistd.core.training.run_folder import RunFolder
from unistd.registry.compose import compose_schedule, open_windows
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry
from unistd.registry.scoring import compose_scoring
from unistd.registry.spec import load_spec


@click.command(epilog="Example: unistd train examples/quickstart.yaml -o training.steps=60")
@click.argument("spec", type=SpecPath)
@overrides
@click.option("--resume", is_flag=True, help="Go on with the run in the spec's output folder.")
@click.option("--dry-run", is_flag=True, help="Convert data, build the model, show the plan; train nothing.")
def train(spec: Path, overrides: tuple[str, ...], *, resume: bool, dry_run: bool) -> None:
    """Train one model on all tasks of SPEC, then score it on the test split."""
    console = Console(stderr=True)
    if resume and dry_run:
        raise UsageError("'--dry-run' trains nothing, so there is nothing to '--resume'", help="leave one of them out")
    registry = Registry.discover()
    wanted = load_spec(spec, registry, overrides)
    if not (resume or dry_run):
        RunFolder(wanted.output).refuse_existing()
    with showing_conversion(console) as report:
        run = JointRun.compose(wanted, registry, report)
    training, validation = (open_windows(run.tasks, run.stores, split) for split in ("train", "val"))
    schedule = compose_schedule(wanted, run.tasks, training)
    check_scoring(run)
    show_plan(run, schedule, console)
    if dry_run:
        return
    command = command_line("train", spec, overrides)
    reader = BatchReader(training, schedule, cache=wanted.training.cache)
    outcome = fit_run(run, reader, validation, console, command, resume=resume)
    if outcome.stopped_by:
        say_stopped(console, outcome, command)
        return
    _score(run, console)


def fit_run(
    run: JointRun,
    reader: BatchReader,
    validation: Mapping[str, Windows],
    console: Console,
    command: str,
    *,
    resume: bool,
) -> Outcome:
    """Train ``run`` in its folder, from the start or, with ``resume``, from its last checkpoint.

    What the folder's record says made it is ``command``.

    Raises:
        UsageError: The folder holds another run, or is being trained in.
        ModelError: A parameter of a frozen trunk changed.
        UnistdError: A loss is not finite, or a checkpoint cannot be written or read.
    """
    settings = run.spec.training
    if not resume:
        run.start(command)
    with run.folder.lock():
        checkpoint = run.resume() if resume else None
        first = checkpoint.step if checkpoint else 0
        if resume:
            console.print(f"resuming after step {first}", highlight=False)
        fabric = one_device(settings.precision)
        progress = Progress(console, settings.steps, first)
        training = JointTraining(
            run.forecaster, reader, validation, settings, run.folder, fabric, progress, run.versions, run.record["id"]
        )
        return training.fit(checkpoint)


def _score(run: JointRun, console: Console) -> None:
    step = run.load("best").step
    ema = run.spec.training.ema
    weights = f"the averaged weights (ema {ema:g}) of " if ema else ""
    console.print(f"scoring {weights}the best checkpoint, of step {step}, on the test split", highlight=False)
    results = evaluate_run(run, step, "test", console)
    run.folder.write_json("metrics.json", results)
    Console().print(results_table(results["tasks"]))
    for name, windows in open_windows(run.tasks, run.stores, "test").items():
        draw_window(run, name, windows, run.folder.figures)
    results_png(run.folder.path / "results.png", results["tasks"])
    rows = read_rows(run.folder.log, "ranks", "experts")
    use = next((row for row in reversed(rows["experts"]) if any(row["tasks"].values())), None)
    if rows["ranks"] or use:
        experts_png(run.folder.path / "experts.png", rows["ranks"], use)
    console.print(f"weights, log, metrics.json and figures are in {run.folder.path}", highlight=False)


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


def show_plan(run: JointRun, schedule: JointSchedule, console: Console) -> None:
    """Print what will be trained on what: parameters, each task's shapes, windows, samples and passes, and ranks.

    Raises:
        UsageError: The rank phase would outlast the training.
    """
    total, learning = count_parameters(run.forecaster)
    table = Table(
        title=f"{run.spec.name}: {total:,} parameters, {learning:,} learn", title_justify="left", box=SIMPLE_HEAD
    )
    for column in ("task", "C×H×W", "T→T'", "windows", "batch", "samples", "epochs"):
        table.add_column(column, justify="left" if column == "task" else "right")
    for name, seen in schedule.progress(run.spec.training.steps).items():
        own, grid = run.tasks[name], run.stores[name].grid
        table.add_row(
            name,
            f"{len(own.task.card.channels)}×{grid[0]}×{grid[1]}",
            f"{own.window.past}→{own.window.future}",
            str(schedule.sizes[name]),
            str(schedule.batches[name]),
            str(seen["samples"]),
            f"{seen['epoch']:.1f}",
        )
    console.print(table)
    phase = RankPhase.of(run.forecaster, run.spec.training.steps, schedule.epoch)
    if phase is not None:
        share = "add up freely" if phase.allowed is None else f"share {phase.allowed} components"
        console.print(
            f"ranks learn for {phase.end} steps and {share}; each moves by up to {phase.lr:.2g} a step", highlight=False
        )

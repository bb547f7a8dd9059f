"""``unistd train``: one model, jointly, on every task of a spec."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from unistd.cli.conversion import showing_conversion
from unistd.cli.devices import devices_option, launched, strategy_option
from unistd.cli.fitting import command_line, say_stopped
from unistd.cli.options import SpecPath, overrides
from unistd.core.data.schedule import JointSchedule
from unistd.core.errors import UsageError
from unistd.core.evaluation.report import results_table
from unistd.core.model import count_parameters
from unistd.core.processes import is_first
from unistd.core.ranked import ranks_are_fixed
from unistd.core.training.rank_phase import RankPhase
from unistd.core.training.run_folder import RunFolder
from unistd.registry.devices import Strategy, check_strategy
from unistd.registry.evaluation import check_scoring
from unistd.registry.fitting import check_batches, fit_run, open_training, score_run
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry
from unistd.registry.spec import load_spec


@click.command(epilog="Example: unistd train examples/quickstart.yaml -o training.steps=60")
@click.argument("spec", type=SpecPath)
@overrides
@click.option("--resume", is_flag=True, help="Go on with the run in the spec's output folder.")
@click.option("--dry-run", is_flag=True, help="Convert data, build the model, show the plan; train nothing.")
@devices_option
@strategy_option
def train(
    spec: Path,
    overrides: tuple[str, ...],
    *,
    resume: bool,
    dry_run: bool,
    devices: int | None,
    strategy: Strategy | None,
) -> int:
    """Train one model on all tasks of SPEC, then score it on the test split."""
    if resume and dry_run:
        raise UsageError("'--dry-run' trains nothing, so there is nothing to '--resume'", help="leave one of them out")
    command = command_line("train", spec, overrides, devices=devices, strategy=strategy)
    if dry_run:
        check_strategy(strategy, devices or 1)
    else:
        code = launched(devices, strategy, [*shlex.split(command)[1:], *(["--resume"] if resume else [])])
        if code is not None:
            return code
    console = Console(stderr=True, quiet=not is_first())
    registry = Registry.discover()
    wanted = load_spec(spec, registry, overrides)
    if not (resume or dry_run) and is_first():
        RunFolder(wanted.output).refuse_existing()
    with showing_conversion(console) as report:
        run = JointRun.compose(wanted, registry, report)
    reader, validation = open_training(run)
    check_scoring(run)
    show_plan(run, reader.schedule, console)
    if dry_run:
        check_batches(run, reader.schedule, devices or 1)
        return 0
    outcome = fit_run(run, reader, validation, console, command, resume=resume, strategy=strategy)
    if outcome.stopped_by:
        say_stopped(console, outcome, command)
        return 0
    Console(quiet=not is_first()).print(results_table(score_run(run, console)["tasks"]))
    console.print(f"weights, log, metrics.json and figures are in {run.folder.path}", highlight=False)
    return 0


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
    fixed = ranks_are_fixed(run.forecaster)  # by the run that this one extends, whose phase need not fit here
    phase = None if fixed else RankPhase.of(run.forecaster, run.spec.training.steps, schedule.epoch)
    if phase is not None:
        share = "add up freely" if phase.allowed is None else f"share {phase.allowed} components"
        console.print(
            f"ranks learn for {phase.end} steps and {share}; each moves by up to {phase.lr:.2g} a step", highlight=False
        )

"""``unistd compare``: several specs on equal budgets, over seeds, in one table."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from unistd.cli.conversion import showing_conversion
from unistd.cli.options import SpecPath, overrides
from unistd.cli.trial import read_outcome
from unistd.cli.trials import run_trials
from unistd.core.comparison.outcome import Outcome
from unistd.core.comparison.summary import Summary, summarise
from unistd.core.comparison.tables import costs_table, errors_table, markdown, summary_json
from unistd.core.data.schedule import JointSchedule
from unistd.core.data.store import Store
from unistd.core.errors import UnistdError
from unistd.core.figures.comparison import comparison_png
from unistd.core.machine import device_name
from unistd.core.task import SPLITS, Split
from unistd.core.training.run_folder import RunFolder
from unistd.registry.compose import compose_schedule, compose_tasks, open_stores, open_windows
from unistd.registry.joint_run import check_same_stores
from unistd.registry.packages import package_versions
from unistd.registry.registry import Registry
from unistd.registry.run_spec import RunSpec
from unistd.registry.same_spec import same_spec
from unistd.registry.variants import Trial, check_alone, check_budgets, load_variants, trials

NO_TRUNK = "identity"
"""The trunk that does nothing, which makes a variant the heads-only control."""


@click.command(epilog="Example: unistd compare joint.yaml rival.yaml --seeds 3 --out runs/compared")
@click.argument("specs", type=SpecPath, nargs=-1, required=True)
@click.option(
    "--variants", type=SpecPath, help="A file of changes of the one SPEC: name: {model.adapter: {kind: lora}}."
)
@click.option(
    "--seeds", type=click.IntRange(1), default=1, show_default=True, help="Runs of each, from the spec's seed."
)
@click.option("--single", multiple=True, metavar="NAME", help="Train each task of this variant alone as well.")
@click.option("--split", type=click.Choice(SPLITS[1:]), default="test", show_default=True, help="Which windows decide.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Runs at a time.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the runs and the result.")
@overrides
def compare(
    specs: tuple[Path, ...],
    variants: Path | None,
    seeds: int,
    single: tuple[str, ...],
    split: Split,
    jobs: int,
    out: Path,
    overrides: tuple[str, ...],
) -> None:
    """Train every SPEC on as many samples of every task, and show who forecasts what best.

    A comparison cut short goes on when the same command is given again; runs that are finished are not repeated.
    """
    console = Console(stderr=True)
    registry = Registry.discover()
    chosen = load_variants(specs, registry, variants, overrides)
    with showing_conversion(console) as report:
        stores = {name: open_stores(compose_tasks(spec, registry), report) for name, spec in chosen.items()}

    def schedule_of(name: str, spec: RunSpec) -> JointSchedule:
        return _schedule(spec, registry, stores[name])

    samples = {name: _samples(spec, schedule_of(name, spec)) for name, spec in chosen.items()}
    check_budgets(samples)
    planned = trials(chosen, schedule_of, seeds, single, out / "runs")
    check_alone(planned, registry)
    open_ones = [trial for trial in planned if not _finished(trial, stores[trial.variant], split, registry)]
    _show_plan(console, planned, open_ones, samples, chosen)
    failures = list(run_trials(open_ones, split, jobs, console))
    outcomes = [found for trial in planned if (found := read_outcome(trial.spec.output, split))]
    if outcomes:
        _write(summarise(outcomes, _control(chosen)), outcomes, split, out, console)
    if failures:
        raise UnistdError(
            f"{len(failures)} of {len(planned)} runs failed, the first of them: {failures[0]}",
            help="mend the cause and give the same command again; what is finished is kept",
        )


def _schedule(spec: RunSpec, registry: Registry, stores: Mapping[str, Store]) -> JointSchedule:
    tasks = compose_tasks(spec, registry)
    return compose_schedule(spec, tasks, open_windows(tasks, stores, "train"))


def _samples(spec: RunSpec, schedule: JointSchedule) -> dict[str, int]:
    return {task: seen["samples"] for task, seen in schedule.progress(spec.training.steps).items()}


def _finished(trial: Trial, stores: Mapping[str, Store], split: Split, registry: Registry) -> bool:
    """Whether a trial has its outcome; one of another spec or of other data is refused, not reused."""
    folder = RunFolder(trial.spec.output)
    if read_outcome(folder.path, split) is None:
        return False
    record = same_spec(folder, trial.spec.dump(), registry)
    check_same_stores(record, {task: stores[task] for task in trial.spec.tasks})
    return True


def _control(specs: Mapping[str, RunSpec]) -> str:
    trunks = {name: spec.model.backbone.kind.rpartition("/")[2] for name, spec in specs.items()}
    return next((name for name, trunk in trunks.items() if trunk == NO_TRUNK), "")


def _show_plan(
    console: Console,
    planned: list[Trial],
    open_ones: list[Trial],
    samples: Mapping[str, Mapping[str, int]],
    specs: Mapping[str, RunSpec],
) -> None:
    budget = ", ".join(f"{task} {count}" for task, count in next(iter(samples.values())).items())
    console.print(f"{len(specs)} variants, {len(planned)} runs, {len(open_ones)} of them to do", highlight=False)
    console.print(f"samples in each: {budget}", highlight=False)
    if not _control(specs):
        console.print(
            "no variant by-passes the trunk (model.backbone: {kind: identity}), so nothing will tell what the heads"
            " reach alone",
            style="yellow",
            highlight=False,
        )


def _write(summary: Summary, outcomes: list[Outcome], split: Split, out: Path, console: Console) -> None:
    made = {
        "command": shlex.join(["unistd", *sys.argv[1:]]),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "device": device_name(),
        "packages": package_versions(),
    }
    RunFolder(out).write_json("comparison.json", made | summary_json(summary, outcomes, split))
    (out / "comparison.md").write_text(markdown(summary, split), encoding="utf-8")
    comparison_png(out / "comparison.png", summary, split)
    shown = Console()
    shown.print(errors_table(summary, split))
    shown.print(costs_table(summary))
    console.print(f"comparison.json, .md and .png are in {out}", highlight=False)

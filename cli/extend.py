"""``unistd extend``: more tasks for a trained run, and what that does to those it has."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from rich.console import Console

from unistd.cli.conversion import showing_conversion
from unistd.cli.fitting import say_stopped
from unistd.cli.options import overrides
from unistd.cli.show import spec_yaml
from unistd.cli.train import show_plan
from unistd.core.errors import ModelError, UsageError
from unistd.core.evaluation.before_after import before_after_table, compared, same_bits
from unistd.core.evaluation.report import results_table
from unistd.core.task import Split
from unistd.core.training.durable import replace_file
from unistd.core.training.run_folder import RunFolder
from unistd.registry.compose import batches, open_windows
from unistd.registry.evaluation import check_scoring, evaluate_run
from unistd.registry.extended_spec import extended_spec, read_tasks
from unistd.registry.extension import weights_digest
from unistd.registry.fitting import fit_run, open_training, score_run
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry
from unistd.registry.run_spec import RunSpec

SPEC_FILE = "extended.yaml"
"""The new run's spec, in its folder: what ``unistd train … --resume`` takes."""


@click.command(epilog="Example: unistd extend runs/quickstart --task new.yaml --out runs/more")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--task", "given", multiple=True, required=True, metavar="FILE|NAME=…", help="tasks: as in a spec, or one of them."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the new run.")
@click.option(
    "--replay",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of the steps that go on drawing old tasks, all of which learn on; without it they are frozen.",
)
@click.option("--experts", type=click.IntRange(1), help="Experts, at each site, that only the new tasks reach.")
@click.option(
    "--checkpoint",
    type=click.Choice(["best", "last"]),
    default="best",
    show_default=True,
    help="Weights to start from.",
)
@overrides
@click.option("--resume", is_flag=True, help="Go on with the new run in the folder --out.")
def extend(
    run: Path,
    given: tuple[str, ...],
    out: Path,
    replay: float | None,
    experts: int | None,
    checkpoint: str,
    overrides: tuple[str, ...],
    *,
    resume: bool,
) -> None:
    """Teach the run in folder RUN more tasks, in a new run; then set every task's error beside what it was.

    Old tasks keep their forecasts to the bit, unless --replay lets them learn on. The new run is one like any other.
    """
    console = Console(stderr=True)
    registry = Registry.discover()
    if not resume:
        RunFolder(out).refuse_existing()
    base, at = JointRun.open(run, registry, checkpoint)
    extends = {"run": str(run), "checkpoint": checkpoint, "weights": weights_digest(base.forecaster), "replay": replay}
    new = read_tasks(given, registry)
    spec = extended_spec(
        base.spec, new, registry, extends=extends, experts=experts or 0, output=out, overrides=overrides
    )
    _check_overrides(spec, base.spec, out)
    with showing_conversion(console) as report:
        extended = JointRun.compose(spec, registry, report)
    reader, validation = open_training(extended)
    check_scoring(extended)
    show_plan(extended, reader.schedule, console)
    command = _command(run, given, out, replay, experts, checkpoint, overrides)
    try:
        outcome = fit_run(extended, reader, validation, console, command, resume=resume)
    finally:
        if (out / "spec.json").is_file():
            replace_file(out / SPEC_FILE, spec_yaml(spec).encode())
    if outcome.stopped_by:
        say_stopped(console, outcome, command)
        return
    after = score_run(extended, console)
    Console().print(results_table(after["tasks"]))
    compare_runs(base, at.step, extended, after, "test", console)
    console.print(f"weights, log, metrics.json, extension.json and figures are in {out}", highlight=False)


def compare_runs(
    base: JointRun, step: int, extended: JointRun, after: dict[str, object], split: Split, console: Console
) -> None:
    """Score the old tasks with the old weights too, print and keep the table of both.

    Raises:
        ModelError: Outputs changed that are frozen.
    """
    before = evaluate_run(base, step, split, console)
    sizes = batches(base.spec, base.tasks)
    same = {
        name: same_bits(base.forecaster, extended.forecaster, windows, name, sizes[name])
        for name, windows in open_windows(base.tasks, base.stores, split).items()
    }
    rows = compared(before["tasks"], after["tasks"], same, split)  # type: ignore[arg-type]
    extended.folder.write_json("extension.json", {"split": split, "tasks": rows})
    Console().print(before_after_table(rows, split))
    changed = [name for name, equal in same.items() if not equal]
    if extended.spec.extends[-1].replay is None and changed:
        raise ModelError(
            f"the forecasts of task '{changed[0]}' changed, though all it needs is frozen",
            help="a plug-in keeps state outside of its parameters; look at 'unistd plugins list'",
        )


def _command(
    run: Path,
    given: tuple[str, ...],
    out: Path,
    replay: float | None,
    experts: int | None,
    checkpoint: str,
    overrides: tuple[str, ...],
) -> str:
    """Return what the user typed, without ``--resume``."""
    words = ["unistd", "extend", str(run), "--out", str(out), "--checkpoint", checkpoint]
    for option, value in (("--replay", replay), ("--experts", experts)):
        words += [] if value is None else [option, str(value)]
    for option, values in (("--task", given), ("-o", overrides)):
        words += [word for value in values for word in (option, value)]
    return shlex.join(words)


def _check_overrides(spec: RunSpec, base: RunSpec, out: Path) -> None:
    """See that ``-o`` changed how the run trains, not what it takes over."""
    if spec.output != out.expanduser():
        raise UsageError("'-o output' names another folder than '--out'", help="leave it out")
    for name, own in base.tasks.items():
        kept = [getattr(both, "window") for both in (own.config, spec.tasks[name].config)]  # noqa: B009
        if own.kind != spec.tasks[name].kind or kept[0] != kept[1]:
            raise UsageError(f"'-o' changes task '{name}', which is taken over as it is", help="leave it out")
    if spec.model != base.model:
        raise UsageError("'-o' changes the model, which is taken over as it is", help="leave it out")

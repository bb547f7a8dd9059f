"""``unistd evaluate``: a run's scores on a split, beside the baselines."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from unistd.cli.devices import devices_option, launched
from unistd.cli.options import as_json
from unistd.core.evaluation.report import results_table
from unistd.core.processes import is_first
from unistd.core.task import SPLITS, Split
from unistd.registry.evaluation import evaluate_run
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry


@click.command(epilog="Example: unistd evaluate runs/quickstart --json")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", "names", multiple=True, help="Only this task; may be repeated. All of them by default.")
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True, help="Which windows are scored.")
@click.option(
    "--checkpoint", type=click.Choice(["best", "last"]), default="best", show_default=True, help="Which weights."
)
@devices_option
@as_json
def evaluate(
    run: Path, names: tuple[str, ...], split: Split, checkpoint: str, *, devices: int | None, as_json: bool
) -> int:
    """Score the run in folder RUN on every window of a split, in the data's units."""
    tasks = [part for name in names for part in ("--task", name)]
    options = ["--split", split, "--checkpoint", checkpoint, *(["--json"] if as_json else [])]
    code = launched(devices, None, ["evaluate", str(run), *tasks, *options])
    if code is not None:
        return code
    console = Console(stderr=True, quiet=not is_first())
    opened, at = JointRun.open(run, Registry.discover(), checkpoint, names or None)
    records = evaluate_run(opened, at.step, split, console)
    if not is_first():
        return 0
    if as_json:
        click.echo(json.dumps(records, indent=2))
    else:
        Console().print(results_table(records["tasks"], split))
    return 0

"""``unistd pretrain``: a trunk's weights from still frames, without a download."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from unistd.cli.conversion import showing_conversion
from unistd.cli.fitting import command_line, say_stopped
from unistd.cli.options import SpecPath, overrides
from unistd.core.data.schedule import JointSchedule
from unistd.core.errors import UsageError
from unistd.core.figures.reconstruction import draw_reconstructions
from unistd.core.model import count_parameters
from unistd.core.pretraining.loop import Pretraining
from unistd.core.pretraining.masked import MaskedAutoencoder
from unistd.core.pretraining.objective import HeldOut
from unistd.core.pretraining.reader import StillReader
from unistd.core.pretraining.validation import score
from unistd.core.training.loop import Outcome
from unistd.core.training.progress import Progress
from unistd.core.training.run_folder import RunFolder
from unistd.registry.devices import open_fabric, placement
from unistd.registry.pretraining_run import PretrainingRun
from unistd.registry.registry import Registry
from unistd.registry.spec import load_pretrain_spec


@click.command(epilog="Example: unistd pretrain examples/pretrain.yaml -o training.steps=60")
@click.argument("spec", type=SpecPath)
@overrides
@click.option("--resume", is_flag=True, help="Go on with the run in the spec's output folder.")
def pretrain(spec: Path, overrides: tuple[str, ...], *, resume: bool) -> None:
    """Train the trunk of SPEC on still frames and write its weights for ``pretrained:`` of other specs."""
    console = Console(stderr=True)
    if placement().world > 1:
        raise UsageError(
            f"'unistd pretrain' takes one process, not {placement().world}", help="start it without torchrun"
        )
    registry = Registry.discover()
    wanted = load_pretrain_spec(spec, registry, overrides)
    if not resume:
        RunFolder(wanted.output).refuse_existing()
    with showing_conversion(console) as report:
        run = PretrainingRun.compose(wanted, registry, report)
    schedule = run.schedule
    show_plan(run, schedule, console)
    outcome = _fit(run, schedule, console, resume=resume)
    if outcome.stopped_by:
        say_stopped(console, outcome, command_line("pretrain", spec, overrides))
        return
    _finish(run, schedule, console)


def _fit(run: PretrainingRun, schedule: JointSchedule, console: Console, *, resume: bool) -> Outcome:
    settings = run.spec.training
    if not resume:
        run.folder.create(run.record)
    with run.folder.lock():
        checkpoint = run.resume() if resume else None
        first = checkpoint.step if checkpoint else 0
        if resume:
            console.print(f"resuming after step {first}", highlight=False)
        progress = Progress(console, settings.steps, first, run.objective.reference)
        reader = StillReader(run.sources, schedule, settings.cache)
        fabric = open_fabric(settings.precision)
        training = Pretraining(
            run.objective, reader, settings, run.folder, fabric, progress, run.versions, run.record["id"]
        )
        return training.fit(checkpoint)


def _finish(run: PretrainingRun, schedule: JointSchedule, console: Console) -> None:
    step = run.load_best().step
    console.print(f"the best checkpoint on validation frames is of step {step}", highlight=False)
    run.save_trunk()
    found = score(run.objective, run.sources, run.spec.training.held_out, schedule.batches)
    metrics = {name: {k: v for k, v in vars(own).items() if v is not None} for name, own in found.items()}
    run.folder.write_json("metrics.json", {"step": step, "reference": run.objective.reference, "frames": metrics})
    Console().print(held_out_table(found, run.objective.reference))
    if isinstance(run.objective, MaskedAutoencoder):
        draw_reconstructions(run.folder.path / "reconstruction.png", run.objective, run.sources)
    console.print("the trunk's weights, for the 'model' section of a spec:", highlight=False)
    click.echo(run.for_spec())


def show_plan(run: PretrainingRun, schedule: JointSchedule, console: Console) -> None:
    """Print what is trained on what: parameters, and each source's shapes, frames, samples and passes."""
    total, _ = count_parameters(run.objective.backbone)
    table = Table(title=f"{run.spec.name}: a trunk of {total:,} parameters", title_justify="left", box=SIMPLE_HEAD)
    for column in ("source", "C×H×W", "tokens", "frames", "held out", "batch", "samples", "epochs"):
        table.add_column(column, justify="left" if column == "source" else "right")
    for name, seen in schedule.progress(run.spec.training.steps).items():
        source = run.sources[name]
        channels, height, width = source.shape
        table.add_row(
            name,
            f"{channels}×{height}×{width}",
            str(ceil(height / source.patch) * ceil(width / source.patch)),
            str(len(source.train)),
            str(len(source.val)),
            str(schedule.batches[name]),
            str(seen["samples"]),
            f"{seen['epoch']:.1f}",
        )
    console.print(table)


def held_out_table(found: dict[str, HeldOut], reference: str) -> Table:
    """Return the held-out loss of every source beside that of the trivial reference."""
    table = Table(title="Loss on held-out frames", title_justify="left", box=SIMPLE_HEAD)
    labelled = any(own.accuracy is not None for own in found.values())
    for column in ("source", "loss", reference, "ratio", *(["accuracy"] if labelled else [])):
        table.add_column(column, justify="left" if column == "source" else "right")
    for name, own in found.items():
        ratio = f"{own.loss / own.reference:.3f}" if own.reference else "-"
        accuracy = [f"{own.accuracy:.3f}"] if own.accuracy is not None else []
        table.add_row(name, f"{own.loss:.4g}", f"{own.reference:.4g}", ratio, *accuracy)
    return table

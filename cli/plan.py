"""``unistd plan``: what a run will take, before it is started."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from rich.console import Console

from unistd.cli.conversion import showing_conversion
from unistd.cli.options import SpecPath, as_json, overrides
from unistd.cli.table import table
from unistd.core.plan.run_plan import RunPlan, run_plan
from unistd.registry.compose import (
    compose_forecaster,
    compose_schedule,
    compose_tasks,
    open_stores,
    open_windows,
    without_download,
)
from unistd.registry.registry import Registry
from unistd.registry.spec import load_spec


@click.command(epilog="Example: unistd plan examples/quickstart.yaml -o training.batch=32")
@click.argument("spec", type=SpecPath)
@overrides
@as_json
def plan(spec: Path, overrides: tuple[str, ...], *, as_json: bool) -> None:
    """Show what training SPEC will take: parameters, tokens, arithmetic, memory, disk.

    Raw files are converted first where there is no store yet; no weight is fetched and nothing is trained.
    """
    registry = Registry.discover()
    wanted = load_spec(spec, registry, overrides)
    tasks = compose_tasks(wanted, registry)
    with showing_conversion(Console(stderr=True)) as report:
        stores = open_stores(tasks, report)
    schedule = compose_schedule(wanted, tasks, open_windows(tasks, stores, "train"))
    forecaster = compose_forecaster(without_download(wanted), registry, stores)
    windows = {name: own.window for name, own in tasks.items()}
    made = run_plan(forecaster, stores, windows, schedule, wanted.training)
    click.echo(json.dumps(asdict(made), indent=2) if as_json else _text(made, wanted.training.steps))


def _text(made: RunPlan, steps: int) -> str:
    parts = [(name, f"{n:,}", f"{learn:,}") for name, (n, learn) in made.parameters.items()]
    tasks = [
        (
            name,
            str(own.windows),
            f"{own.samples / own.windows:.1f}",
            str(own.batch) if own.part == own.batch else f"{own.batch} by {own.part}",
            str(own.tokens),
            f"{own.flops / 1e9:.4g}",
            _bytes(own.memory),
        )
        for name, own in made.tasks.items()
    ]
    return "\n".join(
        [
            table(("part", "parameters", "learn"), parts),
            "",
            table(("task", "windows", "epochs", "batch", "tokens", "GFLOP/step", "memory/step"), tasks),
            "",
            f"{steps} steps: {made.flops / 1e12:.4g} TFLOP",
            f"memory: {_bytes(made.memory)} for model, optimiser and the dearest step, besides frames held",
            f"disk: {_bytes(made.stores)} of stores, up to {_bytes(made.checkpoints)} of checkpoints",
        ]
    )


def _bytes(count: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.4g} {unit}"
        count /= 1024
    return f"{count:.4g} TiB"

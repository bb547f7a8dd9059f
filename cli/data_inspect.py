"""``unistd data inspect``: what is in a store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from unistd.cli.options import as_json
from unistd.cli.table import table
from unistd.cli.task_page import step_of
from unistd.core.data.contents import contents
from unistd.core.data.store import Store
from unistd.core.figures.store import store_png


@click.command("inspect", epilog="Example: unistd data inspect stores/taxibj.zarr --png taxibj.png")
@click.argument("store", type=click.Path(path_type=Path))
@click.option(
    "--png", metavar="FILE", type=click.Path(path_type=Path), help="Draw four windows and the mean over time."
)
@as_json
def inspect(store: Path, png: Path | None, *, as_json: bool) -> None:
    """Show shape, splits, windows and values of STORE, the folder of converted frames."""
    opened = Store.open(store)
    found = contents(opened)
    click.echo(json.dumps(found, indent=2) if as_json else _text(found))
    if png is not None:
        store_png(png, opened)
        click.echo(f"drew {png}", err=True)


def _text(found: dict[str, Any]) -> str:
    splits = [
        (
            name,
            str(own["frames"]),
            str(own["windows"]),
            own.get("why") or ", ".join(f"{why}: {count}" for why, count in own["dropped"].items()),
        )
        for name, own in found["splits"].items()
    ]
    channels = [
        (
            *(own["name"], own["unit"], *map(_number, (own["low"], own["mean"], own["high"])), f"{own['missing']:.2%}"),
            f"(x − {_number(own['offset'])}) ÷ {_number(own['scale'])}",
        )
        for own in found["channels"]
    ]
    y, x = found["grid"]
    past, future = found["window"]
    protocol = f", protocol {found['protocol']}" if found["protocol"] else ""
    return "\n".join(
        [
            f"task {found['task']}{protocol}: {found['frames']} frames of {y}×{x}, every {step_of(found)},",
            f"{found['first']} to {found['last']}, {found['sequences']} unbroken",
            f"raw files or folders: {found['source_files']}; {found['bytes'] / 1e6:.1f} MB on disk,"
            f" {found['bytes_uncompressed'] / 1e6:.1f} MB in memory",
            "",
            table(("split", "frames", f"windows {past}→{future}", "frames that begin no window"), splits),
            "",
            table(("channel", "unit", "low", "mean", "high", "missing", "normalised"), channels),
        ]
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"

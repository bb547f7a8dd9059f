"""``unistd predict``: forecasts of one task as a zarr data set, with pictures."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from click.core import ParameterSource
from rich.console import Console
from rich.progress import Progress

from unistd.core.data.store import WHOLE
from unistd.core.data.windows import Windows
from unistd.core.errors import UsageError
from unistd.core.prediction.tiles import Tiling, usual_overlap
from unistd.core.prediction.write import write_forecasts, write_latest
from unistd.core.task import SPLITS, Split
from unistd.registry.compose import batches
from unistd.registry.drawing import draw_latest, draw_window
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry

OVERLAP = "Pixels that a tile sees on each side beyond its own.  [default: tile / 4 in whole 32s, 0 below 96]"


@click.command(epilog="Example: unistd predict runs/quickstart --task weather --out weather.zarr")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", "name", required=True, help="The task, by its name in the spec.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The zarr folder to write.")
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True, help="Windows to forecast.")
@click.option("--latest", is_flag=True, help="Forecast what comes after the last frames instead; there is no truth.")
@click.option(
    "--checkpoint", type=click.Choice(["best", "last"]), default="best", show_default=True, help="Which weights."
)
@click.option("--tile", type=int, help="Forecast in tiles of this many pixels a side: the memory of one is enough.")
@click.option("--overlap", type=int, help=OVERLAP)
@click.pass_context
def predict(
    ctx: click.Context,
    run: Path,
    name: str,
    out: Path,
    split: Split,
    checkpoint: str,
    tile: int | None,
    overlap: int | None,
    *,
    latest: bool,
) -> None:
    """Write forecasts of one task, made by the run in folder RUN, with coordinates and units.

    Pictures of one window, or of its middle tile, lie beside the data set: input, truth, forecast and error.
    """
    console = Console(stderr=True)
    if latest and ctx.get_parameter_source("split") is ParameterSource.COMMANDLINE:
        raise UsageError(
            "'--latest' forecasts after the last frames; it has no '--split'", help="leave one of them out"
        )
    tiling = _tiling(tile, overlap)
    if out.exists():
        raise UsageError(f"'{out}' is there already", help="name another place with --out")
    opened, at = JointRun.open(run, Registry.discover(), checkpoint, [name])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    opened.forecaster.to(device).eval()
    window, store, forecast = opened.tasks[name].window, opened.stores[name], partial(_forecast, opened, name)
    origin = {"run": str(run), "step": str(at.step), "task": name}
    origin |= {"tile": f"{tiling.size} pixels, {tiling.overlap} of overlap"} if tiling else {}
    write: dict[str, Any] = {"device": device, "attributes": origin, "tiling": tiling}
    folder, drawn = out.with_name(f"{out.stem}-figures"), tiling.middle(store.grid) if tiling else WHOLE
    if latest:
        write_latest(out, store, forecast, past=window.past, future=window.future, **write)
        pictures = draw_latest(opened, name, folder, drawn)
    else:
        windows = Windows(store, split, window.past, window.future)
        batch = batches(opened.spec, opened.tasks)[name]
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = partial(progress.advance, progress.add_task("forecasting", total=len(windows)))
            write_forecasts(out, windows, forecast, batch=batch, progress=bar, **write)
        pictures = draw_window(opened, name, windows, folder, drawn)
    if tiling and overlap is None and not tiling.overlap and max(store.grid) > tiling.size:
        console.print(f"a tile of {tiling.size} pixels has no room for an overlap, so seams may show; one of 96 has")
    console.print(f"forecasts: {out}\ndrawn: {', '.join(map(str, pictures))}", highlight=False, soft_wrap=True)


def _forecast(run: JointRun, name: str, past: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    del starts
    return run.forecaster.forecast(name, past)


def _tiling(tile: int | None, overlap: int | None) -> Tiling | None:
    if tile is None and overlap is None:
        return None
    if tile is None:
        raise UsageError(f"'--overlap {overlap}' is of tiles", help="say how large they are with --tile")
    return Tiling(tile, usual_overlap(tile) if overlap is None else overlap)

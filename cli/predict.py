"""``unistd predict``: forecasts of one task as a zarr data set, with pictures."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click
import torch
from rich.console import Console

from unistd.cli.drawing import draw_window
from unistd.cli.evaluate import known_task
from unistd.core.errors import UsageError
from unistd.core.prediction.write import write_forecasts, write_latest
from unistd.core.task import SPLITS, Split
from unistd.registry.compose import batches, open_windows
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry


@click.command(epilog="Example: unistd predict runs/quickstart --task weather --out weather.zarr")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", "name", required=True, help="The task, by its name in the spec.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The zarr folder to write.")
@click.option("--split", type=click.Choice(SPLITS), default="test", show_default=True, help="Windows to forecast.")
@click.option("--latest", is_flag=True, help="Forecast what comes after the last frames instead; there is no truth.")
@click.option(
    "--checkpoint", type=click.Choice(["best", "last"]), default="best", show_default=True, help="Which weights."
)
def predict(run: Path, name: str, out: Path, split: Split, checkpoint: str, *, latest: bool) -> None:
    """Write forecasts of one task, made by the run in folder RUN, with coordinates and units.

    Beside the data set, a PNG strip and a GIF of one window show input, truth, forecast and error.
    """
    console = Console(stderr=True)
    if out.exists():
        raise UsageError(f"'{out}' is there already", help="name another place with --out")
    opened, at = JointRun.open(run, Registry.discover(), checkpoint)
    known_task(opened, name)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    opened.forecaster.to(device).eval()
    own, batch = opened.tasks[name], batches(opened.spec, opened.tasks)[name]
    forecast = partial(_forecast, opened, name)
    origin = {"run": str(run), "step": str(at.step), "task": name}
    if latest:
        window = own.window
        write_latest(
            out, opened.stores[name], forecast, past=window.past, future=window.future, device=device, attributes=origin
        )
        console.print(f"forecast of what comes next: {out}", highlight=False)
        return
    windows = open_windows({name: own}, opened.stores, split)[name]
    write_forecasts(out, windows, forecast, batch=batch, device=device, attributes=origin)
    pictures = draw_window(opened, name, windows, out.with_name(f"{out.stem}-figures"))
    console.print(f"forecasts of {len(windows)} windows: {out}", highlight=False)
    console.print(f"one of them drawn: {', '.join(map(str, pictures))}", highlight=False)


def _forecast(run: JointRun, name: str, past: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    del starts
    return run.forecaster.forecast(name, past)

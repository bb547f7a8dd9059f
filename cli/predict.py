"""``unistd predict``: forecasts of one task as a zarr data set, with pictures."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click
import torch
from click.core import ParameterSource
from rich.console import Console
from rich.progress import Progress

from unistd.core.data.windows import Windows
from unistd.core.errors import UsageError
from unistd.core.prediction.write import write_forecasts, write_latest
from unistd.core.task import SPLITS, Split
from unistd.registry.compose import batches
from unistd.registry.drawing import draw_latest, draw_window
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
@click.pass_context
def predict(
    ctx: click.Context, run: Path, name: str, out: Path, split: Split, checkpoint: str, *, latest: bool
) -> None:
    """Write forecasts of one task, made by the run in folder RUN, with coordinates and units.

    Pictures of one window lie beside the data set: input, truth, forecast and error.
    """
    console = Console(stderr=True)
    if latest and ctx.get_parameter_source("split") is ParameterSource.COMMANDLINE:
        raise UsageError(
            "'--latest' forecasts after the last frames; it has no '--split'", help="leave one of them out"
        )
    if out.exists():
        raise UsageError(f"'{out}' is there already", help="name another place with --out")
    opened, at = JointRun.open(run, Registry.discover(), checkpoint, [name])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    opened.forecaster.to(device).eval()
    window, store, forecast = opened.tasks[name].window, opened.stores[name], partial(_forecast, opened, name)
    origin = {"run": str(run), "step": str(at.step), "task": name}
    folder = out.with_name(f"{out.stem}-figures")
    if latest:
        past, future = window.past, window.future
        write_latest(out, store, forecast, past=past, future=future, device=device, attributes=origin)
        pictures = draw_latest(opened, name, folder)
    else:
        windows = Windows(store, split, window.past, window.future)
        batch = batches(opened.spec, opened.tasks)[name]
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = partial(progress.advance, progress.add_task("forecasting", total=len(windows)))
            write_forecasts(out, windows, forecast, batch=batch, device=device, attributes=origin, progress=bar)
        pictures = draw_window(opened, name, windows, folder)
    console.print(f"forecasts: {out}\ndrawn: {', '.join(map(str, pictures))}", highlight=False, soft_wrap=True)


def _forecast(run: JointRun, name: str, past: torch.Tensor, starts: torch.Tensor) -> torch.Tensor:
    del starts
    return run.forecaster.forecast(name, past)

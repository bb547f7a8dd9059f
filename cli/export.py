"""``unistd export``: one task of a run as a bundle, and as ONNX that was checked against the model."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from unistd.core.data.windows import Windows
from unistd.core.errors import UsageError
from unistd.core.export.bundle import BundleFacts
from unistd.core.export.onnx import OPSET, TOLERANCE, export_onnx
from unistd.core.new_folder import whole_or_nothing
from unistd.registry.bundle import bundle_of
from unistd.registry.errors import MissingRequirement
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry


@click.command(epilog="Example: unistd export runs/quickstart --task weather --to weather-model")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--task", "name", required=True, help="The task, by its name in the spec.")
@click.option("--to", type=click.Path(path_type=Path), required=True, help="The folder to write.")
@click.option(
    "--checkpoint", type=click.Choice(["best", "last"]), default="best", show_default=True, help="Which weights."
)
@click.option("--no-onnx", is_flag=True, help="Write the bundle alone.")
def export(run: Path, name: str, to: Path, checkpoint: str, *, no_onnx: bool) -> None:
    """Write what one task needs of the run in folder RUN, to use it elsewhere.

    The bundle holds all that was learned; a frozen trunk is not in it, but any other one is refused. The ONNX file is
    the whole path from physical frames to physical forecasts, and is run beside the model before it is left to you.
    """
    if to.exists() and not (to.is_dir() and not any(to.iterdir())):
        raise UsageError(f"'{to}' is there already", help="name another place with --to")
    if not no_onnx:
        require_onnx()
    opened, at = JointRun.open(run, Registry.discover(), checkpoint, [name])
    with whole_or_nothing(to) as folder:
        facts = bundle_of(opened, at, name, folder)
        worst = None if no_onnx else _onnx(opened, name, folder / f"{name}.onnx")
    _tell(to, facts, at.step, worst)


def require_onnx() -> None:
    """Find out now, not after the bundle, whether ONNX can be written and run.

    Raises:
        MissingRequirement: A package is not installed or broken.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        try:
            import_module(package)
        except Exception as error:
            raise MissingRequirement(
                f"ONNX needs '{package}', which cannot be imported: {type(error).__name__}: {error}",
                help="pip install 'unistd[export]', or write the bundle alone with --no-onnx",
            ) from error


def _onnx(run: JointRun, name: str, path: Path) -> float:
    """Export with the first, the middle and the last validation window."""
    own = run.tasks[name]
    windows = Windows(run.stores[name], "val", own.window.past, own.window.future)
    past, _ = windows.read(np.linspace(0, len(windows) - 1, 3).astype(np.int64))
    return export_onnx(path, run.forecaster, name, past)


def _tell(to: Path, facts: BundleFacts, step: int, worst: float | None) -> None:
    files = [f"  {file} ({_size(file.stat().st_size)})" for file in sorted(to.iterdir())]
    where = "learned too, and is in the bundle" if facts.brings_trunk else f"is not in it: sha256 {facts.trunk}"
    lines = [f"task '{facts.task}' of step {step}:", *files, f"the trunk {where}"]
    if worst is not None:
        lines.append(
            f"ONNX, opset {OPSET}: differs from the model by at most {worst:.2g} of the normalisation's scale"
            f" (1 and 3 windows; allowed is {TOLERANCE:g})"
        )
    Console(stderr=True).print("\n".join(lines), highlight=False, soft_wrap=True, markup=False)


def _size(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} GiB"

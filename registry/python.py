"""What ``unistd validate``, ``train``, ``evaluate`` and ``predict`` do, from Python: imported as ``unistd.<name>``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from rich.console import Console

from unistd.core.errors import UsageError
from unistd.core.processes import is_first
from unistd.core.task import Split
from unistd.registry import spec as specs
from unistd.registry.devices import Strategy
from unistd.registry.evaluation import check_scoring, evaluate_run
from unistd.registry.fitting import fit_run, open_training, score_run
from unistd.registry.joint_run import JointRun
from unistd.registry.registry import Registry
from unistd.registry.run_spec import RunSpec


def load_spec(path: str | Path, overrides: Iterable[str] = (), registry: Registry | None = None) -> RunSpec:
    """Read and validate a spec.

    Args:
        path: A YAML or JSON file.
        overrides: ``key=value``, as after ``-o`` on the command line.
        registry: What is installed; discovered by default.

    Raises:
        SpecError: Anything is wrong in the file, all of it at once.
        UsageError, MissingPlugin: The file cannot be read, or a plug-in it requires is not there.
    """
    return specs.load_spec(Path(path), registry or Registry.discover(), overrides)


def compose(spec: RunSpec, registry: Registry | None = None) -> JointRun:
    """Build the run of ``spec``: its tasks, stores and model; raw files are converted first where there is no store.

    Nothing is written to the run's folder yet. ``run.forecaster`` is the model.

    Raises:
        DataError: Raw files or a store are missing or damaged.
        UsageError: Parts of the spec do not fit each other.
    """
    return JointRun.compose(spec, registry or Registry.discover())


def train(
    run: JointRun, *, resume: bool = False, quiet: bool = False, strategy: Strategy | None = None
) -> dict[str, Any]:
    """Train ``run`` in its folder, score its best checkpoint on the test split and return what ``metrics.json`` holds.

    Args:
        run: From ``compose``.
        resume: Go on from the last checkpoint in the folder.
        quiet: Print no progress; of several processes, which torchrun starts, only the first one prints any.
        strategy: What each of several processes has of the model, see ``unistd train --strategy``.

    Raises:
        UsageError: The folder holds another run, or any run where ``resume`` is not asked for.
        UnistdError: A loss is not finite, a task cannot be scored, or a checkpoint cannot be written or read.
        KeyboardInterrupt: A signal stopped it, after a checkpoint from which ``resume`` goes on.
    """
    if not resume:
        run.folder.refuse_existing()
    reader, validation = open_training(run)
    console = Console(stderr=True, quiet=quiet or not is_first())
    check_scoring(run)
    outcome = fit_run(run, reader, validation, console, "unistd.train", resume=resume, strategy=strategy)
    if outcome.stopped_by:
        raise KeyboardInterrupt(f"stopped by {outcome.stopped_by} after step {outcome.step}, all of it saved")
    return score_run(run, console)


def evaluate(path: str | Path, split: Split = "test", checkpoint: str = "best") -> dict[str, Any]:
    """Score the run in folder ``path`` on every window of ``split``; returns what ``metrics.json`` holds.

    Raises:
        UsageError: ``path`` is no run folder, or has no such checkpoint.
        DataError, CheckpointError: A store or a checkpoint is gone or damaged.
    """
    run, at = JointRun.open(Path(path), Registry.discover(), checkpoint)
    return evaluate_run(run, at.step, split, Console(quiet=True))


class Predictor:
    """A trained run as a function: physical frames in, physical forecasts out; no store or raw file is needed.

    Args:
        run: With the weights to use.
        device: Where it computes.
    """

    def __init__(self, run: JointRun, device: str | torch.device = "cpu") -> None:
        self.run, self.device = run, torch.device(device)
        run.forecaster.to(self.device).eval()

    @classmethod
    def load(cls, path: str | Path, *, checkpoint: str = "best", device: str | torch.device = "cpu") -> Predictor:
        """Open the run in folder ``path`` with the weights of its ``best`` or ``last`` checkpoint.

        Raises:
            UsageError: ``path`` is no run folder, or has no such checkpoint.
            CheckpointError: A file is damaged.
        """
        run, _ = JointRun.open(Path(path), Registry.discover(), checkpoint, ())
        return cls(run, device)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Return the names of the tasks it can forecast."""
        return tuple(self.run.tasks)

    def __call__(self, past: ArrayLike, task: str | None = None) -> NDArray[np.float32]:
        """Forecast frames (B, T', C, H, W), or (T', C, H, W), from ``past`` (B, T, C, H, W), or (T, C, H, W).

        Both are in physical units; NaN is missing.

        Args:
            past: The last T frames of each window.
            task: Its name in the spec; may be left out where there is only one.

        Raises:
            UsageError: There is no such task, or ``past`` does not have its T or C.
        """
        name = self._name(task)
        frames = torch.as_tensor(np.asarray(past, np.float32), device=self.device)
        own = self.run.tasks[name]
        wanted = (own.window.past, len(own.task.card.channels))
        if frames.ndim not in (4, 5) or tuple(frames.shape[-4:-2]) != wanted or 0 in frames.shape:
            channels = ", ".join(channel.name for channel in own.task.card.channels)
            raise UsageError(
                f"frames of task '{name}' have shape '{tuple(frames.shape)}'",
                help=f"(B, T, C, H, W) or (T, C, H, W) with T = {wanted[0]} and C = {wanted[1]}: {channels}",
            )
        forecast = self.run.forecaster.forecast(name, frames if frames.ndim == 5 else frames[None]).cpu().numpy()
        return np.asarray(forecast if frames.ndim == 5 else forecast[0])

    def _name(self, task: str | None) -> str:
        if task is None and len(self.run.tasks) == 1:
            return next(iter(self.run.tasks))
        if task not in self.run.tasks:
            what = "no task is named" if task is None else f"the run has no task '{task}'"
            raise UsageError(what, help=f"it has {', '.join(self.run.tasks)}")
        return task

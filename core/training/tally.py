"""What happened since the last row of the log, kept on the device until it is asked for."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from unistd.core.errors import UnistdError

STREAK = 10
"""Steps in a row that are not finite after which skipping does not help (choice)."""


class _Step(NamedTuple):
    step: int
    starts: Tensor
    loss: Tensor
    gradient: Tensor


class Tally:
    """Collects losses and gradient norms per task; reading them is the only time the training thread waits for a
    GPU.

    Args:
        nonfinite: Whether a step that is not finite ends the run or is left out.
        diverged: Mean loss of a task at which the run ends.

    Attributes:
        skipped: What is to be said of the steps left out of the row that was drained last.
    """

    def __init__(self, nonfinite: Literal["stop", "skip"] = "stop", diverged: float = float("inf")) -> None:
        self.nonfinite, self.diverged = nonfinite, diverged
        self.skipped: list[str] = []
        self._steps: dict[str, list[_Step]] = defaultdict(list)
        self._streak = 0
        self._since = time.perf_counter()

    def add(self, task: str, step: int, starts: Tensor, loss: Tensor, gradient: Tensor) -> None:
        """Take in one step."""
        self._steps[task].append(_Step(step, starts, loss.detach(), gradient.detach()))

    def drain(self) -> dict[str, Any]:
        """Return mean loss and gradient norm per task and the seconds a step took, and start anew.

        Raises:
            UnistdError: A loss or gradient is not finite, names task, step and windows; or a task diverged.
        """
        self.skipped, self._streak = self._faults()
        tasks, count = {}, 0
        for task, steps in sorted(self._steps.items()):
            values = [pair for pair in _values(steps) if all(map(_finite, pair))]
            count += len(steps)
            if not values:
                continue
            losses, gradients = zip(*values, strict=True)
            tasks[task] = {
                "loss": sum(losses) / len(losses),
                "gradient": sum(gradients) / len(gradients),
                "steps": len(values),
            }
            self._check_divergence(task, steps[-1].step, tasks[task]["loss"])
        now = time.perf_counter()
        seconds, self._since = (now - self._since) / max(count, 1), now
        self._steps.clear()
        return {"tasks": tasks, "seconds_per_step": round(seconds, 4)}

    def state(self) -> dict[str, Any]:
        """Return what is not in the log yet, for a checkpoint between two rows.

        Raises:
            UnistdError: As ``drain``.
        """
        self._faults()
        pending = {
            task: [[own.step, own.starts.tolist(), *pair] for own, pair in zip(steps, _values(steps), strict=True)]
            for task, steps in self._steps.items()
        }
        return {"streak": self._streak, "pending": pending}

    def restore(self, state: Mapping[str, Any], device: torch.device | str = "cpu") -> None:
        """Take up what ``state`` returned."""
        self._streak = state["streak"]
        for task, steps in state["pending"].items():
            for step, starts, loss, gradient in steps:
                values = (torch.tensor(value, device=device) for value in (loss, gradient))
                self.add(task, step, torch.tensor(starts), *values)

    def _faults(self) -> tuple[list[str], int]:
        """Return a sentence for each step that is not finite, and how many at the end follow one another."""
        said, streak = [], self._streak
        steps = [
            (own.step, task, own, *pair)
            for task, steps in self._steps.items()
            for own, pair in zip(steps, _values(steps), strict=True)
        ]
        for step, task, own, loss, gradient in sorted(steps, key=lambda found: found[0]):
            bad = "loss" if not _finite(loss) else "gradient" if not _finite(gradient) else ""
            streak = streak + 1 if bad else 0
            if not bad:
                continue
            windows = ", ".join(map(str, own.starts.tolist()[:8]))
            what = f"the {bad} of task '{task}' is not finite at step {step} (windows starting at frames {windows})"
            if self.nonfinite == "stop":
                help_ = "look at these frames, or start anew with a lower training.optimizer.lr and another output"
                raise UnistdError(what, help=f"{help_}; training.nonfinite=skip leaves such steps out")
            if streak >= STREAK:
                raise UnistdError(
                    f"{what}, as in the {STREAK - 1} steps before", help="start anew with a lower training.optimizer.lr"
                )
            said.append(f"{what}: step left out")
        return said, streak

    def _check_divergence(self, task: str, step: int, loss: float) -> None:
        if loss > self.diverged:
            raise UnistdError(
                f"task '{task}' diverged: its mean loss up to step {step} is {loss:.3g}, a forecast of the mean has"
                f" about 1, and training.diverged is {self.diverged:g}",
                help="start anew with a lower training.optimizer.lr or a longer training.schedule.warmup",
            )


def leave_out_if_nonfinite(optimizer: Optimizer, *values: Tensor) -> None:
    """Let the next step of a fused ``optimizer`` change nothing unless all ``values`` are finite; waits for no GPU."""
    finite = torch.isfinite(torch.stack([value.detach().float() for value in values])).all()
    optimizer.found_inf = (~finite).float()  # type: ignore[attr-defined]  # what a gradient scaler tells it by


def _values(steps: list[_Step]) -> list[tuple[float, float]]:
    losses = torch.stack([own.loss for own in steps]).tolist()
    return list(zip(losses, torch.stack([own.gradient for own in steps]).tolist(), strict=True))


def _finite(value: float) -> bool:
    return value - value == 0

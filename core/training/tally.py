"""What happened since the last row of the log, kept on the device until it is asked for."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any, NamedTuple

import torch
from torch import Tensor

from unistd.core.errors import UnistdError


class _Step(NamedTuple):
    step: int
    starts: Tensor
    loss: Tensor
    gradient: Tensor


class Tally:
    """Collects losses and gradient norms per task; reading them is the only time the training thread waits for a
    GPU.
    """

    def __init__(self) -> None:
        self._steps: dict[str, list[_Step]] = defaultdict(list)
        self._since = time.perf_counter()

    def add(self, task: str, step: int, starts: Tensor, loss: Tensor, gradient: Tensor) -> None:
        """Take in one step."""
        self._steps[task].append(_Step(step, starts, loss.detach(), gradient.detach()))

    def drain(self) -> dict[str, Any]:
        """Return mean loss and gradient norm per task and the seconds a step took, and start anew.

        Raises:
            UnistdError: A loss or gradient is not finite; names task, step and windows.
        """
        tasks, count = {}, 0
        for task, steps in sorted(self._steps.items()):
            losses = torch.stack([step.loss for step in steps]).tolist()
            gradients = torch.stack([step.gradient for step in steps]).tolist()
            for step, loss, gradient in zip(steps, losses, gradients, strict=True):
                _check(task, step, loss, gradient)
            tasks[task] = {
                "loss": sum(losses) / len(losses),
                "gradient": sum(gradients) / len(gradients),
                "steps": len(steps),
            }
            count += len(steps)
        now = time.perf_counter()
        seconds, self._since = (now - self._since) / max(count, 1), now
        self._steps.clear()
        return {"tasks": tasks, "seconds_per_step": round(seconds, 4)}


def _check(task: str, step: _Step, loss: float, gradient: float) -> None:
    bad = "loss" if loss - loss != 0 else "gradient" if gradient - gradient != 0 else ""
    if bad:
        windows = ", ".join(map(str, step.starts.tolist()[:8]))
        raise UnistdError(
            f"the {bad} of task '{task}' is not finite at step {step.step} (windows starting at frames {windows})",
            help="look at these frames, or start anew with a lower training.optimizer.lr and another output",
        )

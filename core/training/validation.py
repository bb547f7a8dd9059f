"""The score a model is selected by: error ÷ persistence on the validation split, averaged over the tasks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from unistd.core.data.normalization import Normalization
from unistd.core.data.windows import Windows
from unistd.core.errors import UnistdError
from unistd.core.evaluation.baselines import last_seen
from unistd.core.forecaster import Forecaster, squared_error
from unistd.core.processes import in_order, shared_out
from unistd.core.training.expert_use import ExpertUse, Part, Use


@dataclass(frozen=True)
class Validation:
    """Normalised mean squared error of each task and of its reference, persistence, and how each task used the experts;
    ``score`` is the mean ratio of the errors, lower is better.
    """

    errors: Mapping[str, float]
    reference: Mapping[str, float]
    experts: Mapping[str, Mapping[str, Use]] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """Return the mean over tasks of error ÷ reference; a task whose reference is 0 counts its plain error."""
        ratios = [error / (self.reference[task] or 1.0) for task, error in self.errors.items()]
        return sum(ratios) / len(ratios)


@torch.inference_mode()
def validate(
    forecaster: Forecaster, windows: Mapping[str, Windows], batches: Mapping[str, int], device: torch.device
) -> Validation:
    """Score ``forecaster`` on the validation windows of every task, ``batches[task]`` at a time.

    Several processes share the batches, and all return the same bits as a single one would.

    Raises:
        UnistdError: An error is not finite.
    """
    forecaster.eval()
    errors, persistence, experts = {}, {}, {}
    for task, own in windows.items():
        use = ExpertUse(forecaster)
        some = [_score(forecaster, task, *batch, use) for batch in _batches(own, batches[task], device)]
        everything = in_order(some)
        if sum(each.windows for each in everything) != len(own):
            raise UnistdError(f"not every validation window of task '{task}' was scored once")
        model, still, pixels = 0.0, 0.0, 0.0
        for each in everything:
            model, still, pixels = model + each.model, still + each.still, pixels + each.pixels
            use.add(each.use)
        if not math.isfinite(model):
            raise UnistdError(
                f"the validation error of task '{task}' is not finite",
                help="start anew with a lower training.optimizer.lr",
            )
        errors[task], persistence[task] = model / max(pixels, 1), still / max(pixels, 1)
        experts[task] = use.result()
    forecaster.train()
    return Validation(errors, persistence, experts)


class _Scored(NamedTuple):
    model: float
    still: float
    pixels: float
    windows: int
    use: dict[str, Part]


def _score(forecaster: Forecaster, task: str, past: Tensor, future: Tensor, use: ExpertUse) -> _Scored:
    normalization = cast(Normalization, forecaster.normalizations[task])
    with use.watching():
        error, count = forecaster.squared_error(task, past, future)
    last = normalization.normalize(last_seen(past)[:, None]).nan_to_num(0.0)
    still, _ = squared_error(last.expand_as(future), normalization.normalize(future))
    return _Scored(error.item(), still.item(), float(count.item()), len(past), use.take())


def _batches(windows: Windows, batch: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    for number in shared_out(ceil(len(windows) / batch)):
        past, future = windows.read(np.arange(number * batch, min((number + 1) * batch, len(windows))))
        yield past.to(device), future.to(device)

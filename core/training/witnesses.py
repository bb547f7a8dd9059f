"""Evidence that what is switched on does something: what a run raises an alarm about, in words."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from typing import cast

import numpy as np
from torch import nn
from torch.optim import Optimizer

from unistd.core.adapter import Adapter, site_of
from unistd.core.data.normalization import Normalization
from unistd.core.data.schedule import JointSchedule
from unistd.core.data.windows import Windows
from unistd.core.forecaster import Forecaster
from unistd.core.temporal import TemporalModule
from unistd.core.training.expert_use import Use, never_used
from unistd.core.training.rank_phase import RankPhase
from unistd.core.training.validation import Validation

FAR = 10
"""Standard deviations from which on a mean is not about 0, and a deviation not about 1 (choice)."""
DWARFS = 100
"""How many times the median of the others a task's error is when nothing else counts (choice)."""
DRAWN = 3
"""Batches of a task after which the gradient has passed every zero-initialised layer on its way."""


def never_drawn(schedule: JointSchedule) -> Iterator[str]:
    """Name the tasks that no step trains on."""
    for task, seen in schedule.progress(schedule.steps).items():
        if not seen["samples"]:
            yield f"task '{task}' is never drawn in {schedule.steps} steps: more training.steps, or a larger weight"


def unfit_normalizations(windows: Mapping[str, Windows], forecaster: Forecaster) -> Iterator[str]:
    """Name the tasks whose normalised training frames are nowhere near mean 0 and deviation 1.

    Looks at 16 windows spread over the training split. ``range`` is not about mean and deviation.
    """
    for task, own in windows.items():
        if own.store.card.normalization != "standard":
            continue
        some = np.unique(np.linspace(0, len(own) - 1, 16, dtype=np.int64))
        normalization = cast(Normalization, forecaster.normalizations[task])
        if not normalization.offset.any() and bool((normalization.scale == 1).all()):
            yield f"the normalisation of task '{task}' changes nothing: it was fitted on no frames"
            continue
        frames = normalization.normalize(own.read(some)[0].to(normalization.offset.device))
        values = frames[frames.isfinite()]
        if len(values) < 2:
            continue
        mean, deviation = values.mean().item(), values.std().item()
        if abs(mean) > FAR or deviation > FAR:
            yield (
                f"the normalisation of task '{task}' does not fit its training frames: normalised, they have mean"
                f" {mean:.3g} and deviation {deviation:.3g} instead of about 0 and 1"
            )


def idle_parts(forecaster: nn.Module, optimizer: Optimizer, drawn: Mapping[str, int]) -> Iterator[str]:
    """Name adapters, temporal modules and heads that never had a gradient: AdamW's mean square of it is still 0.

    Args:
        forecaster: What is trained.
        optimizer: What trains it.
        drawn: How often each task was drawn; a head is only judged by its own task.
    """
    if max(drawn.values(), default=0) < DRAWN:
        return
    parts = dict(forecaster.named_modules())
    heads = {f"model.heads.{task}": f"head of task '{task}'" for task, times in drawn.items() if times >= DRAWN}
    idle = [what for path, what in heads.items() if path in parts and _idle(parts[path], optimizer)]
    for what, kind in (("adapter", Adapter), ("temporal module", TemporalModule)):
        own = {path: part for path, part in parts.items() if isinstance(part, kind)}
        still = [site_of(path) for path, part in own.items() if _idle(part, optimizer)]
        if still:
            more = f" and {len(still) - 1} more" if len(still) > 1 else ""
            idle.append(f"{what} '{still[0]}'{more} of {len(own)}")
    for what in idle:
        yield f"the {what} never changed: no gradient reached it"


def _idle(part: nn.Module, optimizer: Optimizer) -> bool:
    own = [p for p in part.parameters() if p.numel() and p.requires_grad]
    return bool(own) and not any(
        bool(optimizer.state[p]["exp_avg_sq"].any()) for p in own if "exp_avg_sq" in optimizer.state.get(p, {})
    )


def unused_experts(uses: Mapping[str, Mapping[str, Use]]) -> Iterator[str]:
    """Name the experts that no task uses."""
    if idle := never_used(uses.values()):
        more = f" and {len(idle) - 3} more" if len(idle) > 3 else ""
        yield f"experts that no task uses: {', '.join(idle[:3])}{more}"


def unmoved_ranks(phase: RankPhase) -> Iterator[str]:
    """Say that no rank moved in the whole of its phase."""
    if phase.unmoved:
        yield "the ranks of the experts never moved: model.adapter.rank has no effect"


def dwarfing(result: Validation) -> Iterator[str]:
    """Name a task whose loss leaves the others without a say."""
    for task, error in result.errors.items():
        others = [own for name, own in result.errors.items() if name != task]
        if others and error > DWARFS * statistics.median(others):
            yield (
                f"the loss of task '{task}' is over {DWARFS} times that of the other tasks, which hardly count beside"
                f" it: look at its normalisation, or lower its weight"
            )


def unscored(best: Mapping[str, object], every: int) -> Iterator[str]:
    """Say that a run ended before its first validation."""
    if not best:
        yield (
            f"no validation ran: it is due every {every} steps (training.checkpoint.every), so there is no best"
            " checkpoint to use"
        )

"""What a run will take: parameters, arithmetic, memory and disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch

from unistd.core.data.schedule import JointSchedule
from unistd.core.data.store import Store, stored_bytes
from unistd.core.forecaster import Forecaster
from unistd.core.head import TaskHead
from unistd.core.plan.parts import Count, parameters_by_part
from unistd.core.plan.step_cost import step_cost
from unistd.core.task import Window
from unistd.core.training.pieces import check_divisible
from unistd.core.training.settings import TrainingSettings
from unistd.core.training.state import trunk_is_frozen

FLOAT = 4  # bytes
MOMENTS = 2  # of AdamW, for each parameter that learns


@dataclass(frozen=True, kw_only=True)
class TaskPlan:
    """What one task of a run will take.

    Attributes:
        windows: Training windows; an own epoch sees each once.
        samples: Windows drawn in the whole run.
        batch: Windows in a step, ``part`` of them at a time.
        tokens: Tokens N of a window.
        flops: Of one step, forward and backward.
        memory: Bytes of activations and gradients at the fullest moment of a step.
    """

    windows: int
    samples: int
    batch: int
    part: int
    tokens: int
    flops: int
    memory: int


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """What a run will take; ``memory``, ``stores`` and ``checkpoints`` in bytes.

    Attributes:
        parameters: All and learning ones of each part.
        tasks: By task.
        flops: Of all training steps.
        memory: Model, moments of the optimiser and the dearest task's step; frames kept in memory come on top.
        stores: Of all tasks' frames, as they lie on disk.
        checkpoints: On disk when as many are kept as may be.
    """

    parameters: Mapping[str, Count]
    tasks: Mapping[str, TaskPlan]
    flops: int
    memory: int
    stores: int
    checkpoints: int


def run_plan(
    forecaster: Forecaster,
    stores: Mapping[str, Store],
    windows: Mapping[str, Window],
    schedule: JointSchedule,
    settings: TrainingSettings,
) -> RunPlan:
    """Find out what a run will take; nothing is trained and nothing is written.

    Args:
        forecaster: The model as it starts.
        stores: Of every task.
        windows: T and T' of every task.
        schedule: Which task a step draws.
        settings: How the run trains.
    """
    drawn = schedule.progress(settings.steps)
    tasks = {
        name: _task_plan(forecaster, name, store, windows[name], schedule, drawn[name]["samples"], settings.accumulate)
        for name, store in stores.items()
    }
    parameters = parameters_by_part(forecaster.model)
    total, learning = parameters["all"]
    beside = MOMENTS + (settings.ema is not None)
    frozen = total - learning if trunk_is_frozen(forecaster) else 0  # kept once, not in every checkpoint
    return RunPlan(
        parameters=parameters,
        tasks=tasks,
        flops=sum(task.flops * task.samples // task.batch for task in tasks.values()),
        memory=FLOAT * (total + learning * beside) + max(task.memory for task in tasks.values()),
        stores=sum(stored_bytes(store.path) for store in stores.values()),
        checkpoints=FLOAT * ((settings.checkpoint.keep + 1) * (total - frozen + learning * beside) + frozen),
    )


def _task_plan(
    forecaster: Forecaster,
    name: str,
    store: Store,
    window: Window,
    schedule: JointSchedule,
    samples: int,
    accumulate: int,
) -> TaskPlan:
    batch, channels = schedule.batches[name], len(store.card.channels)
    check_divisible(name, batch, accumulate)
    part = batch // accumulate
    past, future = ((part, frames, channels, *store.grid) for frames in (window.past, window.future))
    cost = step_cost(forecaster, name, past, future)
    with torch.inference_mode():
        head = cast(TaskHead, forecaster.model.heads[name])
        tokens = head.encode(torch.zeros(1, *past[1:])).tokens.shape[1]
    return TaskPlan(
        windows=schedule.sizes[name],
        samples=samples,
        batch=batch,
        part=part,
        tokens=tokens,
        flops=cost.flops * batch // part,
        memory=cost.memory,
    )

"""The learning rate as a pure function of the step."""

from __future__ import annotations

import math

from unistd.core.training.settings import Cosine, Schedule


def rate(step: int, steps: int, schedule: Schedule) -> float:
    """Return the share of the top learning rate that ``step`` of ``steps`` uses, from 0 on."""
    if step < schedule.warmup:
        return (step + 1) / schedule.warmup
    if not isinstance(schedule, Cosine):
        return 1.0
    done = (step - schedule.warmup) / max(1, steps - schedule.warmup)
    return schedule.floor + (1 - schedule.floor) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

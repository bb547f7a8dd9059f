"""Contracts, the composed model, data engine, training, evaluation and prediction.

Names are resolved on first use, so that importing ``unistd.core`` does not import torch.
"""

from __future__ import annotations

if __name__ != "unistd.core":
    raise ImportError("import unistd.core, not core")

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unistd.core.adapter import Adapter as Adapter, Site as Site
    from unistd.core.backbone import Backbone as Backbone
    from unistd.core.errors import UnistdError as UnistdError
    from unistd.core.head import Encoded as Encoded, TaskHead as TaskHead
    from unistd.core.metric import Metric as Metric, MetricIdentity as MetricIdentity, Score as Score
    from unistd.core.model import UnifiedModel as UnifiedModel
    from unistd.core.rank_plan import RankPlan as RankPlan
    from unistd.core.ranked import RankedAdapter as RankedAdapter
    from unistd.core.router import Router as Router
    from unistd.core.task import (
        Channel as Channel,
        Cycle as Cycle,
        FrameSequence as FrameSequence,
        Task as Task,
        TaskCard as TaskCard,
        Window as Window,
    )
    from unistd.core.temporal import TemporalModule as TemporalModule

_HOMES = {
    "adapter": ("Adapter", "Site"),
    "backbone": ("Backbone",),
    "errors": ("UnistdError",),
    "head": ("Encoded", "TaskHead"),
    "metric": ("Metric", "MetricIdentity", "Score"),
    "model": ("UnifiedModel",),
    "rank_plan": ("RankPlan",),
    "ranked": ("RankedAdapter",),
    "router": ("Router",),
    "task": ("Channel", "Cycle", "FrameSequence", "Task", "TaskCard", "Window"),
    "temporal": ("TemporalModule",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> object:
    if name in _HOME_OF:
        return getattr(import_module(f"unistd.core.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module 'unistd.core' has no attribute {name!r}")

"""UniSTD: one frozen vision transformer, jointly adapted to many spatio-temporal forecasting tasks.

The contracts, ``UnifiedModel`` and what the commands do are importable from here; nothing heavy is imported until a
name is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unistd.core import (
        Adapter as Adapter,
        Backbone as Backbone,
        Metric as Metric,
        Router as Router,
        Task as Task,
        TaskHead as TaskHead,
        TemporalModule as TemporalModule,
        UnifiedModel as UnifiedModel,
        UnistdError as UnistdError,
    )
    from unistd.registry.python import (
        Predictor as Predictor,
        compose as compose,
        evaluate as evaluate,
        load_spec as load_spec,
        train as train,
    )

__version__ = "0.1.0"

_FROM_SPECS = ("Predictor", "compose", "evaluate", "load_spec", "train")

__all__ = [
    "Adapter",
    "Backbone",
    "Metric",
    "Predictor",
    "Router",
    "Task",
    "TaskHead",
    "TemporalModule",
    "UnifiedModel",
    "UnistdError",
    "__version__",
    "compose",
    "evaluate",
    "load_spec",
    "train",
]


def __getattr__(name: str) -> object:
    if name in _FROM_SPECS:
        return getattr(import_module("unistd.registry.python"), name)
    if name in __all__:
        return getattr(import_module("unistd.core"), name)
    raise AttributeError(f"module 'unistd' has no attribute {name!r}")

"""The contracts as tests: subclass one, write ``make``, and pytest asks everything a component of its kind must hold.

Needs pytest, ``pip install 'unistd[testing]'``; names are resolved on first use. What is asked of a plug-in as a whole
is ``unistd.registry.testing.PluginContract``; ``unistd plugins check`` asks both without pytest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unistd.core.testing.adapter import AdapterContract as AdapterContract
    from unistd.core.testing.backbone import BackboneContract as BackboneContract
    from unistd.core.testing.head import HeadContract as HeadContract
    from unistd.core.testing.metric import MetricContract as MetricContract
    from unistd.core.testing.router import RouterContract as RouterContract
    from unistd.core.testing.task import TaskContract as TaskContract
    from unistd.core.testing.temporal import TemporalContract as TemporalContract

_HOME_OF = {
    f"{kind.capitalize()}Contract": kind
    for kind in ("adapter", "backbone", "head", "metric", "router", "task", "temporal")
}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> object:
    if name in _HOME_OF:
        return getattr(import_module(f"unistd.core.testing.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module 'unistd.core.testing' has no attribute {name!r}")

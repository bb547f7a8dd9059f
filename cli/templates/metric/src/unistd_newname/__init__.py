"""A metric for unistd: ``newname``."""

from __future__ import annotations

from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl

from unistd_newname.config import NewNameConfig

PLUGIN_API = 1


@hookimpl
def unistd_components() -> list[Component]:
    """Declare the component."""
    return [
        Component(
            kind="metric",
            name="newname",
            config=NewNameConfig,
            target="unistd_newname.metric:NewNameMetric",
            summary="Size of the mean error, in the data's unit",
        )
    ]

"""A task for unistd: ``newname``."""

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
            kind="task",
            name="newname",
            config=NewNameConfig,
            target="unistd_newname.task:NewNameTask",
            summary="Generated: a wave that moves over a field, 1x16x16, 4→4",
        )
    ]

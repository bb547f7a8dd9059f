"""A task head for unistd: ``newname``."""

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
            kind="head",
            name="newname",
            config=NewNameConfig,
            target="unistd_newname.head:NewNameHead",
            summary="1x1 convolutions into the trunk and out of it, relative to the last frame",
        )
    ]

"""An observer for unistd: ``newname``."""

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
            kind="observer",
            name="newname",
            config=NewNameConfig,
            target="unistd_newname.observer:NewNameObserver",
            summary="Notes the first validation whose error is below a goal",
        )
    ]

"""A temporal module for unistd: ``newname``."""

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
            kind="temporal",
            name="newname",
            config=NewNameConfig,
            target="unistd_newname.temporal:NewNameTemporal",
            summary="Bottleneck MLP on every token, zero-initialised",
        )
    ]

"""Frames of your own: what ``unistd data import`` made of files and a card."""

from __future__ import annotations

from unistd.plugins.grid.config import GridConfig
from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


@hookimpl
def unistd_components() -> list[Component]:
    """Declare the task of imported frames."""
    return [
        Component(
            kind="task",
            name="grid",
            config=GridConfig,
            target="unistd.plugins.grid.imported:Imported",
            summary="Frames of your own, imported by a card: {kind: grid, store: PATH}",
        )
    ]

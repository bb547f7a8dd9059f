"""Options of the task of imported frames."""

from __future__ import annotations

from unistd.registry.component import TaskConfig, UserPath


class GridConfig(TaskConfig):
    """Frames of your own, imported by a card."""

    store: UserPath
    """Folder that ``unistd data import CARD --out`` wrote."""

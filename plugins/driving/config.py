"""Options of the driving tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from unistd.plugins.metrics.config import IMAGE_METRICS
from unistd.registry.component import Metrics, TaskConfig


class CityscapesConfig(TaskConfig):
    """Streets of German cities."""

    metrics: Metrics = IMAGE_METRICS
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them."""
    root: Path | None = None
    """Folder of the raw files; by default ``cityscapes`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    protocol: Literal["unistd", "predbench"] = "unistd"
    """Which windows validate."""


class KittiConfig(TaskConfig):
    """Drives around Karlsruhe."""

    metrics: Metrics = IMAGE_METRICS
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them."""
    root: Path | None = None
    """Folder of the raw files; by default ``kitti`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    protocol: Literal["unistd", "predbench"] = "unistd"
    """Whether windows respect gaps in the recording and reach to the end of a drive."""


class KittiCaltechConfig(TaskConfig):
    """Trained around Karlsruhe, tested in Los Angeles."""

    metrics: Metrics = IMAGE_METRICS
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them."""
    root: Path | None = None
    """Folder of the raw files; by default ``kitti_caltech`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    protocol: Literal["unistd", "openstl"] = "unistd"
    """Which windows are trained on."""

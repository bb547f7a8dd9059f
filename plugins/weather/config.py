"""Options of the weather tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from unistd.registry.component import TaskConfig


class FmiRadarConfig(TaskConfig):
    """Rain radar over Finland."""

    root: Path | None = None
    """Folder of the raw files; by default ``fmi_radar`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    coarsen: Annotated[int, Field(ge=1)] = 8
    """Pixels of 1 km along each side of the blocks that are averaged; 1 for the full grid of 1226×760."""


class Wfde5Config(TaskConfig):
    """Six surface variables over Great Britain."""

    root: Path | None = None
    """Folder of the raw files; by default ``wfde5`` in $UNISTD_DATA, else in data/ or ../shared/data here."""


class GlobCurrentConfig(TaskConfig):
    """Surface currents of the Agulhas region."""

    root: Path | None = None
    """Folder of the raw files; by default ``globcurrent`` in $UNISTD_DATA, else in data/ or ../shared/data here."""


class ErsstConfig(TaskConfig):
    """Sea surface temperature of the globe."""

    root: Path | None = None
    """Folder of the raw file; by default ``ersst`` in $UNISTD_DATA, else in data/ or ../shared/data here."""


class SevirConfig(TaskConfig):
    """Storms over the United States."""

    root: Path | None = None
    """Folder of the raw files; by default ``sevir`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    protocol: Literal["unistd", "earthformer", "predbench"] = "unistd"
    """How the events are divided: our own way, or that of a benchmark to set numbers beside."""


class EnsoConfig(TaskConfig):
    """Sea surface temperature of climate models and a reanalysis."""

    root: Path | None = None
    """Folder of the raw files; by default ``enso`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    protocol: Literal["unistd", "earthformer", "earthformer-paper", "predbench"] = "unistd"
    """How the records are divided and cut: our own way, or that of a benchmark to set numbers beside."""

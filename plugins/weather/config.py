"""Options of the weather tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from unistd.plugins.metrics.config import EventConfig, NinoCorrelationConfig
from unistd.registry.component import Metrics, TaskConfig
from unistd.registry.slot import Choice

_VIL = EventConfig.model_construct(thresholds=(16.0, 74.0, 133.0, 160.0, 181.0, 219.0))
STORM_METRICS = (
    *(Choice("mse"), Choice("mae")),
    *(Choice(kind, _VIL) for kind in ("csi", "pod", "sucr", "bias")),
    Choice("csi", _VIL.model_copy(update={"pool": 16})),
)
"""What Earthformer and PredBench report of SEVIR, thresholds as there; and with blocks of pixels as one."""
NINO_METRICS = (
    *(Choice("mse"), Choice("mae"), Choice("rmse"), Choice("nino-rmse"), Choice("nino-correlation")),
    Choice("nino-correlation", NinoCorrelationConfig.model_construct(weighted=True)),
)
"""What Earthformer and PredBench report of ENSO."""


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

    metrics: Metrics = STORM_METRICS
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them."""
    root: Path | None = None
    """Folder of the raw files; by default ``sevir`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    protocol: Literal["unistd", "earthformer", "predbench"] = "unistd"
    """How the events are divided: our own way, or that of a benchmark to set numbers beside."""


class EnsoConfig(TaskConfig):
    """Sea surface temperature of climate models and a reanalysis."""

    metrics: Metrics = NINO_METRICS
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them."""
    root: Path | None = None
    """Folder of the raw files; by default ``enso`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    protocol: Literal["unistd", "earthformer", "earthformer-paper", "predbench"] = "unistd"
    """How the records are divided and cut: our own way, or that of a benchmark to set numbers beside."""

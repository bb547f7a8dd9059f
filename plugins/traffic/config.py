"""Options of the traffic tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from unistd.registry.component import Metrics, TaskConfig
from unistd.registry.slot import Choice

COUNT_METRICS = (Choice("mse"), Choice("mae"), Choice("rmse"), Choice("wmape"))
"""What PredBench reports of counts."""
City = Literal["ANTWERP", "BANGKOK", "BARCELONA", "BERLIN", "CHICAGO", "ISTANBUL", "MELBOURNE", "MOSCOW"]
CITIES: tuple[City, ...] = ("ANTWERP", "BANGKOK", "BARCELONA", "BERLIN", "CHICAGO", "ISTANBUL", "MELBOURNE")


class NycTaxiConfig(TaskConfig):
    """Taxi inflow and outflow in New York."""

    root: Path | None = None
    """Folder of the raw files; by default ``nyc_taxi`` in $UNISTD_DATA, else in data/ or ../shared/data here."""


class TaxiBjConfig(TaskConfig):
    """Taxi inflow and outflow in Beijing."""

    metrics: Metrics = COUNT_METRICS
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them."""
    root: Path | None = None
    """Folder of the raw files; by default ``taxibj`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    protocol: Literal["unistd", "openstl", "predbench"] = "unistd"
    """How the frames are divided and cut: our own way, or that of a benchmark to set numbers beside."""


class Traffic4CastConfig(TaskConfig):
    """Traffic in seven cities as films, Traffic4cast 2021."""

    metrics: Metrics = COUNT_METRICS
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them."""
    root: Path | None = None
    """Folder of the raw files; by default ``traffic4cast`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    protocol: Literal["unistd", "predbench"] = "unistd"
    """How the days are divided: our own way, or that of a benchmark to set numbers beside."""
    cities: Annotated[tuple[City, ...], Field(min_length=1)] = CITIES
    """Cities taken, all pooled into one task."""

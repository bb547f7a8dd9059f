"""Options of the traffic tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from unistd.registry.component import TaskConfig

City = Literal["ANTWERP", "BANGKOK", "BARCELONA", "BERLIN", "CHICAGO", "ISTANBUL", "MELBOURNE", "MOSCOW"]
CITIES: tuple[City, ...] = ("ANTWERP", "BANGKOK", "BARCELONA", "BERLIN", "CHICAGO", "ISTANBUL", "MELBOURNE")


class NycTaxiConfig(TaskConfig):
    """Taxi inflow and outflow in New York."""

    root: Path | None = None
    """Folder of the raw files; by default ``nyc_taxi`` in $UNISTD_DATA, else in data/ or ../shared/data here."""


class TaxiBjConfig(TaskConfig):
    """Taxi inflow and outflow in Beijing."""

    root: Path | None = None
    """Folder of the raw files; by default ``taxibj`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    protocol: Literal["unistd", "openstl", "predbench"] = "unistd"
    """How the frames are divided and cut: our own way, or that of a benchmark to set numbers beside."""


class Traffic4CastConfig(TaskConfig):
    """Traffic in seven cities as films, Traffic4cast 2021."""

    root: Path | None = None
    """Folder of the raw files; by default ``traffic4cast`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    protocol: Literal["unistd", "predbench"] = "unistd"
    """How the days are divided: our own way, or that of a benchmark to set numbers beside."""
    cities: Annotated[tuple[City, ...], Field(min_length=1)] = CITIES
    """Cities taken, all pooled into one task."""

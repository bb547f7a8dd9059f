"""Options of the traffic tasks."""

from __future__ import annotations

from pathlib import Path

from unistd.registry.component import TaskConfig


class NycTaxiConfig(TaskConfig):
    """Taxi inflow and outflow in New York."""

    root: Path | None = None
    """Folder of the raw files; by default ``nyc_taxi`` in $UNISTD_DATA, else in data/ or ../shared/data here."""

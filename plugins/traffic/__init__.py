"""Traffic: flows of vehicles and people over a city's grid."""

from __future__ import annotations

from unistd.plugins.traffic.config import NycTaxiConfig
from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


@hookimpl
def unistd_components() -> list[Component]:
    """Declare the traffic tasks."""
    return [
        Component(
            kind="task",
            name="nyc-taxi",
            config=NycTaxiConfig,
            target="unistd.plugins.traffic.nyc_taxi:NycTaxi",
            summary="Taxi inflow and outflow in New York, 16×12 zones, half-hourly, 8→4",
        )
    ]

"""Traffic: flows of vehicles and people over a city's grid."""

from __future__ import annotations

from unistd.plugins.traffic.config import NycTaxiConfig, TaxiBjConfig, Traffic4CastConfig
from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1
HDF5 = ("h5py>=3.8",)


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
        ),
        Component(
            kind="task",
            name="taxibj",
            config=TaxiBjConfig,
            target="unistd.plugins.traffic.taxibj:TaxiBj",
            summary="Taxi inflow and outflow in Beijing, 32×32 cells, half-hourly, 4→4",
            requires=HDF5,
        ),
        Component(
            kind="task",
            name="traffic4cast",
            config=Traffic4CastConfig,
            target="unistd.plugins.traffic.traffic4cast:Traffic4Cast",
            summary="Traffic in seven cities, volume and speed by heading, 128×112 cells, 5 minutes, 9→3",
            requires=HDF5,
        ),
    ]

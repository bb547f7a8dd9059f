"""Weather and ocean: radar, surface weather, currents and sea surface temperature."""

from __future__ import annotations

from unistd.plugins.weather.config import (
    EnsoConfig,
    ErsstConfig,
    FmiRadarConfig,
    GlobCurrentConfig,
    SevirConfig,
    Wfde5Config,
)
from unistd.registry.component import Component
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1
NETCDF4 = ("h5py>=3.8",)  # h5netcdf reads NetCDF4 through it, but since 1.8 does not bring it; SEVIR is HDF5 itself


@hookimpl
def unistd_components() -> list[Component]:
    """Declare the weather tasks."""
    return [
        Component(
            kind="task",
            name="fmi-radar",
            config=FmiRadarConfig,
            target="unistd.plugins.weather.fmi_radar:FmiRadar",
            summary="Rain radar over Finland, two events, 5 minutes, 4→4",
        ),
        Component(
            kind="task",
            name="wfde5",
            config=Wfde5Config,
            target="unistd.plugins.weather.wfde5:Wfde5",
            summary="Six surface variables over Great Britain, hourly, 12→6",
            requires=NETCDF4,
        ),
        Component(
            kind="task",
            name="globcurrent",
            config=GlobCurrentConfig,
            target="unistd.plugins.weather.globcurrent:GlobCurrent",
            summary="Surface currents of the Agulhas region, daily, 8→4",
        ),
        Component(
            kind="task",
            name="ersst",
            config=ErsstConfig,
            target="unistd.plugins.weather.ersst:Ersst",
            summary="Sea surface temperature of the globe on 2°, monthly, 6→6",
            requires=NETCDF4,
        ),
        Component(
            kind="task",
            name="sevir",
            config=SevirConfig,
            target="unistd.plugins.weather.sevir:Sevir",
            summary="Storms over the United States, liquid water seen by radar, 384×384, 5 minutes, 13→12",
            requires=NETCDF4,
        ),
        Component(
            kind="task",
            name="enso",
            config=EnsoConfig,
            target="unistd.plugins.weather.enso:Enso",
            summary="El Niño in climate models and a reanalysis, sea surface temperature, monthly, 12→14",
            requires=NETCDF4,
        ),
    ]

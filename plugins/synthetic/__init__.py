"""One generated task of each discipline: no download, seconds to make, and something to learn in each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from unistd.plugins.synthetic.config import (
    DRIVING_WINDOW,
    MOTION_WINDOW,
    SyntheticDrivingConfig,
    SyntheticMotionConfig,
    SyntheticTrafficConfig,
    SyntheticWeatherConfig,
)
from unistd.registry.component import Component
from unistd.registry.hooks import SpecIssue, hookimpl

if TYPE_CHECKING:
    from unistd.registry.run_spec import RunSpec

PLUGIN_API = 1


@hookimpl
def unistd_components() -> list[Component]:
    """Declare the generated tasks."""
    return [
        Component(
            kind="task",
            name="synthetic-traffic",
            config=SyntheticTrafficConfig,
            target="unistd.plugins.synthetic.traffic:SyntheticTraffic",
            summary="Generated: trips between the zones of a city, half-hourly, 2×16×12, 8→4",
        ),
        Component(
            kind="task",
            name="synthetic-motion",
            config=SyntheticMotionConfig,
            target="unistd.plugins.synthetic.motion:SyntheticMotion",
            summary="Generated: shapes bouncing in a box, 1×32×32, 10→10",
        ),
        Component(
            kind="task",
            name="synthetic-driving",
            config=SyntheticDrivingConfig,
            target="unistd.plugins.synthetic.driving:SyntheticDriving",
            summary="Generated: the view from a moving car, 3×32×48, 4→6",
        ),
        Component(
            kind="task",
            name="synthetic-weather",
            config=SyntheticWeatherConfig,
            target="unistd.plugins.synthetic.weather:SyntheticWeather",
            summary="Generated: temperature and humidity carried by the wind, hourly, 2×24×36, 6→6",
        ),
    ]


@hookimpl
def unistd_check_spec(spec: RunSpec) -> Iterator[SpecIssue]:
    """Say which windows are longer than the sequences that are to be generated."""
    for name, choice in spec.tasks.items():
        match choice.config:
            case SyntheticMotionConfig() as own:
                window = own.window or MOTION_WINDOW
            case SyntheticDrivingConfig() as own:
                window = own.window or DRIVING_WINDOW
            case _:
                continue
        if window.past + window.future > own.frames:
            what = f"a window of {window.past} past and {window.future} future frames is longer than the sequences"
            help_ = "shorten the window, or generate longer sequences by 'frames'"
            yield SpecIssue(("tasks", name, "window"), f"{what} of '{own.frames}' frames", help_)

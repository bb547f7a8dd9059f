"""Coordinates of a forecast data set, by the CF conventions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unistd.core.calendar_months import months_later
from unistd.core.evaluation.gather import milliseconds

if TYPE_CHECKING:
    from unistd.core.data.store import Store
    from unistd.core.task import TaskCard

EPOCH = {"units": "milliseconds since 1970-01-01", "calendar": "proleptic_gregorian"}
UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "D": "days", "M": "months"}


class Coordinate(NamedTuple):
    """A coordinate variable as it is stored."""

    name: str
    dims: tuple[str, ...]
    values: NDArray[Any]
    attributes: dict[str, Any]


def valid_times(last: NDArray[np.datetime64], leads: int, step: tuple[int, str]) -> NDArray[np.datetime64]:
    """Return the times (n, T') of the forecast frames that follow input frames at ``last`` (n,)."""
    count, unit = step
    ahead = (np.arange(leads) + 1) * count
    if unit != "M":
        return (_milliseconds(last)[:, None] + ahead * milliseconds(unit)).astype("datetime64[ms]")
    return months_later(last[:, None], ahead)


def coordinates(store: Store, last: NDArray[np.int64], leads: int) -> Iterable[Coordinate]:
    """Give the coordinates of forecasts of ``leads`` frames that follow the frames ``last`` (n,) of ``store``."""
    card = store.card
    start = store.times[last]
    yield Coordinate(
        "start",
        ("start",),
        _milliseconds(start),
        {**EPOCH, "standard_name": "forecast_reference_time", "long_name": "time of the last input frame"},
    )
    yield Coordinate("sequence", ("start",), store.sequence[last], {"long_name": "sequence of the store"})
    yield Coordinate("lead", ("lead",), *_lead(card, leads))
    time = {**EPOCH, "standard_name": "time", "long_name": "time of the forecast frame"}
    yield Coordinate("time", ("start", "lead"), _milliseconds(valid_times(start, leads, card.step)), time)
    yield Coordinate("channel", ("channel",), np.array([c.name for c in card.channels]), {"long_name": "channel"})
    units = np.array([c.unit for c in card.channels])
    yield Coordinate("channel_unit", ("channel",), units, {"long_name": "unit of the channel"})
    for name, coordinate in (("y", store.y), ("x", store.x)):
        if coordinate is not None:
            yield Coordinate(name, (name,), *coordinate)


def _lead(card: TaskCard, leads: int) -> tuple[NDArray[np.int64], dict[str, Any]]:
    count, unit = card.step
    attributes = {
        "units": UNITS[unit],
        "standard_name": "forecast_period",
        "long_name": "time after the last input frame",
    }
    if unit != "M":  # a month has no length, so xarray is to decode the others only
        attributes["dtype"] = "timedelta64[ms]"
    return (np.arange(leads, dtype=np.int64) + 1) * count, attributes


def _milliseconds(times: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return times.astype("datetime64[ms]").astype(np.int64)

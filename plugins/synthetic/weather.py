"""Temperature and humidity carried by the wind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unistd.core.task import Channel, Cycle, FrameSequence, Task, TaskCard, Window
from unistd.plugins.synthetic.draws import sample, smooth_noise, split_by_day

DAY = 24
WIND = 0.8  # cells an hour, about 25 m/s at 1°
TURN = 7 * DAY  # hours in which the wind goes round once
RELAX = 36.0  # hours in which an anomaly fades
DIFFUSION = 0.02  # cells² an hour
HEATING = 0.5  # K an hour at noon
LAND = 0.25  # share of missing pixels
# Deviation of the sources, and the climate at 30° north and its change with latitude, of each channel.
SOURCES = np.array([0.5, 0.25])
AT_30, PER_DEGREE = np.array([22.0, 12.0]), np.array([-0.6, -0.3])


class SyntheticWeather(Task):
    """Anomalies of temperature and humidity over a sea, carried by a swirling wind that turns slowly, spread and faded.

    Weather arises at slowly changing sources and leaves on one side to come back on the other; the sun heats by day,
    later in the west. Land is missing.

    Args:
        height, width: Degrees of latitude and longitude, one pixel each.
        days: Length of the record.
        seed: Which coast and which weather are drawn.
    """

    card = TaskCard(
        name="synthetic-weather",
        discipline="weather",
        version="1",
        channels=(Channel(name="air_temperature", unit="degC"), Channel(name="specific_humidity", unit="g kg-1")),
        step=(1, "h"),
        window=Window(past=6, future=6),
        missing="mask",
        cycles=(Cycle(name="day", steps=DAY),),
        source="generated",
    )

    def __init__(self, *, height: int = 24, width: int = 36, days: int = 28, seed: int = 0) -> None:
        self.shape = (height, width)
        self.days = days
        self.seed = seed

    def sequences(self) -> Iterator[FrameSequence]:
        """Give the record as one sequence of (2, H, W) in °C and g/kg."""
        rng = np.random.default_rng(self.seed)
        latitude, longitude = 30.5 + np.arange(self.shape[0]), 0.5 + np.arange(self.shape[1])
        coast = smooth_noise(rng, self.shape, 5)
        land = coast > np.quantile(coast, 1 - LAND)
        climate = (AT_30[:, None] + PER_DEGREE[:, None] * (latitude - 30))[:, :, None]
        frames = (climate + self._anomalies(rng, longitude)).astype(np.float32)
        frames[:, :, land] = np.nan
        yield FrameSequence(
            name="synthetic-weather",
            frames=frames,
            times=np.datetime64("2024-01-01T00", "h") + np.arange(len(frames)),
            split=split_by_day(self.days, DAY),
            y=(latitude, {"units": "degrees_north", "standard_name": "latitude"}),
            x=(longitude, {"units": "degrees_east", "standard_name": "longitude"}),
        )

    def _anomalies(self, rng: np.random.Generator, longitude: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the anomalies (time, 2, H, W), once the sources have filled the air."""
        y, x = np.indices(self.shape).astype(float)
        # The wind is the curl of this, so it neither gathers nor thins the air.
        stream = 0.5 * smooth_noise(rng, self.shape, 10)
        swirl = np.stack(
            [np.roll(stream, 1, 1) - np.roll(stream, -1, 1), np.roll(stream, -1, 0) - np.roll(stream, 1, 0)]
        )
        sources = [np.stack([smooth_noise(rng, self.shape, 5) for _ in SOURCES]) for _ in range(self.days + 3)]
        air = np.zeros((2, *self.shape))
        frames = []
        for hour in range(-2 * DAY, self.days * DAY):
            day, part = divmod(hour + 2 * DAY, DAY)
            source = (1 - part / DAY) * sources[day] + part / DAY * sources[day + 1]
            angle = 2 * np.pi * hour / TURN
            wind = WIND * (np.array([np.sin(angle), np.cos(angle)])[:, None, None] + swirl)
            air = np.stack([sample(scalar, y - wind[0], x - wind[1]) for scalar in air])
            around = sum(np.roll(air, shift, axis) for axis in (1, 2) for shift in (-1, 1))
            air += DIFFUSION * (around - 4 * air) + SOURCES[:, None, None] * source - air / RELAX
            sun = np.cos(2 * np.pi * (hour / DAY + longitude / 360 - 0.5))
            air[0] += HEATING * (sun.clip(0) - 1 / np.pi)
            frames.append(air)
        return np.stack(frames[2 * DAY :])

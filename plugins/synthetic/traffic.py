"""A city that commutes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from unistd.core.task import Channel, Cycle, FrameSequence, Task, TaskCard, Window
from unistd.plugins.synthetic.draws import smooth_noise, split_by_day

DAY = 48
SPEED = 5.0  # zones in half an hour
REACH = 5.0  # zones; trips to places farther off become rare
TRIPS = 40.0  # mean of a zone at the peak


class SyntheticTraffic(Task):
    """Trips between zones: to work in the morning, home in the evening, and they arrive later the farther they go.

    Outflow of a zone follows the hour and how many live or work there, and drifts from day to day; inflow is the sum of
    all outflows, each weighted by distance and attraction and late by its travel time. Both are counts (Poisson).

    Args:
        height, width: Zones.
        days: Length of the record.
        seed: Which city and which days are drawn.
    """

    card = TaskCard(
        name="synthetic-traffic",
        discipline="traffic",
        version="1",
        channels=(Channel(name="inflow", unit="trips"), Channel(name="outflow", unit="trips")),
        step=(30, "m"),
        window=Window(past=8, future=4),
        cycles=(Cycle(name="day", steps=DAY),),
        source="generated",
    )

    def __init__(self, *, height: int = 16, width: int = 12, days: int = 28, seed: int = 0) -> None:
        self.shape = (height, width)
        self.days = days
        self.seed = seed

    def sequences(self) -> Iterator[FrameSequence]:
        """Give the record as one sequence of (2, H, W) counts."""
        rng = np.random.default_rng(self.seed)
        homes, work = self._city(rng)
        steps = self.days * DAY
        hour = np.arange(steps) % DAY / 2
        morning, evening = (np.exp(-(((hour - peak) / 1.5) ** 2)) for peak in (8.0, 17.5))
        mood = self._mood(rng, steps)
        to_work = TRIPS * (morning + 0.1)[:, None] * homes * mood
        to_home = TRIPS * (evening + 0.1)[:, None] * work * mood
        inflow = self._arrivals(to_work, work) + self._arrivals(to_home, homes)
        flow = rng.poisson(np.stack([inflow, to_work + to_home], axis=1))
        yield FrameSequence(
            name="synthetic-traffic",
            frames=flow.astype(np.uint16).reshape(steps, 2, *self.shape),
            times=np.datetime64("2024-01-01T00:00", "m") + 30 * np.arange(steps),
            split=split_by_day(self.days, DAY),
            y=(1.0 * np.arange(self.shape[0]), {"units": "km", "long_name": "distance south"}),
            x=(1.0 * np.arange(self.shape[1]), {"units": "km", "long_name": "distance east"}),
        )

    def _city(self, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return homes and work places of each zone (N,), both of mean 1: work in the middle, homes around."""
        height, width = self.shape
        y, x = np.mgrid[:height, :width]
        far = np.hypot((y - height / 2) / height, (x - width / 2) / width).ravel()
        homes = np.exp(0.5 * smooth_noise(rng, self.shape, 3).ravel()) * (0.2 + far)
        work = np.exp(0.5 * smooth_noise(rng, self.shape, 3).ravel()) * np.exp(-((far / 0.25) ** 2))
        return homes / homes.mean(), work / work.mean()

    def _mood(self, rng: np.random.Generator, steps: int) -> NDArray[np.float64]:
        """Return a slow drift (time, N) round 1, such as weather and events make."""
        knots = [np.exp(0.3 * smooth_noise(rng, self.shape, 4).ravel()) for _ in range(self.days + 1)]
        day = np.arange(steps) / DAY
        before = day.astype(int)
        share = (day - before)[:, None]
        field = np.stack(knots)
        return np.asarray((1 - share) * field[before] + share * field[before + 1])

    def _arrivals(self, departures: NDArray[np.float64], pull: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the trips that arrive (time, N) of those that leave (time, N)."""
        places = np.indices(self.shape).reshape(2, -1)
        distance = np.hypot(*(places[:, :, None] - places[:, None, :]))
        weight = pull * np.exp(-distance / REACH)
        weight /= weight.sum(1, keepdims=True)
        late = (distance / SPEED).astype(int)
        arrivals = np.zeros_like(departures)
        for lag in range(late.max() + 1):
            arrivals[lag:] += departures[: len(departures) - lag] @ np.where(late == lag, weight, 0)
        return arrivals

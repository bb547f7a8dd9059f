"""Options of the generated tasks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from unistd.plugins.metrics.config import IMAGE_METRICS
from unistd.registry.component import Metrics, TaskConfig, WindowConfig

Count = Annotated[int, Field(ge=1)]
Side = Annotated[int, Field(ge=8)]
Days = Annotated[int, Field(ge=3)]
Seed = Annotated[int, Field(ge=0)]

MOTION_WINDOW = WindowConfig.model_construct(past=10, future=10)
DRIVING_WINDOW = WindowConfig.model_construct(past=4, future=6)
"""The protocols' own; known here so that a spec can be checked without building a task."""


class SyntheticTrafficConfig(TaskConfig):
    """Trips between the zones of a city."""

    height: Side = 16
    """Rows of zones."""
    width: Side = 12
    """Columns of zones."""
    days: Days = 28
    """Length of the record; the last seventh is the test split, the one before it validation."""
    seed: Seed = 0
    """Which city and which days are drawn."""


class SyntheticMotionConfig(TaskConfig):
    """Shapes bouncing in a box."""

    metrics: Metrics = IMAGE_METRICS
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them."""
    height: Side = 32
    """Rows of pixels."""
    width: Side = 32
    """Columns of pixels."""
    shapes: Count = 2
    """Shapes in a sequence."""
    frames: Count = 20
    """Frames in a sequence; no window can be longer."""
    train: Count = 200
    """Training sequences."""
    val: Count = 30
    """Validation sequences."""
    test: Count = 30
    """Test sequences."""
    seed: Seed = 0
    """Which sequences are drawn."""


class SyntheticDrivingConfig(TaskConfig):
    """The view from a moving car."""

    metrics: Metrics = IMAGE_METRICS
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them."""
    height: Side = 32
    """Rows of pixels."""
    width: Side = 48
    """Columns of pixels."""
    frames: Count = 10
    """Frames in a sequence; no window can be longer."""
    train: Count = 200
    """Training sequences."""
    val: Count = 30
    """Validation sequences."""
    test: Count = 30
    """Test sequences."""
    seed: Seed = 0
    """Which roads are drawn."""


class SyntheticWeatherConfig(TaskConfig):
    """Temperature and humidity carried by the wind."""

    height: Side = 24
    """Degrees of latitude, from 30° north."""
    width: Side = 36
    """Degrees of longitude, from 0° east."""
    days: Days = 28
    """Length of the record; the last seventh is the test split, the one before it validation."""
    seed: Seed = 0
    """Which coast and which weather are drawn."""

"""Options of the motion tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from unistd.plugins.metrics.config import IMAGE_METRICS
from unistd.registry.component import Metrics, TaskConfig

Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]


class MovingDigitsConfig(TaskConfig):
    """Handwritten digits bouncing in a 64×64 box."""

    metrics: Metrics = IMAGE_METRICS
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them."""
    root: Path | None = None
    """Folder of the raw file; by default ``mnist`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    train: Count = 800
    """Training sequences."""
    val: Count = 60
    """Validation sequences."""
    test: Count = 100
    """Test sequences."""
    frames: Count = 20
    """Frames in a sequence; no window can be longer."""
    digits: Count = 2
    """Digits in a sequence."""
    seed: Seed = 0
    """Which sequences are drawn."""


class MovingMnistConfig(TaskConfig):
    """Two digits of MNIST bouncing in a 64×64 box."""

    metrics: Metrics = IMAGE_METRICS
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them."""
    root: Path | None = None
    """Folder of the raw files; by default ``moving_mnist`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    protocol: Literal["unistd", "openstl", "predbench", "earthformer"] = "unistd"
    """Splits: ``unistd`` validates on digits of its own, the others as the benchmark of that name does."""
    train: Count | None = None
    """Training sequences that are generated; 10000 by default, none with earthformer."""
    seed: Seed | None = None
    """Which sequences are generated; 0 by default, none with earthformer."""


class BairConfig(TaskConfig):
    """A robot's arm pushing objects."""

    metrics: Metrics = IMAGE_METRICS
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them."""
    root: Path | None = None
    """Folder of the raw files; by default ``softmotion30_44k``, for predbench ``bair``, in $UNISTD_DATA, else in data/
    or ../shared/data here."""
    protocol: Literal["unistd", "openstl", "predbench"] = "unistd"
    """``unistd``: 2→10 with a validation split; ``openstl``: 4→12; ``predbench``: 2→10 on its own arrays."""


class Human36mConfig(TaskConfig):
    """Actors in a studio."""

    metrics: Metrics = IMAGE_METRICS
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them."""
    root: Path | None = None
    """Folder of the raw files; by default ``human`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    protocol: Literal["unistd", "openstl", "predbench"] = "unistd"
    """Splits: in ``unistd`` training, validation and test windows share no frame; the others as in that benchmark."""


class KthConfig(TaskConfig):
    """People who walk, jog, run, box, wave and clap."""

    metrics: Metrics = IMAGE_METRICS
    """Scores of the forecast; the per-pixel mean squared error ``mse`` is always among them."""
    root: Path | None = None
    """Folder of the raw files; by default ``kth`` in $UNISTD_DATA, else in data/ or ../shared/data here."""
    protocol: Literal["unistd", "openstl", "predbench"] = "unistd"
    """Splits and windows: ``unistd`` has a validation split, the others are as in that benchmark."""
    future: Count | None = None
    """Frames to forecast after 10; 20 by default, with predbench 10. The benchmark's kth40 is 40."""
    frames: Literal["jpg", "avi"] = "jpg"
    """``jpg``: the images of kth_action.zip; ``avi``: the official videos, with protocol unistd only."""

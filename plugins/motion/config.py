"""Options of the motion tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from unistd.registry.component import TaskConfig
from unistd.registry.slot import Choice, Slot

Count = Annotated[int, Field(ge=1)]


class MovingDigitsConfig(TaskConfig):
    """Handwritten digits bouncing in a 64×64 box."""

    metrics: tuple[Annotated[Choice, Slot("metric")], ...] = (
        Choice(kind="mse"),
        Choice(kind="mae"),
        Choice(kind="psnr"),
        Choice(kind="ssim"),
    )
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
    seed: Annotated[int, Field(ge=0)] = 0
    """Which sequences are drawn."""

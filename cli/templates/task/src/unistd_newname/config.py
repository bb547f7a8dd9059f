"""Options of the task; imports no numpy."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from unistd.registry.component import TaskConfig

Count = Annotated[int, Field(ge=1)]


class NewNameConfig(TaskConfig):
    """A wave that moves over a field."""

    height: Annotated[int, Field(ge=4)] = 16
    """Rows of pixels."""
    width: Annotated[int, Field(ge=4)] = 16
    """Columns of pixels."""
    train: Count = 40
    """Training sequences."""
    val: Count = 8
    """Validation sequences."""
    test: Count = 8
    """Test sequences."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Which sequences are drawn."""

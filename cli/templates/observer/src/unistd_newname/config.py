"""Options of the observer; imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from unistd.registry.component import Config


class NewNameConfig(Config):
    """Options of ``newname``."""

    goal: Annotated[float, Field(gt=0)] = 1.0
    """Validation error ÷ that of persistence to get below."""

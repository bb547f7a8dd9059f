"""Options of the router; imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from unistd.registry.component import Config


class NewNameConfig(Config):
    """Options of ``newname``."""

    sharpness: Annotated[float, Field(gt=0)] = 1.0
    """Multiplies the scores: above 1 gates are more open or shut."""

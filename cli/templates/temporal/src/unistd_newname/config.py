"""Options of the temporal module; imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from unistd.registry.component import Config


class NewNameConfig(Config):
    """Options of ``newname``."""

    reduction: Annotated[int, Field(ge=1)] = 4
    """Width of the trunk ÷ width of the bottleneck."""

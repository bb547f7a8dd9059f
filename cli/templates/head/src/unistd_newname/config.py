"""Options of the head; imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from unistd.registry.component import Config


class NewNameConfig(Config):
    """Options of ``newname``."""

    hidden: Annotated[int, Field(ge=1)] = 32
    """Channels between the two convolutions of each way."""

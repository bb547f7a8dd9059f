"""Options of the trunk; imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from unistd.registry.component import Config


class NewNameConfig(Config):
    """Options of ``newname``."""

    width: Annotated[int, Field(ge=1)] = 96
    """Token features D."""
    depth: Annotated[int, Field(ge=1)] = 2
    """Number of blocks."""
    expansion: Annotated[int, Field(ge=1)] = 2
    """Hidden features of a block's MLP ÷ D."""

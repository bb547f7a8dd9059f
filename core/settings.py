"""What the settings of a spec that core defines are made of. Imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0)]
Steps = Annotated[int, Field(ge=1)]


class Settings(BaseModel):
    """Immutable; an unknown key is an error.

    What a field defaults to is made by ``model_construct``: a command that only lists options then builds no validator.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)

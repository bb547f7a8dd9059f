"""Options of the adapters; imports no torch."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from unistd.registry.component import Config

Count = Annotated[int, Field(ge=0, le=256)]


class Rank(Config):
    """Ranks of the experts; a fractional rank blends its two whole neighbours."""

    first: Annotated[float, Field(gt=0)] = 4.5
    """Rank at the start; a fraction lets the next component learn (method §5)."""
    max: Annotated[int, Field(ge=1)] = 8
    """Largest rank R an expert has room for."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.first > self.max:
            raise ValueError(f"the first rank {self.first} is larger than the largest, max {self.max}")
        return self


class RaMoeConfig(Config):
    """Options of ``ra-moe``; the defaults are the paper's (method §5)."""

    experts: dict[str, Count] = Field(default={"q": 6, "k": 6, "v": 6, "proj": 2})
    """Experts for each role of the trunk's linear maps; a role left out gets none."""
    rank: Rank = Rank()
    """Ranks of all experts."""


class LoraConfig(Config):
    """Options of ``lora``."""

    rank: Annotated[int, Field(ge=1)] = 8
    """Rank of the correction."""
    roles: tuple[str, ...] = ("q", "k", "v", "proj")
    """Roles of the trunk's linear maps that get a correction."""


class NoneConfig(Config):
    """``none`` has no options."""

"""Options of the adapters; imports no torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from unistd.core.rank_plan import RankPlan
from unistd.registry.component import Config

Count = Annotated[int, Field(ge=0, le=256)]
WholeRank = Annotated[int, Field(ge=1)]


class _ExpertsConfig(Config):
    experts: dict[str, Count] = Field(default={"q": 6, "k": 6, "v": 6, "proj": 2})
    """Experts by role of the trunk's linear maps, or by the end of a map's name (``mlp.fc1``, ``layers.3.attn.proj``);
    what is left out gets none.
    """


class RaMoeConfig(_ExpertsConfig):
    """Options of ``ra-moe``; the defaults are the paper's (method §5)."""

    rank: RankPlan = RankPlan.model_construct()
    """Ranks of all experts: where they start, how they learn, and how many there are to share."""


class MoeLoraConfig(_ExpertsConfig):
    """Options of ``moe-lora``."""

    rank: WholeRank = 4
    """Rank of every expert."""


class LoraConfig(Config):
    """Options of ``lora``."""

    rank: WholeRank = 8
    """Rank of the correction."""
    roles: tuple[str, ...] = ("q", "k", "v", "proj")
    """Roles of the trunk's linear maps that get a correction, or ends of their names (``mlp.fc1``)."""


class NoneConfig(Config):
    """``none`` has no options."""


class FullConfig(Config):
    """``full`` has no options."""

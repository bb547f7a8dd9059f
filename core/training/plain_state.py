"""The plain values of a checkpoint, each of its type, whoever wrote them. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Count = Annotated[int, Field(ge=0, lt=2**63)]


class _Best(BaseModel):
    step: Count
    score: float = 0.0


class _Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Batch(BaseModel):
    task: str
    windows: list[Count]


class _Tally(BaseModel):
    streak: Count
    pending: dict[str, list[tuple[Count, list[Count], float, float]]]


class _State(BaseModel):
    step: Count
    best: _Nothing | _Best = _Nothing()
    tally: _Tally | None = None
    next: _Batch | None = None
    versions: dict[str, dict[str, str]] = {}
    run: str = ""
    ranks_fixed: bool = False


def check_state(state: Mapping[str, Any]) -> None:
    """See that every value of ``state`` that all checkpoints have is of its type; whether one lacks is seen elsewhere.

    Raises:
        ValueError: One is not; names it.
    """
    try:
        _State.model_validate_json(json.dumps(state), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"] if not str(part).startswith("_"))
        raise ValueError(f"'{place}': {first['msg']}") from error

"""A task's card as JSON and back."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from unistd.core.data.ledger import check_card
from unistd.core.task import TaskCard

MAX_FRAMES = 1_000_000
"""Frames of a window or a cycle; a year of 5-minute frames has 105,120, and a head has weights for each of a window."""
_CARD = TypeAdapter(TaskCard)


def card_to_json(card: TaskCard) -> dict[str, Any]:
    """Return ``card`` as strict JSON, which knows no NaN."""
    fields = asdict(card)
    if card.fill_value is not None and math.isnan(card.fill_value):
        fields["fill_value"] = "NaN"
    return fields


def card_from_json(fields: dict[str, Any]) -> TaskCard:
    """Return the card that ``card_to_json`` wrote.

    Raises:
        ValueError: It wrote no such thing.
    """
    if unknown := fields.keys() - TaskCard.__dataclass_fields__.keys():
        raise ValueError(f"a card has no '{min(unknown)}'")
    card = _CARD.validate_python(fields)  # a field that is younger than the store has its default
    counts = [card.window.past, card.window.future, *(cycle.steps for cycle in card.cycles)]
    if not all(0 <= count <= MAX_FRAMES for count in counts):
        raise ValueError(f"windows and cycles of '{counts}' frames, the limit is {MAX_FRAMES}")
    if not card.channels or not math.isfinite(card.scale_factor) or not math.isfinite(card.add_offset):
        raise ValueError("a card needs channels and finite numbers")
    check_card(card)
    return card

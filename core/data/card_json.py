"""A task's card as JSON and back."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from unistd.core.task import Channel, Cycle, TaskCard, Window


def card_to_json(card: TaskCard) -> dict[str, Any]:
    """Return ``card`` as strict JSON, which knows no NaN."""
    fields = asdict(card)
    if card.fill_value is not None and math.isnan(card.fill_value):
        fields["fill_value"] = "NaN"
    return fields


def card_from_json(fields: dict[str, Any]) -> TaskCard:
    """Return the card that ``card_to_json`` wrote."""
    bounds, fill = fields["value_range"], fields["fill_value"]
    return TaskCard(
        **{
            **fields,
            "channels": tuple(Channel(**channel) for channel in fields["channels"]),
            "step": (fields["step"][0], fields["step"][1]),
            "window": Window(**fields["window"]),
            "value_range": None if bounds is None else (bounds[0], bounds[1]),
            "fill_value": None if fill is None else float(fill),
            "mirrors": tuple(fields["mirrors"]),
            "stride": tuple(fields.get("stride", (1, 1, 1))),  # stores made before it was a field have none
            "cycles": tuple(Cycle(**cycle) for cycle in fields["cycles"]),
        }
    )

"""Checkpoints of older formats, brought to today's."""

from __future__ import annotations

from typing import Any

from unistd.core.errors import CheckpointError

FORMAT = 3


def migrated(state: dict[str, Any], where: str) -> dict[str, Any]:
    """Return the plain values of a checkpoint of any format that can still be read as those of today's.

    Raises:
        CheckpointError: The format is newer, or its tensors mean something else today.
    """
    known = state.get("format")
    if known == FORMAT:
        return state
    if known == 2:
        return {**state, "format": FORMAT, **_UNKNOWN_TO_2}
    newer = isinstance(known, int) and known > FORMAT
    raise CheckpointError(
        f"the checkpoint has format '{known}', this unistd reads 2 to {FORMAT}",
        where=where,
        help="install a newer unistd"
        if newer
        else "use the unistd that wrote it: its adapters were laid out otherwise",
    )


# Until format 3 nothing was kept of the log's unfinished row, of the batch to come, of versions and of whose it is.
_UNKNOWN_TO_2: dict[str, Any] = {"tally": {"streak": 0, "pending": {}}, "next": None, "versions": {}, "run": ""}

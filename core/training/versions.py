"""What a run was trained with, beside what would go on with it now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from unistd.core.errors import CheckpointError

Effect = Literal["harmless", "numerics", "breaking"]
Versions = Mapping[str, Mapping[str, str]]
"""Versions by ``plugins``, ``packages`` and ``machine``."""

NUMERICS = frozenset({"torch", "timm", "numpy", "lightning-fabric", "unistd", "device", "processes"})
"""What computes: another version may give other last bits."""


class Change(NamedTuple):
    """One thing that is not what it was, and what that does to a run that goes on."""

    name: str
    then: str
    now: str
    effect: Effect

    def __str__(self) -> str:
        what = {
            "harmless": "harmless",
            "numerics": "numbers may differ in their last bits from here on",
            "breaking": "its states may mean something else",
        }
        return f"{self.name} was {self.then}, is {self.now}: {what[self.effect]}"


def changes(then: Versions, now: Versions) -> list[Change]:
    """List what differs, the gravest first; of nothing recorded, nothing does."""
    found = [
        Change(name, old, new, _effect(group, name, old, new))
        for group, own in then.items()
        for name, old in own.items()
        if (new := now.get(group, {}).get(name, "gone")) != old
    ]
    return sorted(found, key=lambda change: (["breaking", "numerics", "harmless"].index(change.effect), change.name))


def check_versions(then: Versions, now: Versions) -> list[Change]:
    """Return what differs if a run can go on in spite of it.

    Raises:
        CheckpointError: A plug-in is another major one, or gone.
    """
    found = changes(then, now)
    if found and found[0].effect == "breaking":
        name, old = found[0].name, found[0].then
        raise CheckpointError(
            f"plug-in '{name}' was {old} when the checkpoint was written, is {found[0].now}: its states may mean"
            " something else",
            help=f"pip install '{name}=={old}', or start a new run",
        )
    return found


def _effect(group: str, name: str, old: str, new: str) -> Effect:
    if group == "plugins" and name != "unistd" and _major(old) != _major(new):  # unistd migrates its own checkpoints
        return "breaking"
    return "numerics" if group == "plugins" or name in NUMERICS else "harmless"


def _major(version: str) -> list[str]:
    """Return what must stay: the first number, with the second one before 1.0."""
    parts = version.split(".")
    return parts[:2] if parts[0] == "0" else parts[:1]

"""Whether a run is resumed with the spec it was started with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unistd.core.errors import UsageError
from unistd.registry.spec import load_any_resolved

if TYPE_CHECKING:
    from unistd.core.training.run_folder import RunFolder
    from unistd.registry.registry import Registry


WITHOUT_EFFECT = ("training.workers", "training.cache", "training.compare", "observers")
"""Options that change how fast a run is and no bit of what it gives."""


def same_spec(folder: RunFolder, ours: dict[str, Any], registry: Registry) -> dict[str, Any]:
    """Return the record of the run in ``folder`` if the spec in it is ``ours``, but for options ``WITHOUT_EFFECT``.

    Options that are younger than the record have their defaults in it.

    Raises:
        UsageError: It is another one, or there is no run.
    """
    record = folder.read_record()
    filled = load_any_resolved(record["spec"], registry, folder.path / "spec.json").dump()
    theirs, mine = _flat(filled), _flat(ours)
    differ = {key for key in theirs.keys() | mine.keys() if theirs.get(key) != mine.get(key)}
    changed = sorted(differ - set(WITHOUT_EFFECT))
    if changed:
        raise UsageError(
            f"the run in '{folder.path}' was started with another spec: '{changed[0]}' was"
            f" {theirs.get(changed[0])!r}, is {mine.get(changed[0])!r}" + _more(changed),
            help="resume with the spec it was started with, or choose another output",
        )
    return record


def _flat(tree: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(tree, dict) or not tree:
        return {path: tree}
    return {key: value for name, own in tree.items() for key, value in _flat(own, f"{path}.{name}".lstrip(".")).items()}


def _more(changed: list[str]) -> str:
    return f", and {len(changed) - 1} more ({', '.join(changed[1:4])})" if len(changed) > 1 else ""

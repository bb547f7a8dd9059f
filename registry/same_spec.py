"""Whether a run is resumed with the spec it was started with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unistd.core.errors import UsageError

if TYPE_CHECKING:
    from unistd.core.training.run_folder import RunFolder


def same_spec(folder: RunFolder, ours: dict[str, Any]) -> dict[str, Any]:
    """Return the record of the run in ``folder`` if the spec in it is ``ours``.

    Raises:
        UsageError: It is another one, or there is no run.
    """
    record = folder.read_record()
    theirs, mine = _flat(record["spec"]), _flat(ours)
    changed = sorted(key for key in theirs.keys() | mine.keys() if theirs.get(key) != mine.get(key))
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

"""What a resumed run takes up again, item by item, and the proof that it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unistd.core.data.schedule import JointSchedule
from unistd.core.errors import CheckpointError
from unistd.core.training.checkpoint import Checkpoint
from unistd.core.training.versions import Versions, check_versions

COMMON = ("best", "tally", "next", "versions", "run")
"""Plain values in every checkpoint; a kind of training may have more."""
GROUPS = {"model": "of the model", "optimizer": "of the optimiser", "average": "of the averaged weights"}


def upcoming(schedule: JointSchedule, step: int) -> dict[str, Any] | None:
    """Return which task and windows come after ``step`` steps; ``None`` at the end."""
    if step >= schedule.steps:
        return None
    return {"task": schedule.task(step), "windows": schedule.indices(step).tolist()}


def check_own(checkpoint: Checkpoint, name: str, where: str) -> None:
    """Make sure that ``checkpoint``, found at ``where``, is of the run ``name``; one that says of none is believed.

    Raises:
        CheckpointError: It is of another run.
    """
    if checkpoint.state["run"] not in ("", name):
        raise CheckpointError(
            f"the checkpoint of step {checkpoint.step} belongs to another run",
            where=where,
            help="put the run's own checkpoints back, or start a new run",
        )


def check_whole(checkpoint: Checkpoint, values: tuple[str, ...], groups: tuple[str, ...]) -> None:
    """Make sure that nothing is missing in ``checkpoint`` and that there is a place for all that is in it.

    Raises:
        CheckpointError: Something is missing or superfluous; names it.
    """
    for what, own, wanted in (
        ("value", checkpoint.state, (*COMMON, *values)),
        ("group of tensors", checkpoint.tensors, (*groups, "random")),
    ):
        for name in sorted(set(own) ^ set(wanted)):
            verb = "the checkpoint lacks the" if name in wanted else "the training has no place for the checkpoint's"
            raise CheckpointError(
                f"{verb} {what} '{name}'",
                help="use the spec and unistd version of the run, as its spec.json names them",
            )


def check_upcoming(checkpoint: Checkpoint, schedule: JointSchedule) -> None:
    """Make sure that the next batch is the one that came next when ``checkpoint`` was written.

    Raises:
        CheckpointError: It is another one.
    """
    wanted, found = checkpoint.state["next"], upcoming(schedule, checkpoint.step)
    if wanted is not None and found is not None and wanted != found:
        raise CheckpointError(
            f"step {checkpoint.step + 1} was to train on {_batch(wanted)}, now it would on {_batch(found)}",
            help="the order of batches changed: use the unistd version of the run, as its spec.json names it",
        )


def account(checkpoint: Checkpoint, now: Versions) -> dict[str, Any]:
    """Return what is restored, for the log: numbers of tensors, best score, next batch, changed versions.

    Raises:
        CheckpointError: A plug-in changed so much that its states may mean something else.
    """
    state = checkpoint.state
    found = check_versions(state["versions"], now)
    return {
        "tensors": {group: len(tensors) for group, tensors in checkpoint.tensors.items()},
        "best": state["best"],
        "next": state["next"],
        "unlogged": sum(map(len, state["tally"]["pending"].values())),
        "versions": [change._asdict() | {"said": str(change)} for change in found],
        "recorded": bool(state["versions"]),
        **({"ranks_fixed": state["ranks_fixed"]} if "ranks_fixed" in state else {}),
    }


def account_lines(row: Mapping[str, Any]) -> list[str]:
    """Return ``account`` in words."""
    parts = [f"{row['tensors'][group]} tensors {name}" for group, name in GROUPS.items() if group in row["tensors"]]
    parts.append("random numbers")
    if "ranks_fixed" in row:
        parts.append("fixed ranks" if row["ranks_fixed"] else "ranks that learn")
    best = row["best"]
    parts.append(f"best score {best['score']:.3f} of step {best['step']}" if best else "no score yet")
    if row["unlogged"]:
        parts.append(f"{row['unlogged']} steps not logged yet")
    lines = [f"restored: {', '.join(parts)}"]
    if row["next"]:
        lines.append(f"next: {_batch(row['next'])}, as the checkpoint foretold")
    elif not row["recorded"]:
        lines.append("versions and next batch: not recorded in a checkpoint of this format")
    return [*lines, *(change["said"] for change in row["versions"])]


def _batch(batch: Mapping[str, Any]) -> str:
    windows, more = batch["windows"], ", …" if len(batch["windows"]) > 4 else ""
    return f"task '{batch['task']}', windows {', '.join(map(str, windows[:4]))}{more}"

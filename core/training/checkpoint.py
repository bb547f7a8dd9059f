"""Checkpoints: folders of safetensors and JSON, written aside and renamed, never half there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load as from_bytes, save as to_bytes
from torch import Tensor

from unistd.core.errors import CheckpointError

FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """What one checkpoint holds: the step it was taken after, groups of tensors, and plain values."""

    step: int
    tensors: Mapping[str, Mapping[str, Tensor]]
    state: Mapping[str, Any]


class CheckpointFolder:
    """The checkpoints of one run: ``step-00000100/`` folders, and the files ``last`` and ``best`` that name one
    each.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, checkpoint: Checkpoint, *, best: bool, keep: int) -> Path:
        """Write ``checkpoint``, point ``last`` (and ``best``) to it, and remove all but the newest ``keep`` and the
        best.

        Raises:
            CheckpointError: It cannot be written; earlier checkpoints are untouched.
        """
        target = self.path / f"step-{checkpoint.step:08d}"
        aside = self.path / f".{target.name}.{os.getpid()}"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            _clear(self.path)
            aside.mkdir()
            files = {f"{group}.safetensors": to_bytes(_plain(own)) for group, own in checkpoint.tensors.items()}
            files["state.json"] = _json({"format": FORMAT, "step": checkpoint.step, **checkpoint.state})
            files["manifest.json"] = _json({name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
            for name, data in files.items():
                write_durably(aside / name, data)
            shutil.rmtree(target, ignore_errors=True)
            aside.rename(target)
            for pointer in ("last", "best") if best else ("last",):
                replace_file(self.path / pointer, target.name.encode())
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise CheckpointError(
                f"the checkpoint of step {checkpoint.step} could not be written: {error.strerror or error}",
                where=str(self.path),
                help=self._advice("make room, then go on with --resume"),
            ) from error
        self._prune(keep)
        return target

    def find(self, which: str = "last") -> Path | None:
        """Return the folder that ``last`` or ``best`` names, or the newest one if that is gone; ``None`` without
        any.
        """
        pointer = self.path / which
        named = self.path / pointer.read_text().strip() if pointer.is_file() else None
        if named is not None and named.parent == self.path and named.is_dir():
            return named
        whole = self.whole()
        return whole[-1] if whole else None

    def load(self, folder: Path) -> Checkpoint:
        """Read the checkpoint in ``folder``, every file checked against its checksum first.

        Raises:
            CheckpointError: A file is missing, truncated or changed, or the format is another one.
        """
        try:
            manifest: dict[str, str] = json.loads((folder / "manifest.json").read_bytes())
            files = {name: (folder / name).read_bytes() for name in manifest}
        except (OSError, ValueError) as error:
            raise self._damaged(folder, str(error)) from error
        for name, data in files.items():
            if hashlib.sha256(data).hexdigest() != manifest[name]:
                raise self._damaged(folder, f"'{name}' is truncated or was changed")
        state = json.loads(files.pop("state.json"))
        if state.pop("format") != FORMAT:
            raise CheckpointError(
                "the checkpoint has another format", where=str(folder), help="use the unistd that wrote it"
            )
        tensors = {Path(name).stem: from_bytes(data) for name, data in files.items()}
        return Checkpoint(step=state.pop("step"), tensors=tensors, state=state)

    def whole(self) -> list[Path]:
        """List the finished checkpoints, oldest first."""
        return sorted(folder for folder in self.path.glob("step-*") if (folder / "manifest.json").is_file())

    def _damaged(self, folder: Path, reason: str) -> CheckpointError:
        others = [other for other in self.whole() if other != folder]
        advice = (
            f"delete that folder, then --resume goes on from '{others[-1].name}'" if others else "start the run anew"
        )
        return CheckpointError(f"checkpoint '{folder.name}' is damaged: {reason}", where=str(folder), help=advice)

    def _advice(self, action: str) -> str:
        newest = self.find()
        return f"{action}; '{newest.name}' is whole" if newest else action

    def _prune(self, keep: int) -> None:
        best = self.find("best")
        for folder in self.whole()[:-keep]:
            if folder != best:
                shutil.rmtree(folder, ignore_errors=True)


def write_durably(path: Path, data: bytes) -> None:
    """Write ``data`` and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` in one step: a reader sees the old file or the new one, whole."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_durably(aside, data)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode()


def _clear(folder: Path) -> None:
    """Remove what a killed process left aside."""
    for rest in folder.glob(".step-*"):
        shutil.rmtree(rest, ignore_errors=True)

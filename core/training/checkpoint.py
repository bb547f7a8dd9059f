"""Checkpoints: folders of safetensors and JSON, written aside and renamed, never half there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as from_bytes, save as to_bytes
from torch import Tensor

from unistd.core.errors import CheckpointError
from unistd.core.training.durable import replace_file, sync_path, write_durably
from unistd.core.training.migrations import FORMAT, migrated
from unistd.core.training.plain_state import check_state
from unistd.core.untrusted import json_object

_STEP = re.compile(r"step-\d{8,}")
_FILE = re.compile(r"[A-Za-z0-9_-]+\.safetensors|state\.json")  # nothing that leads out of the folder


@dataclass(frozen=True)
class Checkpoint:
    """What one checkpoint holds: the step it was taken after, groups of tensors, and plain values."""

    step: int
    tensors: Mapping[str, Mapping[str, Tensor]]
    state: Mapping[str, Any]


class CheckpointFolder:
    """The checkpoints of one run: ``step-00000100/`` folders, and the file ``last`` that names one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save(self, checkpoint: Checkpoint, *, keep: int) -> Path:
        """Write ``checkpoint``, point ``last`` to it, and remove all but the newest ``keep`` and the best.

        Raises:
            CheckpointError: It cannot be written; earlier checkpoints are untouched.
        """
        target = self._folder(checkpoint.step)
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
            sync_path(aside)
            shutil.rmtree(target, ignore_errors=True)
            aside.rename(target)
            sync_path(self.path)  # before anything names it or older ones go
            replace_file(self.path / "last", target.name.encode())
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            raise CheckpointError(
                f"the checkpoint of step {checkpoint.step} could not be written: {error.strerror or error}",
                where=str(self.path),
                help=self._advice("make room, then go on with --resume"),
            ) from error
        self._prune(checkpoint, keep)
        return target

    def last(self) -> Path | None:
        """Return the folder that ``last`` names, or the newest one if that is gone; ``None`` without any."""
        pointer = self.path / "last"
        said = pointer.read_bytes().decode(errors="replace").strip() if pointer.is_file() else ""
        if _STEP.fullmatch(said) and (self.path / said).is_dir():
            return self.path / said
        whole = self.whole()
        return whole[-1] if whole else None

    def best(self) -> Path | None:
        """Return the folder of the best validation score up to the last checkpoint; ``None`` before the first score.

        Raises:
            CheckpointError: The last checkpoint is damaged, or the best one is gone.
        """
        last = self.last()
        best = self._state(last, self._checked(last, "state.json")).get("best") if last else {}
        if not best:
            return None
        folder = self._folder(best["step"])
        if not folder.is_dir():
            raise CheckpointError(
                f"the best checkpoint, '{folder.name}', is gone", where=str(self.path), help="take the last one instead"
            )
        return folder

    def load(self, folder: Path) -> Checkpoint:
        """Read the checkpoint in ``folder``, every file checked against its checksum first, older formats migrated.

        Raises:
            CheckpointError: A file is missing, truncated, changed or foreign, or the format cannot be read.
        """
        files = {name: self._checked(folder, name) for name in {*self._manifest(folder), "state.json"}}
        if foreign := sorted({path.name for path in folder.iterdir()} - {*files, "manifest.json"}):
            raise self._damaged(folder, f"'{foreign[0]}' does not belong to it")
        state = self._state(folder, files.pop("state.json"))
        state.pop("format")
        if self._folder(state["step"]).name != folder.name:
            raise self._damaged(folder, f"it is the one of step {state['step']} under another name")
        try:
            tensors = {Path(name).stem: from_bytes(data) for name, data in files.items()}
        except SafetensorError as error:  # a checksum only tells that it is what was written
            raise self._damaged(folder, f"a file of tensors: {error}") from error
        return Checkpoint(step=state.pop("step"), tensors=tensors, state=state)

    def _state(self, folder: Path, data: bytes) -> dict[str, Any]:
        """Return the plain values in ``data``, of today's format and each of its type."""
        try:
            state = migrated(json_object(data), str(folder))
            check_state(state)
        except ValueError as error:
            raise self._damaged(folder, f"'state.json': {error}") from error
        return state

    def _manifest(self, folder: Path) -> dict[str, str]:
        try:
            manifest = json_object((folder / "manifest.json").read_bytes())
        except (OSError, ValueError) as error:
            raise self._damaged(folder, f"'manifest.json': {error}") from error
        if odd := [name for name in manifest if not _FILE.fullmatch(name)]:
            raise self._damaged(folder, f"'manifest.json' names '{odd[0]}', which is no file of a checkpoint")
        return manifest

    def _checked(self, folder: Path, name: str) -> bytes:
        wanted = self._manifest(folder).get(name)
        try:
            data = (folder / name).read_bytes()
        except OSError as error:
            raise self._damaged(folder, f"'{name}': {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != wanted:
            raise self._damaged(folder, f"'{name}' is truncated or was changed")
        return data

    def whole(self) -> list[Path]:
        """List the finished checkpoints, oldest first."""
        found = (folder for folder in self.path.glob("step-*") if _STEP.fullmatch(folder.name))
        return sorted(folder for folder in found if (folder / "manifest.json").is_file())

    def _damaged(self, folder: Path, reason: str) -> CheckpointError:
        others = [other for other in self.whole() if other != folder and self._sound(other)]
        advice = (
            f"delete that folder, then --resume goes on from '{others[-1].name}'" if others else "start the run anew"
        )
        return CheckpointError(f"checkpoint '{folder.name}' is damaged: {reason}", where=str(folder), help=advice)

    def _sound(self, folder: Path) -> bool:
        try:
            names = json_object((folder / "manifest.json").read_bytes())
            return all(
                _FILE.fullmatch(name) and hashlib.sha256((folder / name).read_bytes()).hexdigest() == names[name]
                for name in names
            )
        except (OSError, ValueError):
            return False

    def _advice(self, action: str) -> str:
        newest = self.last()
        return f"{action}; '{newest.name}' is whole" if newest else action

    def _folder(self, step: int) -> Path:
        return self.path / f"step-{step:08d}"

    def _prune(self, newest: Checkpoint, keep: int) -> None:
        best = newest.state["best"]
        kept = {*self.whole()[-keep:], *([self._folder(best["step"])] if best else [])}
        for folder in set(self.whole()) - kept:
            shutil.rmtree(folder, ignore_errors=True)


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode()


def _clear(folder: Path) -> None:
    """Remove what a killed process left aside."""
    for rest in folder.glob(".step-*"):
        shutil.rmtree(rest, ignore_errors=True)

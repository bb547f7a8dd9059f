"""Checkpoints and records from strangers: nothing is run, and no file elsewhere is read."""

import hashlib
import json
import pickle

import pytest
import torch
from safetensors.torch import save

from unistd.core.errors import CheckpointError, UsageError
from unistd.core.training.checkpoint import Checkpoint, CheckpointFolder
from unistd.core.training.run_folder import RunFolder


@pytest.fixture
def saved(tmp_path):
    folder = CheckpointFolder(tmp_path / "checkpoints")
    own = Checkpoint(
        step=7, tensors={"model": {"w": torch.ones(3)}}, state={"best": {"step": 7, "score": 1.0}, "run": "a"}
    )
    return folder, folder.save(own, keep=1)


def sign(folder, **files):
    """Write files into a checkpoint with checksums that fit, as a stranger would."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, data in files.items():
        name = name.replace("_", ".")
        (folder / name).write_bytes(data)
        manifest[name] = hashlib.sha256(data).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_manifest_names_no_file_elsewhere(saved, tmp_path):
    folder, at = saved
    (tmp_path / "secret").write_text("x")
    for name in ("../../secret", str(tmp_path / "secret"), "a/b.safetensors", "code.py"):
        said = json.loads((at / "manifest.json").read_text())
        (at / "manifest.json").write_text(json.dumps({**said, name: "0"}))
        with pytest.raises(CheckpointError, match="which is no file of a checkpoint"):
            folder.load(at)
        (at / "manifest.json").write_text(json.dumps(said))
    assert folder.load(at).step == 7


@pytest.mark.parametrize("pointer", ["..", ".", "../elsewhere", "/tmp", "step-00000007/../..", "\0", "\udcff"])
def test_the_pointer_leads_nowhere_else(saved, pointer):
    folder, at = saved
    (folder.path / "last").write_bytes(pointer.encode(errors="surrogateescape"))
    assert folder.last() == at


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"step": "7"}, "'step': Input should be a valid integer"),
        ({"step": 7, "best": [1]}, "'best'"),
        ({"step": 7, "best": {"step": -1}}, "'best.step'"),
        ({"step": 7, "tally": {"streak": 0, "pending": {"a": [[1]]}}}, "'tally.pending.a.0.1'"),
        ({"step": 7, "versions": {"a": 1}}, "'versions.a'"),
        ({"step": 7, "next": 5}, "'next'"),
    ],
)
def test_a_state_has_values_of_their_types(saved, state, message):
    folder, at = saved
    sign(at, state_json=json.dumps({"format": 3, **state}).encode())
    with pytest.raises(CheckpointError, match=f"is damaged: 'state.json': {message}"):
        folder.load(at)
    with pytest.raises(CheckpointError, match=r"'state\.json'"):
        folder.best()


def test_tensors_are_no_pickle(saved, boom):
    folder, at = saved
    for data in (pickle.dumps(boom), b"", save({"w": torch.ones(3)})[:-3], b"\xff" * 8 + b"{}"):
        sign(at, model_safetensors=data)
        with pytest.raises(CheckpointError, match="a file of tensors"):
            folder.load(at)


@pytest.mark.parametrize(
    "record",
    [
        *([], {}, {"spec": 1}, {"spec": {}, "trunk": 1}),
        *({"spec": {}, "stores": stores} for stores in (None, [], 1, {"a": 1}, {"a": {"path": "x"}})),
    ],
)
def test_a_record_has_values_of_their_types(record, tmp_path):
    (tmp_path / "spec.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match="is no run folder"):
        RunFolder(tmp_path).read_record()

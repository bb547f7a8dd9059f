from __future__ import annotations

import errno
import re

import pytest
import torch

from unistd.core.errors import CheckpointError
from unistd.core.training import checkpoint as module
from unistd.core.training.checkpoint import Checkpoint, CheckpointFolder


def taken(step: int) -> Checkpoint:
    return Checkpoint(step=step, tensors={"model": {"w": torch.full((3,), float(step))}}, state={"best": {"step": 1}})


@pytest.fixture
def folder(tmp_path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path / "checkpoints")


def test_round_trip(folder):
    folder.save(taken(7), keep=2)
    loaded = folder.load(folder.last())
    assert loaded.step == 7
    assert loaded.state == {"best": {"step": 1}}
    assert torch.equal(loaded.tensors["model"]["w"], torch.full((3,), 7.0))


def test_keeps_the_newest_and_the_best(folder):
    for step in (1, 2, 3, 4):
        folder.save(taken(step), keep=2)
    assert [path.name for path in folder.whole()] == ["step-00000001", "step-00000003", "step-00000004"]
    assert folder.best().name == "step-00000001"
    assert folder.last().name == "step-00000004"


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove"])
def test_damage_is_found_and_the_earlier_one_offered(folder, damage):
    folder.save(taken(1), keep=2)
    victim = folder.save(taken(2), keep=2) / "model.safetensors"
    data = victim.read_bytes()
    if damage == "truncate":
        victim.write_bytes(data[:-4])
    elif damage == "flip":
        victim.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    else:
        victim.unlink()
    with pytest.raises(CheckpointError) as caught:
        folder.load(folder.last())
    assert re.search(r"checkpoint 'step-00000002' is damaged: .*model\.safetensors", str(caught.value))
    assert caught.value.help == "delete that folder, then --resume goes on from 'step-00000001'"


def test_without_the_named_folder_the_newest_whole_one_is_used(folder):
    folder.save(taken(1), keep=2)
    newest = folder.save(taken(2), keep=2)
    newest.rename(newest.with_name("elsewhere"))
    assert folder.last().name == "step-00000001"


def test_a_full_disk_leaves_the_earlier_checkpoint(folder, monkeypatch):
    folder.save(taken(1), keep=2)
    real = module.write_durably

    def full(path, data):
        if path.name == "state.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, data)

    monkeypatch.setattr(module, "write_durably", full)
    with pytest.raises(CheckpointError) as caught:
        folder.save(taken(2), keep=2)
    assert "the checkpoint of step 2 could not be written: No space left on device" in str(caught.value)
    assert "'step-00000001' is whole" in caught.value.help
    assert sorted(path.name for path in folder.path.iterdir()) == ["last", "step-00000001"]
    assert folder.load(folder.best()).step == 1


def test_what_a_kill_left_aside_is_cleared_and_never_read(folder):
    folder.save(taken(1), keep=2)
    (folder.path / ".step-00000002.99").mkdir()
    assert folder.last().name == "step-00000001"
    folder.save(taken(2), keep=2)
    assert not (folder.path / ".step-00000002.99").exists()


def test_a_pointer_cannot_lead_outside(folder, tmp_path):
    folder.save(taken(1), keep=2)
    (tmp_path / "elsewhere").mkdir()
    (folder.path / "last").write_text("../elsewhere")
    assert folder.last().name == "step-00000001"


def test_the_best_one_is_what_the_last_checkpoint_says(folder):
    folder.save(Checkpoint(step=1, tensors={}, state={"best": {}}), keep=2)
    assert folder.best() is None
    folder.save(taken(2), keep=2)
    assert folder.best().name == "step-00000001"


def test_a_best_one_that_is_gone_is_not_replaced_in_silence(folder):
    folder.save(taken(1), keep=2).rename(folder.path / "elsewhere")
    folder.save(taken(2), keep=2)
    with pytest.raises(CheckpointError, match="the best checkpoint, 'step-00000001', is gone"):
        folder.best()

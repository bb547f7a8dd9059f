"""Two processes that each keep a part of the frozen trunk train as two that keep all of it, to the bit."""

from __future__ import annotations

import shutil

import pytest
import torch
from torch.distributed.tensor import DTensor

from unistd.core.errors import ModelError, UsageError
from unistd.core.training.run_folder import RunFolder
from unistd.core.training.shards import check_frozen, whole


def trunk_of(made):
    return list(made.forecaster.model.trunk_parameters().values())


def held_by(made):
    """Return how many frozen weights a process has, of those it computes with and of those it is scored with."""
    computing = made.training.fabric.strategy.setup_module(made.forecaster)
    shards = [p.to_local().numel() for p in computing.parameters() if isinstance(p, DTensor)]
    return sum(shards), sum(p.numel() for p in trunk_of(made))


@pytest.fixture(scope="module")
def runs(tmp_path_factory, make, in_processes):
    """Folders of the same training with replicas and with shards; what each of the sharding processes saw."""
    folder = tmp_path_factory.mktemp("runs")

    def sharded():
        made = make(folder / "fsdp", "fsdp", ema=0.9, accumulate=2)
        held, step = [], made.training._step
        before = sum(p.numel() for p in trunk_of(made))

        def watched(*args):
            step(*args)
            held.append(held_by(made))

        made.training._step = watched
        outcome = made.fit()
        return outcome, before, held, sum(p.numel() for p in trunk_of(made))

    ddp = in_processes(2, lambda: make(folder / "ddp", "ddp", ema=0.9, accumulate=2).fit())
    fsdp = in_processes(2, sharded)
    return folder / "ddp", folder / "fsdp", ddp, fsdp


def assert_equal(own, wanted):
    assert own.keys() == wanted.keys()
    assert [name for name in own if not torch.equal(own[name], wanted[name])] == []


def test_checkpoints_and_log_are_those_of_replicas_to_the_bit(runs, tensors_of, rows_of):
    """Through the rank phase, the compaction after it, the average and two pieces of each batch."""
    for step in (4, 8):
        assert_equal(tensors_of(runs[1], step), tensors_of(runs[0], step))
    assert rows_of(runs[1]) == rows_of(runs[0])
    assert [outcome for outcome, *_ in runs[3]] == runs[2]


def test_each_process_keeps_a_half_of_the_trunk_until_the_end(runs):
    for _, total, held, left in runs[3]:
        assert held == [(total / 2, 0)] * 8
        assert left == total  # which it is scored with


@pytest.mark.parametrize(("before", "after"), [("ddp", "fsdp"), ("fsdp", "ddp")])
def test_the_other_strategy_goes_on_to_the_same_bits(before, after, runs, tmp_path, make, in_processes, tensors_of):
    shutil.copytree(runs[before == "fsdp"], tmp_path / "run")
    shutil.rmtree(RunFolder(tmp_path / "run").checkpoints.path / "step-00000008")
    in_processes(2, lambda: make(tmp_path / "run", after, ema=0.9, accumulate=2).fit())
    assert_equal(tensors_of(tmp_path / "run"), tensors_of(runs[0]))


def test_a_trunk_that_learns_in_part_is_in_the_checkpoint_whole(tmp_path, make, in_processes, tensors_of):
    def train(strategy):
        made = make(tmp_path / strategy, strategy)
        made.forecaster.model.trunk_parameters()["layers.0.norm1.weight"].requires_grad_(True)
        made.training.trunk = ""
        made.fit()

    for strategy in ("ddp", "fsdp"):
        in_processes(2, lambda strategy=strategy: train(strategy))
    own, wanted = tensors_of(tmp_path / "fsdp"), tensors_of(tmp_path / "ddp")
    assert "model/model.backbone.layers.0.mlp.fc1.weight" in own
    assert_equal(own, wanted)


def test_whole_weights_are_shared_out_again(tmp_path, make, in_processes):
    def look():
        made = make(tmp_path / "run", "fsdp")
        whole_before = [p.detach().clone() for p in trunk_of(made)]
        made.training._setup()
        during = []
        for _ in range(2):
            with whole(made.training.fabric):
                during.append(all(map(torch.equal, trunk_of(made), whole_before)))
        return during, held_by(made)[1]

    assert in_processes(2, look) == [([True, True], 0)] * 2


def test_a_trunk_that_learns_is_refused(tmp_path, make):
    made = make(tmp_path / "run")
    check_frozen(made.forecaster)
    made.forecaster.model.backbone.requires_grad_(True)
    with pytest.raises(UsageError, match="has none that are frozen") as error:
        check_frozen(made.forecaster)
    assert error.value.help == "--strategy ddp"


def test_trunks_that_differ_are_not_put_together(tmp_path, make, in_processes):
    def differing():
        made = make(tmp_path / "run", "fsdp")
        if torch.distributed.get_rank():
            trunk_of(made)[0].data += 1
        made.fit()

    for error in in_processes(2, differing):
        assert isinstance(error, ModelError)
        assert "process '1' has other weights than process 0" in error.message


def test_running_out_of_memory_names_the_batch_without_trying_smaller_ones(tmp_path, make, in_processes):
    def exhausted():
        made = make(tmp_path / "run", "fsdp")

        def out(*args):
            raise torch.OutOfMemoryError("no memory")

        made.training._worked_through = out
        made.fit()

    for error in in_processes(2, exhausted):
        assert "memory ran out at step 1" in error.message
        assert "fit" not in error.message
        assert error.help.startswith("start anew with a smaller tasks.")

"""Batches are read in processes of every kind, started while the parent reads the same stores with threads."""

from __future__ import annotations

import multiprocessing
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from unistd.core.data.batches import BatchReader
from unistd.core.data.prefetch import Prefetcher
from unistd.core.data.prepare import prepare
from unistd.core.data.schedule import JointSchedule
from unistd.core.data.store import Store
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError
from unistd.core.training.settings import Uniform

STEPS = 12
WORKER = """
from unistd.core.data.prefetch import Prefetcher

def send_batches(readers, steps, connection):
    for reader in readers:
        with Prefetcher(reader.read, range(steps), 2) as batches:
            for batch in batches:
                connection.send((batch.task, batch.valid, *(tensor.numpy() for tensor in batch[1:4])))
    connection.close()
"""


@pytest.fixture
def readers(tiny, tmp_path):
    """Readers of the same stores in memory and from disk: frames large enough for torch to use its threads."""
    random, windows = np.random.default_rng(0), {}
    for name, card in {"plain": {}, "packed": {"scale_factor": 0.5, "fill_value": 3.0, "missing": "mask"}}.items():
        sequences = [
            replace(own, frames=random.integers(0, 100, (20, 2, 40, 48)).astype(np.int16)) for own in tiny.three()
        ]
        store = prepare(tiny(sequences, mirrors=("y", "x", "diagonal"), **card), tmp_path / f"{name}.zarr")
        windows[name] = store.path

    def reader(cache):
        own = {name: Windows(Store.open(path), "train", 3, 2) for name, path in windows.items()}
        schedule = JointSchedule(
            {name: len(each) for name, each in own.items()},
            weights=dict.fromkeys(own, 1.0),
            sampling=Uniform(),
            steps=STEPS,
            seed=3,
            batches=dict.fromkeys(own, 8),
        )
        return BatchReader(own, schedule, cache=cache)

    return [reader("auto"), reader("never")]


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """A module that a new interpreter can import."""
    (tmp_path / "batch_worker.py").write_text(WORKER)
    monkeypatch.syspath_prepend(tmp_path)
    import batch_worker

    return batch_worker


@pytest.fixture
def used_threads():
    """Let torch start threads of its own, which a forked process does not have."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.randn(2**20).flip(0).sum()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_process_reads_the_batches_of_its_parent_to_the_bit(readers, worker, used_threads, method):
    context = multiprocessing.get_context(method)
    ours, theirs = context.Pipe(duplex=False)
    wanted = [reader.read(step) for reader in readers for step in range(STEPS)]
    with Prefetcher(readers[1].read, range(STEPS), 3):  # the parent's threads are in the middle of a read
        process = context.Process(target=worker.send_batches, args=(readers, STEPS, theirs), daemon=True)
        process.start()
    theirs.close()
    try:
        for batch in wanted:
            assert ours.poll(100), f"a process started by {method} hangs"
            task, valid, *arrays = ours.recv()
            assert (task, valid) == (batch.task, batch.valid)
            for own, tensor in zip(arrays, batch[1:4], strict=True):
                np.testing.assert_array_equal(own.view(np.uint32), tensor.numpy().view(np.uint32))
    finally:
        process.kill()
        process.join()


def test_a_pickled_reader_holds_no_frames_and_goes_on_as_before(readers):
    whole, disk = readers
    assert [own.store.held for own in whole.windows.values()] == [True, True]
    whole.windows["packed"].store.card = replace(whole.windows["packed"].store.card, mirrors=("x",))
    copied = pickle.loads(pickle.dumps(whole))
    assert [own.store.held for own in copied.windows.values()] == [False, False]
    assert len(pickle.dumps(whole)) < 2 * len(pickle.dumps(disk)) < 2**16
    assert copied.windows["packed"].store.card.mirrors == ("x",)
    for step in range(STEPS):
        np.testing.assert_array_equal(copied.schedule.indices(step), whole.schedule.indices(step))


def test_a_reader_whose_store_is_gone_cannot_be_unpickled(readers):
    packed = pickle.dumps(readers[1])
    path = readers[1].windows["plain"].store.path
    path.rename(path.with_name("away.zarr"))
    with pytest.raises(DataError, match=r"there is no store 'plain\.zarr'"):
        pickle.loads(packed)

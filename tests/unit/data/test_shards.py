"""How frames get onto the disk: by which workers, in which order, how many at once."""

import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby

import dask
import dask.array as da
import numpy as np
import pytest
import zarr
from dask.delayed import delayed
from distributed import Client
from zarr.codecs import BloscCodec, ZstdCodec

from unistd.core.data import shards
from unistd.core.data.prepare import prepare
from unistd.core.errors import DataError


def test_lazy_frames_of_many_shards_give_the_same_store_as_frames_in_memory(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("unistd.core.data.shards._CHUNK", 400)  # 5 frames of 80 bytes
    monkeypatch.setattr("unistd.core.data.shards._SMALL", 1)
    monkeypatch.setattr("unistd.core.data.shards._SHARD", 800)
    monkeypatch.setattr("unistd.core.data.shards._TOGETHER", 2)
    sequences = [replace(s, frames=np.tile(s.frames, (5, 1, 1, 1)), times=tiny.half_hours(100)) for s in tiny.three()]
    lazy = [replace(s, frames=da.from_array(s.frames, chunks=(7, 1, 3, 5))) for s in sequences]
    progress = []
    eager_store = prepare(tiny(sequences), tmp_path / "eager.zarr")
    lazy_store = prepare(tiny(lazy), tmp_path / "lazy.zarr", report=progress.append)
    assert lazy_store.digest == eager_store.digest
    np.testing.assert_array_equal(lazy_store.read(0, 300), np.concatenate([s.frames for s in sequences]))
    np.testing.assert_allclose(lazy_store.scale, sequences[0].frames.astype(float).std((0, 2, 3)), rtol=1e-6)
    assert {now.total for now in progress} == {300}
    assert [done for done, _ in groupby(now.done for now in progress)] == list(range(0, 301, 10))


def test_a_piece_of_a_raw_file_that_reaches_into_two_shards_is_read_once(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("unistd.core.data.shards._CHUNK", 400)  # 5 frames of 80 bytes
    monkeypatch.setattr("unistd.core.data.shards._SMALL", 1)
    monkeypatch.setattr("unistd.core.data.shards._SHARD", 400)
    read, lazy = [], []

    def piece(frames):
        read.append(len(frames))
        return frames

    for own in tiny.three():
        parts = [
            da.from_delayed(delayed(piece)(part), part.shape, part.dtype) for part in np.array_split(own.frames, 6)
        ]
        lazy.append(replace(own, frames=da.concatenate(parts)))
    prepare(tiny(lazy), tmp_path / "s.zarr")
    assert len(read) == 18


@pytest.mark.parametrize(
    ("workers", "measured", "shards", "codecs"), [(1, 9, 1, 1), (2, 9, 2, 1), (8, 9, 2, 4), (8, 1, 1, 8)]
)
def test_workers_are_all_the_threads_and_shards_in_work_are_bounded(
    tiny, tmp_path, monkeypatch, workers, measured, shards, codecs
):
    monkeypatch.setattr("unistd.core.data.shards._MEASURED", measured * 14 * 40)
    monkeypatch.setattr("unistd.core.data.shards._SHARD", 1)
    monkeypatch.setattr("unistd.core.data.shards._CHUNK", 1)
    monkeypatch.setattr("unistd.core.data.shards._ROOM", 2 * 80)
    seen = set()

    def watch(codec):
        encode = codec._encode_sync

        def watched(*arguments):
            pool = dask.config.get("pool", None)  # none while times and splits are written
            seen.add((pool and pool._max_workers, zarr.config.get("async.concurrency")))
            return encode(*arguments)

        monkeypatch.setattr(codec, "_encode_sync", watched)

    watch(BloscCodec)  # of frames
    watch(ZstdCodec)  # of times and splits
    before = zarr.config.get("async.concurrency")
    with dask.config.set(scheduler="threads", num_workers=workers):
        prepare(tiny(tiny.three()), tmp_path / "s.zarr")
    assert seen == {(shards, codecs), (None, before)}
    assert zarr.config.get("async.concurrency") == before


def test_nothing_is_written_any_more_once_a_stop_has_been_told(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("unistd.core.data.shards._SHARD", 1)
    monkeypatch.setattr("unistd.core.data.shards._ROOM", 2**20)
    begun, stopped, done = threading.Event(), threading.Event(), []

    class Pool(ThreadPoolExecutor):
        def shutdown(self, *arguments, **options):
            stopped.set()
            super().shutdown(*arguments, **options)

    monkeypatch.setattr("unistd.core.data.shards.ThreadPoolExecutor", Pool)

    def read(block, block_info):
        if block_info[0]["chunk-location"][0]:
            begun.wait(60)
            raise KeyboardInterrupt
        begun.set()
        stopped.wait(60)
        done.append(block)
        return block

    train, *rest = tiny.three()
    frames = da.from_array(train.frames, chunks=(10, -1, -1, -1)).map_blocks(read, dtype=np.int16)
    with dask.config.set(scheduler="threads", num_workers=2), pytest.raises(KeyboardInterrupt):
        prepare(tiny([replace(train, frames=frames), *rest]), tmp_path / "s.zarr")
    assert len(done) == 1


def test_a_dask_cluster_writes_the_same_store(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("unistd.core.data.shards._SHARD", 1)
    alone = prepare(tiny(tiny.three()), tmp_path / "alone.zarr")
    with Client(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as client:
        together = prepare(tiny(tiny.three()), tmp_path / "together.zarr")
        done = client.run(lambda dask_worker: dask_worker.state.executed_count)
        codecs = client.run(lambda: zarr.config.get("async.concurrency"))
    assert together.digest == alone.digest
    np.testing.assert_array_equal(together.read(0, 60), alone.read(0, 60))
    assert sum(done.values()) > 0
    assert 1 in codecs.values()  # of a worker that has one thread; the other may have come too late


def test_frames_in_memory_are_written_before_all_are_there(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("unistd.core.data.prepare._IN_MEMORY", 1)
    monkeypatch.setattr("unistd.core.data.shards._ROOM", 1)
    monkeypatch.setattr("unistd.core.data.shards._SHARD", 1)
    monkeypatch.setattr("unistd.core.data.shards._CHUNK", 1)
    events = []

    class Watched(tiny):
        def sequences(self):
            for s in super().sequences():
                events.append(s.name)
                yield s

    prepare(Watched(tiny.three()), tmp_path / "s.zarr", report=lambda now: events.append(now.done))
    assert events.index(19) < events.index("val.npy") < events.index(20)  # the last shard waits for what comes


def test_checksums_are_made_beside_the_last_shards(tiny, tmp_path, monkeypatch):
    (raw := tmp_path / "raw.bin").write_bytes(b"abc")
    both = threading.Barrier(2)

    def beside(work):
        def meets(*args):
            both.wait(timeout=60)  # breaks if the other is not at work
            return work(*args)

        return meets

    monkeypatch.setattr(shards, "checksum", beside(shards.checksum))
    monkeypatch.setattr(shards, "_write_shard", beside(shards._write_shard))
    sequences = [replace(own, files=(str(raw),)) for own in tiny.three()]
    with dask.config.set(scheduler="threads", num_workers=2):
        store = prepare(tiny(sequences), tmp_path / "s.zarr")
    assert len(store.times) == 60  # in one shard


def test_threads_pack_each_for_itself(tiny, tmp_path, monkeypatch):
    packing = []
    encode = BloscCodec._encode_sync

    def watched(self, *args):
        packing.append(threading.current_thread())
        return encode(self, *args)

    monkeypatch.setattr(BloscCodec, "_encode_sync", watched)
    frames = [replace(own, frames=own.frames.astype(np.int16)) for own in tiny.three()]
    with dask.config.set(scheduler="synchronous", num_workers=1):
        prepare(tiny(frames), tmp_path / "s.zarr")
    assert set(packing) == {threading.main_thread()}


def test_a_shard_that_the_disk_does_not_take_is_not_noted(tiny, tmp_path, monkeypatch):
    noted = []

    def full(path):
        raise OSError(errno.ENOSPC, "no space", str(path))

    monkeypatch.setattr(shards, "sync_path", full)
    monkeypatch.setattr(shards, "note", lambda *own: noted.append(own))
    with pytest.raises(DataError, match="the disk is full; no store was written"):
        prepare(tiny(tiny.three()), tmp_path / "s.zarr")
    assert not noted

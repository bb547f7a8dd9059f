"""A conversion that was stopped goes on where it was, and ends in the same bytes."""

import itertools
import json
import multiprocessing
import os
import signal
from dataclasses import replace

import dask
import dask.array as da
import numpy as np
import pytest
from dask.delayed import delayed
from zarr.codecs import ZstdCodec

from unistd.core.data.journal import JOURNAL
from unistd.core.data.prepare import prepare

FRAMES, SHARD = 20, 10  # of a sequence, of a shard
SHARDS = 3 * FRAMES // SHARD


class Stopped(Exception):
    """Stands for whatever stops a conversion."""


def stop():
    raise Stopped


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr("unistd.core.data.shards._CHUNK", 400)  # 5 frames of 80 bytes
    monkeypatch.setattr("unistd.core.data.shards._SMALL", 1)
    monkeypatch.setattr("unistd.core.data.shards._SHARD", 800)
    monkeypatch.setattr("unistd.core.data.shards._TOGETHER", 2)
    monkeypatch.setattr("unistd.core.data.shards._ROOM", 800)
    with dask.config.set(scheduler="synchronous", num_workers=1):
        yield


@pytest.fixture
def raw(tiny, tmp_path):
    """Three sequences with a raw file each, read a shard at a time."""
    sequences = tiny.three()
    for sequence in sequences:
        (tmp_path / sequence.name).write_bytes(sequence.frames.tobytes())
    return [replace(sequence, files=(str(tmp_path / sequence.name),)) for sequence in sequences]


def lazily(sequences, read=None, *, after=None, act=None):
    """Read a shard at a time, and put its number into ``read``; ``act`` once ``after`` of them are read."""
    read = [] if read is None else read

    def block(number, frames):
        if len(read) == after:
            act()
        read.append(number)
        return frames

    numbers, lazy = itertools.count(), []
    for sequence in sequences:
        parts = np.split(sequence.frames, len(sequence.frames) // SHARD)
        blocks = [da.from_delayed(delayed(block)(next(numbers), part), part.shape, part.dtype) for part in parts]
        lazy.append(replace(sequence, frames=da.concatenate(blocks)))
    return lazy


def content(store):
    files = [file for file in store.path.rglob("*") if file.is_file()]
    return {file.relative_to(store.path).as_posix(): file.read_bytes() for file in files}


def noted(folder):
    file = folder / ".s.zarr.partial" / JOURNAL
    return [json.loads(line) for line in file.read_text().splitlines()[1:]] if file.exists() else []


@pytest.fixture
def whole(tiny, raw, tmp_path):
    """The content of the store of a conversion that nobody stopped."""
    return content(prepare(tiny(lazily(raw)), tmp_path / "whole.zarr"))


def stopped(task, tmp_path):
    with pytest.raises(Stopped):
        prepare(task, tmp_path / "s.zarr")
    return noted(tmp_path)


@pytest.mark.parametrize("count", range(1, SHARDS))
def test_what_was_written_is_not_read_again_and_the_store_is_the_same(tiny, raw, whole, tmp_path, count):
    there = {line["file"] for line in stopped(tiny(lazily(raw, after=count, act=stop)), tmp_path)}
    assert len(there) == count
    read, told = [], []
    store = prepare(tiny(lazily(raw, read)), tmp_path / "s.zarr", report=told.append)
    assert there | {f"frames/c/{number}/0/0/0" for number in read} == {f"frames/c/{n}/0/0/0" for n in range(SHARDS)}
    assert len(read) == SHARDS - count
    assert content(store) == whole
    assert (told[-1].shards, told[-1].taken, told[-1].done) == (count, SHARD * count, 3 * FRAMES)
    assert told[0].began.startswith(f"goes on from {count} shard")
    assert sorted(path.name for path in tmp_path.glob(".*")) == [".s.zarr.lock", ".whole.zarr.lock"]


def test_a_kill_between_shards_costs_only_what_was_not_yet_written(tiny, raw, whole, tmp_path):
    run = multiprocessing.get_context("fork").Process  # the task's class exists only in this process
    for there in (2, 5):
        task = tiny(lazily(raw, after=there - len(noted(tmp_path)), act=kill))
        process = run(target=prepare, args=(task, tmp_path / "s.zarr"))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert len(noted(tmp_path)) == there
    read = []
    assert content(prepare(tiny(lazily(raw, read)), tmp_path / "s.zarr")) == whole
    assert len(read) == SHARDS - 5


def test_a_stop_after_the_last_shard_costs_no_frame(tiny, raw, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("unistd.core.data.prepare._write_times", lambda *_: stop())
        assert len(stopped(tiny(lazily(raw)), tmp_path)) == SHARDS
    read = []
    assert content(prepare(tiny(lazily(raw, read)), tmp_path / "s.zarr")) == whole
    assert read == []


def test_frames_in_memory_go_on_too(tiny, raw, tmp_path, monkeypatch):
    monkeypatch.setattr("unistd.core.data.prepare._IN_MEMORY", 1)
    plain = content(prepare(tiny(raw), tmp_path / "plain.zarr"))

    class Stopping(tiny):
        def sequences(self):
            yield from raw[:2]
            stop()

    assert len(stopped(Stopping([]), tmp_path)) == 3  # the fourth waited for what would come
    told = []
    assert content(prepare(tiny(raw), tmp_path / "s.zarr", report=told.append)) == plain
    assert told[-1].shards == 3


def cut_line(partial):
    lines = (partial / JOURNAL).read_text()
    (partial / JOURNAL).write_text(lines[: -len(lines.splitlines()[-1]) // 2])


def cut_shard(partial):
    file = partial / "frames/c/0/0/0/0"
    file.write_bytes(file.read_bytes()[:-1])


def lose_shard(partial):
    (partial / "frames/c/1/0/0/0").unlink()


def spoil_line(partial):
    (partial / JOURNAL).write_text((partial / JOURNAL).read_text().replace('{"file"', '{"life"', 1))


@pytest.mark.parametrize("spoil", [cut_line, cut_shard, lose_shard, spoil_line])
def test_a_shard_that_is_not_as_noted_is_written_anew(tiny, raw, whole, tmp_path, spoil):
    assert len(stopped(tiny(lazily(raw, after=4, act=stop)), tmp_path)) == 4
    spoil(tmp_path / ".s.zarr.partial")
    read = []
    assert content(prepare(tiny(lazily(raw, read)), tmp_path / "s.zarr")) == whole
    assert len(read) == SHARDS - 3


def test_a_second_stop_after_a_torn_line_loses_nothing(tiny, raw, whole, tmp_path):
    stopped(tiny(lazily(raw, after=2, act=stop)), tmp_path)
    cut_line(tmp_path / ".s.zarr.partial")
    assert len(stopped(tiny(lazily(raw, after=3, act=stop)), tmp_path)) == 4
    assert content(prepare(tiny(lazily(raw)), tmp_path / "s.zarr")) == whole


@pytest.mark.parametrize(("card", "options"), [({"version": "2"}, {}), ({}, {"seed": 1})])
def test_another_card_or_other_options_begin_anew_and_say_so(tiny, raw, tmp_path, card, options):
    stopped(tiny(lazily(raw, after=4, act=stop)), tmp_path)
    read, told = [], []
    prepare(tiny(lazily(raw, read), **card), tmp_path / "s.zarr", options=options, report=told.append)
    assert len(read) == SHARDS
    assert told[0].began == "what a stopped conversion left is of another card, options or version: begun anew"
    assert told[-1].shards == 0


def test_shards_that_were_packed_another_way_are_written_anew(tiny, raw, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr("unistd.core.data.shards.codec_for", lambda _: ZstdCodec(level=3))
        stopped(tiny(lazily(raw, after=4, act=stop)), tmp_path)
    assert content(prepare(tiny(lazily(raw)), tmp_path / "s.zarr")) == whole


def test_only_shards_of_changed_raw_files_are_written_anew(tiny, raw, tmp_path):
    stopped(tiny(lazily(raw, after=5, act=stop)), tmp_path)
    mended = [raw[0], replace(raw[1], frames=raw[1].frames + 1), raw[2]]
    os.utime(raw[1].files[0], ns=(0, 0))
    read = []
    store = prepare(tiny(lazily(mended, read)), tmp_path / "s.zarr")
    assert {2, 3} <= set(read) <= {2, 3, 4, 5}
    assert content(store) == content(prepare(tiny(lazily(mended)), tmp_path / "again.zarr"))


def test_shards_beyond_the_frames_of_today_are_removed(tiny, raw, tmp_path):
    stopped(tiny(lazily(raw, after=5, act=stop)), tmp_path)
    fewer = [replace(s, frames=s.frames[:10], times=s.times[:10]) for s in raw]
    store = prepare(tiny(lazily(fewer)), tmp_path / "s.zarr")
    assert content(store) == content(prepare(tiny(lazily(fewer)), tmp_path / "again.zarr"))
    assert len(list((store.path / "frames/c").glob("*/0/0/0"))) == 3


def test_the_same_frames_in_another_split_are_measured_anew(tiny, raw, tmp_path):
    stopped(tiny(lazily(raw, after=4, act=stop)), tmp_path)
    moved = [replace(raw[0], split=np.repeat(["train", "val"], 10)), *raw[1:]]
    store = prepare(tiny(lazily(moved)), tmp_path / "s.zarr")
    np.testing.assert_allclose(store.offset, raw[0].frames[:10].mean((0, 2, 3)), rtol=1e-6)

from dataclasses import replace

import numpy as np
import pytest
import zarr

from unistd.core.data.batches import BatchReader, hold
from unistd.core.data.memory import available_memory
from unistd.core.data.prepare import prepare
from unistd.core.data.schedule import JointSchedule
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError, UsageError
from unistd.core.training.settings import Uniform


@pytest.fixture
def windows(tiny, tmp_path):
    longer = [tiny.sequence(split, split, count=40, seed=9) for split in ("train", "val", "test")]
    stores = {"a": prepare(tiny(tiny.three()), tmp_path / "a.zarr"), "b": prepare(tiny(longer), tmp_path / "b.zarr")}
    return {"a": Windows(stores["a"], "train", 3, 2), "b": Windows(stores["b"], "train", 4, 1)}


def schedule(windows, batch=4):
    tasks = dict.fromkeys(windows, 1.0)
    sizes = {task: len(own) for task, own in windows.items()}
    batches = dict.fromkeys(windows, batch)
    return JointSchedule(sizes, weights=tasks, sampling=Uniform(), steps=20, seed=3, batches=batches)


@pytest.mark.parametrize("cache", ["auto", "never"])
def test_a_batch_is_what_the_schedule_draws(windows, cache):
    made = schedule(windows)
    reader = BatchReader(windows, made, cache=cache)
    assert [own.store.held for own in windows.values()] == [cache == "auto"] * 2
    for step in (19, 0, 7):
        batch = reader.read(step)
        own = windows[made.task(step)]
        assert batch.task == made.task(step)
        np.testing.assert_array_equal(batch.starts, own.starts[made.indices(step)])
        for i, start in enumerate(batch.starts.tolist()):
            np.testing.assert_array_equal(batch.past[i], own.store.read(start, start + own.past))
            np.testing.assert_array_equal(
                batch.future[i], own.store.read(start + own.past, start + own.past + own.future)
            )


def test_processes_read_the_parts_of_one_batch(windows):
    made = schedule(windows)
    whole = BatchReader(windows, made).read(5)
    parts = [BatchReader(windows, made, process, 2).read(5) for process in range(2)]
    np.testing.assert_array_equal(np.concatenate([part.past for part in parts]), whole.past)
    assert sum(part.valid for part in parts) == whole.valid == whole.future.isfinite().sum()
    for part in parts:  # what messages name is the whole batch
        np.testing.assert_array_equal(part.starts, whole.starts)


def test_memory_holds_the_smallest_stores_that_fit_into_half_of_it(windows, monkeypatch):
    small = windows["a"].store.nbytes
    monkeypatch.setattr("unistd.core.data.batches.available_memory", lambda: 2 * small + 10)
    BatchReader(windows, schedule(windows))
    assert {task: own.store.held for task, own in windows.items()} == {"a": True, "b": False}


def test_processes_share_the_memory(windows, monkeypatch):
    monkeypatch.setattr("unistd.core.data.batches.available_memory", lambda: 2 * windows["a"].store.nbytes)
    BatchReader(windows, schedule(windows), 0, 2)
    assert not windows["a"].store.held


def test_a_schedule_of_other_windows_is_refused(windows):
    made = schedule({"a": windows["a"]})
    with pytest.raises(
        UsageError, match=r"the schedule was made for '\{'a': 16\}' windows, these are \{'a': 16, 'b': 36\}"
    ):
        BatchReader(windows, made)


def test_processes_that_cannot_share_a_batch_are_refused_before_the_first_step(windows):
    with pytest.raises(UsageError, match="batch '4' of task 'a' cannot be divided evenly over 3 processes"):
        BatchReader(windows, schedule(windows), 0, 3)


def test_available_memory_is_the_lesser_of_machine_and_container(tmp_path):
    info = tmp_path / "meminfo"
    info.write_text("MemTotal:  9000 kB\nMemAvailable:  4000 kB\n")
    assert available_memory(tmp_path, info) == 4000 * 1024
    (tmp_path / "memory.current").write_text("1000\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(tmp_path, info) == 4000 * 1024
    (tmp_path / "memory.max").write_text("3000\n")
    assert available_memory(tmp_path, info) == 2000
    assert available_memory(tmp_path / "none", tmp_path / "none") > 0


def test_windows_are_mirrored_along_the_axes_of_the_card_by_coins_of_the_step(windows):
    made = schedule({"b": windows["b"]}, batch=16)
    plain = BatchReader({"b": windows["b"]}, made).read(5)
    store = windows["b"].store
    store.card = replace(store.card, mirrors=("y", "x"))
    batch = BatchReader({"b": windows["b"]}, made).read(5)
    coins = made.coins(5)
    for i, coin in enumerate(coins.tolist()):
        axes = [axis for bit, axis in enumerate((-2, -1)) if coin >> bit & 1]
        np.testing.assert_array_equal(batch.past[i], plain.past[i].flip(axes))
        np.testing.assert_array_equal(batch.future[i], plain.future[i].flip(axes))
    assert {coin % 4 for coin in coins.tolist()} == {0, 1, 2, 3}
    np.testing.assert_array_equal(coins, np.concatenate([made.coins(5, process, 4) for process in range(4)]))
    assert made.coins(5).tolist() != made.coins(6).tolist()


def test_a_whole_batch_is_mirrored_on_the_diagonal_on_all_processes_alike(windows):
    made = schedule({"b": windows["b"]}, batch=16)
    store = windows["b"].store
    mirrored = {}
    for mirrors in (("y", "x"), ("y", "x", "diagonal")):
        store.card = replace(store.card, mirrors=mirrors)
        mirrored[mirrors] = [BatchReader({"b": windows["b"]}, made).read(step) for step in range(20)]
    swapped = []
    for step, (plain, batch) in enumerate(zip(*mirrored.values(), strict=True)):
        swapped.append(bool(made.coins(step)[0] >> 2 & 1))
        np.testing.assert_array_equal(batch.past, plain.past.mT if swapped[-1] else plain.past)
        np.testing.assert_array_equal(batch.future, plain.future.mT if swapped[-1] else plain.future)
        parts = [BatchReader({"b": windows["b"]}, made, process, 4).read(step).past for process in range(4)]
        np.testing.assert_array_equal(np.concatenate(parts), batch.past)
    assert set(swapped) == {False, True}
    assert store.grid[0] != store.grid[1]


@pytest.fixture
def damaged(windows):
    """The store of ``a`` after a value of its training split was changed on the disk, under a card with a range."""
    store = windows["a"].store
    store.card = replace(store.card, value_range=(0, 99))
    frames = zarr.open_group(store.path, mode="r+")["frames"]
    frames[12, 1, 2, 3] = 300
    return store


def test_a_value_outside_the_declared_range_is_named_as_the_frames_are_held(windows, damaged):
    with pytest.raises(DataError) as caught:
        BatchReader(windows, schedule(windows))
    told = "frame 12 of task 'a' has the value '300', its card says 0 to 99\n  help: the store was damaged"
    assert str(caught.value).startswith(f"{damaged.path}: {told}")


def test_a_value_outside_the_declared_range_is_named_in_its_window_when_read_from_disk(windows, damaged):
    made = schedule(windows)
    reader = BatchReader(windows, made, cache="never")
    good, bad = [], []
    for step in (step for step in range(20) if made.task(step) == "a"):
        starts = windows["a"].starts[made.indices(step)]
        (bad if ((starts <= 12) & (starts > 12 - 5)).any() else good).append(step)
    assert [reader.read(step).task for step in good] == ["a"] * len(good) != []
    for step in bad:
        with pytest.raises(DataError, match=r"the window at frame (8|9|10|11|12) of task 'a' has the value '300'"):
            reader.read(step)
    assert bad


def test_an_infinite_value_is_named_where_no_range_is_declared(tiny, tmp_path):
    sequences = [replace(own, frames=own.frames.astype(np.float32)) for own in tiny.three()]
    store = prepare(tiny(sequences, missing="mask"), tmp_path / "s.zarr")
    frames = zarr.open_group(store.path, mode="r+")["frames"]
    frames[3, 0, 0, 0], frames[4, 0, 0, 0] = np.nan, np.inf
    own = {"a": Windows(store, "train", 3, 2)}
    with pytest.raises(DataError, match="frame 4 of task 'a' has the value 'inf', its card says -inf to inf"):
        BatchReader(own, schedule(own))


@pytest.mark.parametrize("room", ["none", "frames", "values"])
def test_packed_frames_are_held_unpacked_as_far_as_memory_goes(tiny, tmp_path, monkeypatch, room):
    packing = {"scale_factor": 0.5, "add_offset": 2.0, "fill_value": 7.0, "missing": "mask"}
    store = prepare(tiny(tiny.three(), **packing), tmp_path / "s.zarr")
    whole, values = store.read(0, 60), 60 * 2 * 4 * 5
    free = {"none": 2 * values - 1, "frames": 4 * values - 1, "values": 4 * values}[room]
    monkeypatch.setattr("unistd.core.data.batches.available_memory", lambda: 2 * free)
    own = {"a": Windows(store, "train", 3, 2)}
    reader = BatchReader(own, schedule(own))
    assert (store.held, store.packed) == {"none": (False, True), "frames": (True, True), "values": (True, False)}[room]
    BatchReader(own, schedule(own))  # of a store that is held already
    np.testing.assert_array_equal(store.read(0, 60), whole)
    assert np.isnan(whole).any()
    batch = reader.read(3)
    for i, start in enumerate(batch.starts.tolist()):
        np.testing.assert_array_equal(batch.past[i], whole[start : start + 3])
        np.testing.assert_array_equal(batch.future[i], whole[start + 3 : start + 5])


def test_coins_are_tossed_only_for_tasks_with_mirrors(windows, monkeypatch):
    made = schedule(windows)
    reader = BatchReader(windows, made)
    monkeypatch.setattr(JointSchedule, "coins", None)
    assert [reader.read(step).task for step in range(4)] == [made.task(step) for step in range(4)]


def test_unpacking_one_store_leaves_less_memory_for_the_next(tiny, tmp_path):
    stores = [prepare(tiny(tiny.three(), scale_factor=0.5), tmp_path / f"{name}.zarr") for name in "ab"]
    hold(stores, 3 * stores[0].nbytes)  # both as they are, and one of them in float32, which is twice as large
    assert [(store.held, store.packed) for store in stores] == [(True, False), (True, True)]

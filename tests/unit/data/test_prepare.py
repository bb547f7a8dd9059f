import errno
import multiprocessing
from dataclasses import replace

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from numcodecs import Zstd

from unistd.core.data.prepare import prepare
from unistd.core.data.store import Store
from unistd.core.errors import DataError
from unistd.core.task import Channel


def test_frames_come_back_as_they_were(tiny, tmp_path):
    sequences = tiny.three()
    store = prepare(tiny(sequences), tmp_path / "s.zarr")
    frames = np.concatenate([s.frames for s in sequences])
    np.testing.assert_array_equal(store.read(0, 60), frames)
    np.testing.assert_array_equal(store.read(17, 23), frames[17:23])
    assert store.read(0, 1).dtype == np.float32
    assert store.grid == (4, 5)
    assert store.split.tolist() == [0] * 20 + [1] * 20 + [2] * 20
    assert store.sequence.tolist() == [0] * 20 + [1] * 20 + [2] * 20
    np.testing.assert_array_equal(store.times[:20], tiny.half_hours(20).astype("datetime64[ms]"))


def test_standard_normalisation_sees_only_valid_training_frames(tiny, tmp_path):
    sequences = tiny.three()
    sequences[0].frames[3, 1] = -99
    store = prepare(
        tiny(sequences, missing="mask", fill_value=-99, scale_factor=0.5, add_offset=7.0), tmp_path / "s.zarr"
    )
    physical = np.where(sequences[0].frames == -99, np.nan, sequences[0].frames * 0.5 + 7)
    np.testing.assert_allclose(store.offset, np.nanmean(physical, (0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(store.scale, np.nanstd(physical, (0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(store.read(0, 20), physical, rtol=1e-6)
    assert store.valid[3] == 20
    assert store.valid[4] == 40


def test_range_normalisation_maps_the_value_range_onto_0_to_1(tiny, tmp_path):
    store = prepare(tiny(tiny.three(), normalization="range", value_range=(-50.0, 150.0)), tmp_path / "s.zarr")
    assert store.offset.tolist() == [-50, -50]
    assert store.scale.tolist() == [200, 200]


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_xarray_opens_it_and_sees_the_same_values_times_and_names(tiny, tmp_path, dtype):
    sequences = [
        replace(
            s,
            frames=s.frames.astype(dtype),
            y=(np.linspace(60, 61, 4), {"units": "degrees_north"}),
            x=(np.linspace(5, 6, 5), {"units": "degrees_east"}),
        )
        for s in tiny.three()
    ]
    sequences[1].frames[2, 0, 1] = -99
    store = prepare(
        tiny(sequences, missing="mask", fill_value=-99, scale_factor=0.5, add_offset=7.0), tmp_path / "s.zarr"
    )
    opened = xr.open_zarr(store.path, consolidated=False)
    assert opened.frames.dims == ("time", "channel", "y", "x")
    np.testing.assert_allclose(opened.frames.values, store.read(0, 60), rtol=1e-6)
    np.testing.assert_array_equal(opened.time.values.astype("datetime64[ms]"), store.times)
    assert opened.y.attrs["units"] == store.y[1]["units"] == "degrees_north"
    assert opened.split.attrs["flag_meanings"] == "train val test"


@pytest.mark.parametrize("dtype", ["i2", "f8"])
def test_smooth_frames_pack_better_by_their_bytes_than_by_their_values(tiny, tmp_path, dtype):
    t, c, y, x = np.indices((20, 2, 64, 64))
    waves = 1000 * np.sin((t + c + y + x) / 20) + 4 * np.random.default_rng(0).normal(size=t.shape)
    frames = waves.round().astype(dtype)
    store = prepare(tiny([replace(own, frames=frames) for own in tiny.three()]), tmp_path / "s.zarr")
    size = sum(file.stat().st_size for file in (store.path / "frames").rglob("0"))
    assert size < 0.95 * 3 * len(Zstd(level=3).encode(frames))


def test_a_gap_in_time_begins_another_sequence(tiny, tmp_path):
    times = np.concatenate([tiny.half_hours(8), tiny.half_hours(12, "2020-01-02")])
    sequences = [tiny.sequence("gappy", "train", times=times), *tiny.three()[1:]]
    assert prepare(tiny(sequences), tmp_path / "s.zarr").sequence[:21].tolist() == [0] * 8 + [1] * 12 + [2]


@pytest.mark.parametrize(
    ("step", "times", "ids"),
    [
        ((1, "M"), ["2020-01-31", "2020-02-29", "2020-03-01", "2020-05-01"], [0, 0, 0, 1]),
        ((3, "M"), ["2020-01-15", "2020-04-15", "2020-07-16", "2020-08-16"], [0, 0, 0, 1]),
        ((40, "ms"), ["2020-01-01T00:00:00.000", "2020-01-01T00:00:00.040", "2020-01-01T00:00:00.081"], [0, 0, 1]),
        ((1, "D"), ["2020-02-28", "2020-02-29", "2020-03-01", "2020-03-01T12"], [0, 0, 0, 1]),
    ],
)
def test_the_step_counts_calendar_months_and_exact_times(tiny, tmp_path, step, times, ids):
    times = np.array(times, "datetime64[ms]")
    train = tiny.sequence("train", "train", count=len(times), times=times)
    store = prepare(tiny([train, *tiny.three()[1:]], step=step), tmp_path / "s.zarr")
    assert store.sequence[: len(times)].tolist() == ids


def test_raw_files_are_checksummed(tiny, tmp_path):
    raw = tmp_path / "raw.bin"
    raw.write_bytes(b"abc")
    sequences = [replace(s, files=(str(raw),)) for s in tiny.three()]
    store = prepare(tiny(sequences), tmp_path / "s.zarr")
    assert store.source_files == {str(raw): "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}


def test_a_missing_raw_file_is_named_before_a_frame_is_read_or_a_file_written(tiny, tmp_path):
    def read(block):
        raise AssertionError

    def lazy(own):
        return da.from_array(own.frames).map_blocks(read, dtype=np.int16, meta=np.empty((0,) * 4, np.int16))

    sequences = [replace(own, frames=lazy(own)) for own in tiny.three()]
    sequences[2] = replace(sequences[2], files=(str(tmp_path / "gone"),))
    with pytest.raises(DataError, match=r"test.npy: there is no raw file '.*gone'"):
        prepare(tiny(sequences), tmp_path / "s.zarr")
    assert [p.name for p in tmp_path.iterdir()] == [".s.zarr.lock"]


def test_a_second_prepare_reads_no_frame(tiny, tmp_path):
    store = prepare(tiny(tiny.three()), tmp_path / "s.zarr")

    class Unreadable(tiny):
        def sequences(self):
            raise AssertionError

    assert prepare(Unreadable([]), store.path).digest == store.digest


def test_the_digest_follows_every_value_and_the_card(tiny, tmp_path):
    digests = {prepare(tiny(tiny.three()), tmp_path / "a.zarr").digest}
    changed = tiny.three()
    changed[2].frames[19, 1, 3, 4] += 1
    digests.add(prepare(tiny(changed), tmp_path / "b.zarr").digest)
    digests.add(prepare(tiny(tiny.three(), version="2"), tmp_path / "c.zarr").digest)
    assert len(digests) == 3
    assert prepare(tiny(tiny.three()), tmp_path / "d.zarr").digest in digests


def test_what_a_dead_run_left_is_cleared_away(tiny, tmp_path):
    left = tmp_path / ".s.zarr.partial" / "frames"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"x")
    prepare(tiny(tiny.three()), tmp_path / "s.zarr")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".s.zarr.lock", "s.zarr"]


def _prepare_and_tell(task, path, answers):
    answers.put(prepare(task, path).digest)


def test_processes_that_prepare_the_same_store_end_with_one_whole_store(tiny, tmp_path):
    context = multiprocessing.get_context("fork")  # the task's class exists only in this process
    answers = context.Queue()
    with dask.config.set(scheduler="synchronous"):
        arguments = (tiny(tiny.three()), tmp_path / "s.zarr", answers)
        processes = [context.Process(target=_prepare_and_tell, args=arguments) for _ in range(3)]
        for process in processes:
            process.start()
        digests = {answers.get(timeout=60) for _ in processes}
        for process in processes:
            process.join()
    assert digests == {Store.open(tmp_path / "s.zarr").digest}


class Refused(Exception):
    """Stands for any mistake in a task's own reading."""


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space"), Refused(), KeyboardInterrupt()])
def test_a_stop_half_way_leaves_nothing(tiny, tmp_path, error):
    def fail(block):
        raise error

    train, *rest = tiny.three()
    lazy = replace(
        train, frames=da.from_array(train.frames).map_blocks(fail, dtype=np.int16, meta=np.empty((0,) * 4, np.int16))
    )
    told = DataError if isinstance(error, OSError) else type(error)
    with pytest.raises(told, match="the disk is full; no store was written" if told is DataError else None):
        prepare(tiny([*rest, lazy]), tmp_path / "s.zarr")
    assert [p.name for p in tmp_path.iterdir()] == [".s.zarr.lock"]


def spoil(array, index, value):
    array = array.astype(np.float32)
    array[index] = value
    return array


VALUES = [
    (np.nan, {}, r"val.npy, frame 7 \(2020-01-01T03:30.*'outflow' has a missing value .*missing: error.*y 1, x 2"),
    (-5, {"fill_value": -5}, r"val.npy, frame 7 .*'outflow' has a missing value"),
    (np.inf, {"missing": "mask"}, r"val.npy, frame 7 .*has an infinite value: 'inf'"),
    (1e30, {"scale_factor": 1e30}, r"val.npy, frame 7 .*has an infinite value"),
    (101, {"value_range": (0.0, 100.0)}, r"val.npy, frame 7 .*outside its card's value_range 0.0 to 100.0: '101.0'"),
]


@pytest.mark.parametrize(("value", "card", "message"), VALUES)
def test_a_value_that_breaks_the_card_is_named_with_its_place(tiny, tmp_path, value, card, message):
    sequences = [replace(s, frames=s.frames.astype(np.float32)) for s in tiny.three()]
    sequences[1] = replace(sequences[1], frames=spoil(sequences[1].frames, (7, 1, 1, 2), value))
    with pytest.raises(DataError, match=message):
        prepare(tiny(sequences, **card), tmp_path / "s.zarr")
    assert not (tmp_path / "s.zarr").exists()


def test_a_channel_that_teaches_nothing_is_refused(tiny, tmp_path):
    constant, missing = tiny.three(), tiny.three()
    constant[0].frames[:, 1] = 4
    missing[0].frames[:, 1] = -1
    with pytest.raises(DataError, match=r"channel 'outflow' of task 'tiny' is '4.0' everywhere in the training split"):
        prepare(tiny(constant), tmp_path / "s.zarr")
    with pytest.raises(DataError, match=r"channel 'outflow' of task 'tiny' is missing everywhere"):
        prepare(tiny(missing, missing="mask", fill_value=-1), tmp_path / "s.zarr")


CARDS = [
    ({"step": (1, "week")}, "step '1 week' of task 'tiny' is no time step.*help: units: ms, s, m, h, D, M"),
    ({"normalization": "range"}, "normalised by 'range' but its card has no value_range"),
    ({"value_range": (3.0, 3.0)}, r"value_range '\(3.0, 3.0\)' of task 'tiny' is empty"),
    ({"stride": (1, 0, 1)}, r"stride '\(1, 0, 1\)' of task 'tiny' is not one count of frames, 1 or more, for each"),
    ({"scale_factor": 0.0}, "scale_factor of task 'tiny' is '0.0'"),
    (
        {"channels": (Channel(name="inflow", unit="1"),)},
        "train.npy: frames do not fit: '2' channels, the card has 1: inflow",
    ),
    ({"fill_value": 1e6}, "type 'int16' cannot hold the card's fill_value 1000000.0"),
    ({"fill_value": float("nan")}, "type 'int16' cannot hold the card's fill_value nan"),
]


@pytest.mark.parametrize(("card", "message"), CARDS)
def test_a_card_that_does_not_fit_is_refused(tiny, tmp_path, card, message):
    with pytest.raises(DataError, match=f"(?s){message}"):
        prepare(tiny(tiny.three(), **card), tmp_path / "s.zarr")


SEQUENCES = [
    (
        {"frames": np.zeros((20, 4, 5))},
        r"val.npy: frames do not fit: shape '\(20, 4, 5\)' is not \(time, channel, y, x\)",
    ),
    ({"frames": np.zeros((20, 2, 4, 6), "i2")}, r"grid '\(4, 6\)', sequence 'train.npy' has \(4, 5\)"),
    ({"frames": np.zeros((20, 2, 4, 5), "u1")}, "type 'uint8', sequence 'train.npy' has int16"),
    ({"y": (np.arange(4.0), {})}, "coordinate 'y' is not that of sequence 'train.npy'"),
    ({"x": (np.arange(4.0), {})}, "'4' values of coordinate x, the grid has 5"),
    ({"times": np.arange(20)}, r"20 frames have times of shape '\(20,\)' and type 'int64'"),
    ({"times": np.full(20, np.datetime64("NaT", "s"))}, "val.npy: frame 0 has no time"),
    (
        {"times": np.repeat(np.arange("2020-01-01", "2020-01-11", dtype="M8[D]"), 2)},
        "times do not increase: frame 1 has",
    ),
    ({"split": "valid"}, "val.npy: unknown split 'valid'\n  help: splits: train, val, test"),
    ({"split": np.array(["val"] * 3)}, r"20 frames have '\(3,\)' splits"),
    ({"split": "test"}, r"split 'val' of task 'tiny' is empty \(train: 20 frames, val: 0 frames, test: 40 frames\)"),
]


@pytest.mark.parametrize(("changes", "message"), SEQUENCES)
def test_a_sequence_that_does_not_fit_is_named(tiny, tmp_path, changes, message):
    train, val, test = tiny.three()
    with pytest.raises(DataError, match=message):
        prepare(tiny([train, replace(val, **changes), test]), tmp_path / "s.zarr")


def test_a_frame_that_does_not_fit_into_memory_is_told_before_any_is_read(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("unistd.core.data.shards.available_memory", lambda: 799)
    with pytest.raises(DataError, match="a frame of '80' bytes takes 800 to convert, 799 are free"):
        prepare(tiny(tiny.three()), tmp_path / "s.zarr")
    assert not (tmp_path / "s.zarr").exists()
    assert not (tmp_path / ".s.zarr.partial").exists()
    monkeypatch.setattr("unistd.core.data.shards.available_memory", lambda: 800)
    prepare(tiny(tiny.three()), tmp_path / "s.zarr")


def test_a_task_without_frames_is_refused(tiny, tmp_path):
    with pytest.raises(DataError, match="task 'tiny' gives no sequence of frames"):
        prepare(tiny([]), tmp_path / "s.zarr")

import csv

import h5py
import numpy as np
import pytest

from unistd.core.data.prepare import prepare
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError
from unistd.plugins.weather.sevir import Sevir, catalogue_events

HEADER = ("id", "file_name", "file_index", "img_type", "time_utc", "minute_offsets", "event_id", "pct_missing")
STORMS = "vil/2019/SEVIR_VIL_STORMEVENTS_2019_0101_0630.h5"


def row(name, time, index=0, file=STORMS, kind="vil", missing="0.0"):
    return (name, file, index, kind, time, ":".join(map(str, range(-120, 125, 5))), "", missing)


def catalogue(folder, rows, header=HEADER):
    with (folder / "CATALOG.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return folder / "CATALOG.csv"


def write(folder, names, file=STORMS, dtype=np.uint8, **shape):
    """Events whose frame k holds k at its first pixel and 100 + the event's row at (5, 7)."""
    path = folder / "data" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as target:
        target["id"] = np.array(names, "S20")
        vil = target.create_dataset("vil", shape.get("shape", (len(names), 384, 384, 49)), dtype, chunks=True)
        if not shape:
            for number in range(len(names)):
                frames = np.zeros((384, 384, 49), dtype)
                frames[0, 0], frames[5, 7] = np.arange(49), 100 + number
                vil[number] = frames
    return path


@pytest.fixture
def storms(tmp_path):
    """Three storms in one file and another order than the catalogue's, beside entries that are not used."""
    write(tmp_path, ["S3", "S1", "S2", "S4"])
    rows = [
        row("S1", "2018-12-31 20:00:00", 1),
        row("S2", "2019-01-01 06:00:00", 2),
        row("S3", "2019-06-01 06:00:00", 0),
        row("S3", "2019-06-01 06:00:00", 0, "vis/2019/none.h5", kind="vis"),
        row("S4", "2018-05-01 00:00:00", 3, missing="0.25"),
        row("R9", "2018-05-01 00:00:00", 3),
        row("R9", "2018-05-01 00:00:00", 4),
    ]
    catalogue(tmp_path, rows)
    return tmp_path


def test_the_catalogue_gives_the_published_numbers_of_events(tmp_path):
    (tmp_path / "data/vil/2019").mkdir(parents=True)
    (tmp_path / "data" / STORMS).touch()
    spans = {"train": ("2017-06-01", 11_906), "val": ("2019-01-02", 3_020), "test": ("2019-06-02", 4_053)}
    rows = [
        row(f"{split}{n}", f"{np.datetime64(first) + np.timedelta64(n, 'h')}:00:00".replace("T", " "), n)
        for split, (first, count) in spans.items()
        for n in range(count)
    ]
    path = catalogue(tmp_path, rows[::-1])
    counts = {"train": 0, "val": 0, "test": 0}
    for event in catalogue_events(path, apart=False):
        counts[event.split] += 1
    windows_each = len(range(0, 49 - 25 + 1, 12))
    assert {split: windows_each * n for split, n in counts.items()} == {"train": 35_718, "val": 9_060, "test": 12_159}


@pytest.mark.parametrize(
    ("time", "earthformer", "unistd"),
    [
        ("2019-01-01 00:00:00", "train", "train"),
        ("2019-01-01 00:05:00", "val", None),
        ("2019-01-01 04:00:00", "val", None),
        ("2019-01-01 04:05:00", "val", "val"),
        ("2019-06-01 00:00:00", "val", "val"),
        ("2019-06-01 03:00:00", "test", None),
        ("2019-06-01 05:00:00", "test", "test"),
    ],
)
def test_events_right_after_a_boundary_are_left_out_by_unistd(storms, time, earthformer, unistd):
    path = catalogue(storms, [row("S1", time, 1)])
    assert [event.split for event in catalogue_events(path, apart=False)] == [earthformer]
    assert [event.split for event in catalogue_events(path, apart=True)] == [unistd] * (unistd is not None)


def test_events_are_sequences_of_three_windows(storms, tmp_path):
    task = Sevir(root=storms)
    assert [(s.name, s.split, str(s.times[0])) for s in task.sequences()] == [
        ("S1", "train", "2018-12-31T18:00"),
        ("S2", "val", "2019-01-01T04:00"),
        ("S3", "test", "2019-06-01T04:00"),
    ]
    store = prepare(task, tmp_path / "s.zarr")
    windows = {split: Windows(store, split, 13, 12) for split in ("train", "val", "test")}
    assert [w.starts.tolist() for w in windows.values()] == [[0, 12, 24], [49, 61, 73], [98, 110, 122]]
    past, future = windows["val"].read([1])
    assert past[0, :, 0, 0, 0].tolist() == list(range(12, 25))
    assert future[0, :, 0, 0, 0].tolist() == list(range(25, 37))
    assert windows["test"].read([2])[1][0, -1, 0, 5, 7] == 100
    assert store.scale.tolist() == [255]


def test_byte_255_is_missing_for_unistd_and_the_heaviest_rain_for_the_benchmarks(storms, tmp_path):
    with h5py.File(storms / "data" / STORMS, "a") as file:
        file["vil"][1, 3, 4, 10] = 255
    masked = prepare(Sevir(root=storms), tmp_path / "u.zarr")
    assert np.isnan(masked.read(10, 11)[0, 0, 3, 4])
    assert masked.valid[[9, 10]].tolist() == [384 * 384, 384 * 384 - 1]
    counted = prepare(Sevir(root=storms, protocol="earthformer"), tmp_path / "e.zarr")
    assert counted.read(10, 11)[0, 0, 3, 4] == 255
    assert counted.valid[10] == 384 * 384


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: write(f, ["S3", "S2", "S1", "S4"]), "row 1 is event 'S2' instead of S1"),
        (lambda f: write(f, ["S3"]), "row 1 is event 'nothing' instead of S1"),
        (lambda f: write(f, ["S3", "S1"], dtype=np.int16), "of int16 instead of (2, 384, 384, 49) of uint8"),
        (
            lambda f: write(f, ["S3", "S1"], shape=(2, 49, 384, 384)),
            "'vil' has shape '(2, 49, 384, 384)' of uint8 instead",
        ),
        (lambda f: h5py.File(f / "data" / STORMS, "w").create_dataset("id", 3, "S4").file.close(), "no array 'vil'"),
        (
            lambda f: (f / "data" / STORMS).write_bytes((f / "data" / STORMS).read_bytes()[:-99]),
            "event 'S1' cannot be read",
        ),
    ],
)
def test_a_file_that_is_not_what_the_catalogue_says_is_named(storms, spoil, message):
    spoil(storms)
    first = next(Sevir(root=storms).sequences())
    with pytest.raises(DataError) as caught:
        first.frames.compute()
    assert str(caught.value).startswith(f"{storms / 'data' / STORMS}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row("S1", "2018-13-01 00:00:00")], "CATALOG.csv: line 2 is no event: "),
        ([row("S1", "2018-01-01 00:00:00"), row("S2", "2018-01-01", index="")], "CATALOG.csv: line 3 is no event: "),
        ([row("S1", "2018-01-01 00:00:00", missing="")], "CATALOG.csv: line 2 is no event: "),
        ([row("S1", "2018-01-01 00:00:00", file="vil/2018/a.h5")], "a.h5: no file 'vil/2018/a.h5'"),
    ],
)
def test_a_bad_entry_of_the_catalogue_is_named(storms, rows, message):
    (storms / "data/vil/2018").mkdir()
    catalogue(storms, rows)
    with pytest.raises(DataError) as caught:
        list(Sevir(root=storms).sequences())
    assert message in str(caught.value)


def test_a_catalogue_of_other_columns_or_none_is_named(storms):
    path = catalogue(storms, [], header=HEADER[:-1])
    with pytest.raises(DataError, match=r"CATALOG\.csv: no column 'pct_missing'"):
        list(Sevir(root=storms).sequences())
    path.unlink()
    with pytest.raises(DataError, match=r"no file 'CATALOG\.csv'"):
        list(Sevir(root=storms).sequences())


@pytest.fixture
def predbench(tmp_path):
    for number, split in enumerate(("train", "val", "test")):
        (tmp_path / split).mkdir()
        event = np.zeros((1, 384, 384, 49), np.uint8)
        event[0, 8, 9] = 50 * number + np.arange(49)
        np.save(tmp_path / split / "a.npy", event)
    return tmp_path


def test_predbench_has_a_folder_for_each_split_and_a_file_for_each_event(predbench, tmp_path):
    np.save(predbench / "train" / "b.npy", np.zeros((1, 384, 384, 49), np.uint8))
    store = prepare(Sevir(root=predbench, protocol="predbench"), tmp_path / "s.zarr")
    assert [len(Windows(store, split, 13, 12)) for split in ("train", "val", "test")] == [6, 3, 3]
    assert Windows(store, "test", 13, 12).read([1])[0][0, :, 0, 8, 9].tolist() == list(range(112, 125))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda p: np.save(p, np.zeros((384, 384, 49), np.uint8)),
            "has shape '(384, 384, 49)' of uint8 instead of (1, 384",
        ),
        (
            lambda p: np.save(p, np.zeros((1, 384, 384, 49), np.float32)),
            "of float32 instead of (1, 384, 384, 49) of uint8",
        ),
        (lambda p: p.write_bytes(p.read_bytes()[:-9]), "cannot be read as npy"),
        (lambda p: p.write_bytes(b""), "cannot be read as npy"),
    ],
)
def test_a_damaged_file_of_predbench_is_named(predbench, spoil, message):
    path = predbench / "val" / "a.npy"
    spoil(path)
    events = {sequence.name: sequence for sequence in Sevir(root=predbench, protocol="predbench").sequences()}
    with pytest.raises(DataError) as caught:
        events["val/a.npy"].frames.compute()
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_an_empty_or_missing_folder_of_predbench_is_named(predbench):
    (predbench / "val" / "a.npy").unlink()
    with pytest.raises(DataError, match=r"no event, '\*\.npy', for split 'val'"):
        list(Sevir(root=predbench, protocol="predbench").sequences())
    (predbench / "val").rmdir()
    with pytest.raises(DataError, match="no folder with the raw files 'val'"):
        list(Sevir(root=predbench, protocol="predbench").sequences())

import json

import h5py
import numpy as np
import pytest

from unistd.core.data.prepare import prepare
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError
from unistd.plugins.traffic.config import CITIES
from unistd.plugins.traffic.traffic4cast import LISTS, Traffic4Cast

# Files of PredBench's lists by city, in 2019 and 2020.
LISTED = {
    "train": ((136, 147), (154, 28), (143, 135), (143, 0), (146, 0), (104, 0), (144, 0)),
    "val": ((24, 18), (11, 2), (19, 21), (21, 0), (15, 0), (8, 0), (21, 0)),
    "test": ((20, 16), (15, 7), (18, 25), (16, 0), (19, 0), (10, 0), (15, 0)),
}


def entry(city, date):
    return f"{city}/training/{date}_{city}_8ch.h5"


def touch(folder, name):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def write_day(folder, city, date, dtype=np.uint8, shape=(288, 495, 436, 8), key="array"):
    """A day as the publisher writes it, a chunk a slot; slots never written take no room and read as 0."""
    touch(folder, entry(city, date))
    with h5py.File(folder / entry(city, date), "w") as file:
        film = file.create_dataset(key, shape, dtype, chunks=(1, *shape[1:]), compression="gzip")
        slot = np.zeros(shape[1:], dtype)
        slot[183, 162, 0], slot[310, 273, 7], slot[182, 162, 1], slot[311, 273, 1] = 11, 22, 33, 44
        film[20], film[21] = slot, 2 * slot


@pytest.fixture
def lists(tmp_path):
    """PredBench's three lists in another order than time's, with as many days of each city and year."""
    rest = {(c, y): [np.datetime64(f"{y}-01-01") + d for d in range(181)] for c in CITIES for y in (2019, 2020)}
    for split, counts in LISTED.items():
        names = [
            entry(city, rest[city, year].pop(0))
            for city, years in zip(CITIES, counts, strict=True)
            for year, count in zip((2019, 2020), years, strict=True)
            for _ in range(count)
        ]
        (tmp_path / LISTS[split]).write_text(json.dumps(names[::-1]))
        for name in names:
            touch(tmp_path, name)
    return tmp_path


def test_predbench_lists_give_its_numbers_of_windows(lists, count_windows):
    assert count_windows(Traffic4Cast(root=lists, protocol="predbench")) == (35_840, 4_480, 4_508)


def test_a_part_of_the_cities_may_be_taken(lists, count_windows):
    task = Traffic4Cast(root=lists, protocol="predbench", cities=["BERLIN", "BERLIN"])
    assert count_windows(task) == (143 * 28, 21 * 28, 16 * 28)


def relist(split, change):
    def spoil(folder):
        path = folder / LISTS[split]
        path.write_text(change(json.loads(path.read_text())))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda folder: (folder / entry("CHICAGO", "2019-02-03")).unlink(),
            "no file 'CHICAGO/training/2019-02-03_CHICAGO",
        ),
        (lambda folder: (folder / LISTS["val"]).unlink(), "no file 'traffic4cast2021_val.json'"),
        (relist("val", lambda names: json.dumps(names)[:-9]), "traffic4cast2021_val.json: cannot be read as JSON"),
        (
            relist("val", lambda names: json.dumps({"files": names})),
            "traffic4cast2021_val.json: is no list of file names",
        ),
        (
            relist("val", lambda names: json.dumps([*names, entry("BERLIN", "2019-01-01")])),
            "'BERLIN/training/2019-01-01_BERLIN_8ch.h5' is listed twice, in train and val",
        ),
        (relist("test", lambda names: json.dumps(names[200:])), "no day of 'ANTWERP' for split 'test'"),
    ],
)
def test_lists_that_cannot_be_followed_are_refused(lists, spoil, message):
    spoil(lists)
    with pytest.raises(DataError) as caught:
        list(Traffic4Cast(root=lists, protocol="predbench").sequences())
    assert message in str(caught.value)


def test_unistd_divides_whole_weeks_of_each_city(tmp_path, count_windows):
    days = np.arange("2019-01-02", "2019-07-01", dtype="datetime64[D]")
    for city in CITIES:
        for day in days:
            touch(tmp_path, entry(city, day))
    task = Traffic4Cast(root=tmp_path)
    by_split = {split: set() for split in ("train", "val", "test")}
    for sequence in task.sequences():
        by_split[sequence.split].add(sequence.times[0].astype("datetime64[D]"))
    # Of 180 days from a Wednesday the weeks from 14 January, 25 March and 3 June validate, the ones after them test.
    assert [len(by_split[split]) for split in ("train", "val", "test")] == [138, 21, 21]
    assert {split: sorted({(d.astype(int) - 4) // 7 % 10 for d in by_split[split]}) for split in by_split} == {
        "train": list(range(8)),
        "val": [8],
        "test": [9],
    }
    assert count_windows(task) == (7 * 138 * 28, 7 * 21 * 28, 7 * 21 * 28)


@pytest.fixture
def berlin(tmp_path):
    for date in ("2019-03-04", "2019-03-25", "2019-04-01"):
        write_day(tmp_path, "BERLIN", date)
    return tmp_path


def test_the_middle_of_each_day_becomes_windows(berlin, tmp_path):
    store = prepare(Traffic4Cast(root=berlin, cities=["BERLIN"]), tmp_path / "s.zarr")
    assert store.grid == (128, 112)
    windows = {split: Windows(store, split, 9, 3) for split in ("train", "val", "test")}
    assert [len(w) for w in windows.values()] == [28, 28, 28]
    assert {split: str(store.times[w.starts[1]]) for split, w in windows.items()} == {
        "train": "2019-03-04T00:50:00.000",
        "val": "2019-03-25T00:50:00.000",
        "test": "2019-04-01T00:50:00.000",
    }
    past, future = windows["test"].read([2, 1])
    assert past[0, 0, 0, 0, 0] == 11  # slot 20 is the first of window 2
    assert past[0, 1, 7, 127, 111] == 44
    assert future[1, 1].sum() == 11 + 22  # and the last but one of window 1; rows 182 and 311 are beyond the edge
    assert store.scale.tolist() == [255] * 8


def truncate(folder):
    path = folder / entry("BERLIN", "2019-03-25")
    path.write_bytes(path.read_bytes()[:-50])


def corrupt(folder):
    """Zeros over the compressed bytes of slot 20."""
    path = folder / entry("BERLIN", "2019-03-25")
    with h5py.File(path) as file:
        chunk = file["array"].id.get_chunk_info(0)
    with path.open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(bytes(chunk.size))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: write_day(f, "BERLIN", "2019-03-25", dtype=np.uint16),
            "of uint16 instead of (288, 495, 436, 8) of uint8",
        ),
        (
            lambda f: write_day(f, "BERLIN", "2019-03-25", shape=(287, 495, 436, 8)),
            "has shape '(287, 495, 436, 8)' of uint8",
        ),
        (lambda f: write_day(f, "BERLIN", "2019-03-25", key="data"), "no array 'array'\n  help: the file holds data"),
        (truncate, "cannot be read as HDF5"),
        (corrupt, "cannot be read as HDF5"),
    ],
)
def test_a_damaged_day_is_named(berlin, tmp_path, spoil, message):
    spoil(berlin)
    sequences = {sequence.name: sequence for sequence in Traffic4Cast(root=berlin, cities=["BERLIN"]).sequences()}
    with pytest.raises(DataError) as caught:
        sequences["2019-03-25_BERLIN_8ch.h5"].frames[20:22].compute()
    assert str(caught.value).startswith(f"{berlin / entry('BERLIN', '2019-03-25')}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("BERLIN/training/2019-06-31_BERLIN_8ch.h5", "is not named yyyy-mm-dd_BERLIN_8ch.h5"),
        ("BERLIN/training/2019-06-30_MOSCOW_8ch.h5", "is not named yyyy-mm-dd_BERLIN_8ch.h5"),
        ("BERLIN/training/BERLIN_static.h5", "is not named yyyy-mm-dd_BERLIN_8ch.h5"),
    ],
)
def test_another_file_among_the_days_is_refused(berlin, name, message):
    touch(berlin, name)
    with pytest.raises(DataError) as caught:
        list(Traffic4Cast(root=berlin, cities=["BERLIN"]).sequences())
    assert message in str(caught.value)


def test_a_missing_city_and_a_missing_week_are_named(berlin):
    with pytest.raises(DataError, match="no folder with the raw files 'ANTWERP/training'"):
        list(Traffic4Cast(root=berlin).sequences())
    (berlin / entry("BERLIN", "2019-03-25")).unlink()
    with pytest.raises(DataError, match="no day of 'BERLIN' for split 'val'"):
        list(Traffic4Cast(root=berlin, cities=["BERLIN"]).sequences())

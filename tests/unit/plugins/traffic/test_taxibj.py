import h5py
import numpy as np
import pytest

from unistd.core.data.prepare import prepare
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError
from unistd.plugins.traffic.clips import npz_clips
from unistd.plugins.traffic.taxibj import FILES, TaxiBj

FIRST = {"13": "2013-07-01", "14": "2014-03-01", "15": "2015-03-01", "16": "2016-02-12"}


def dates(first, count):
    """Half hours as DeepST writes them: day and 01 to 48."""
    for half_hour in range(count):
        day = np.datetime64(first, "D") + half_hour // 48
        yield f"{str(day).replace('-', '')}{half_hour % 48 + 1:02}"


def write(path, stamps, data=None, **names):
    stamps = list(stamps)
    if data is None:
        data = np.arange(len(stamps), dtype=np.float32)[:, None, None, None] % 1200 + np.zeros(
            (1, 2, 32, 32), np.float32
        )
        data[:, 1] += 1
    with h5py.File(path, "w") as file:
        file[names.get("date", "date")] = np.array(stamps, "S10")
        file[names.get("data", "data")] = data


@pytest.fixture
def official(tmp_path):
    """A day and a half of each file, with half hours missing; the last one to 2016-03-14 22:00 and beyond."""
    for year, name in zip(FIRST, FILES, strict=True):
        stamps = list(dates(FIRST[year], 72 if year != "16" else 48 * 33))
        write(tmp_path / name, stamps[:20] + stamps[25:])
    return tmp_path


def test_official_files_with_gaps_between_and_inside_them(official, tmp_path, count_windows):
    store = prepare(TaxiBj(root=official), tmp_path / "s.zarr")
    assert len(store) == 3 * 67 + 48 * 33 - 5
    train, val, test = (Windows(store, split, 4, 4) for split in ("train", "val", "test"))
    # Three files of 20 + 47 half hours; from 12 February 2016 20 + 119 to train, 28 days to validate, 2 days to test.
    assert len(train) == 3 * (13 + 40) + 13 + (119 - 7)
    assert len(val) == 48 * 28 - 7 - 8
    assert len(test) == 48 * 2 - 7 - 8
    assert count_windows(TaxiBj(root=official)) == (len(train), len(val), len(test))
    assert str(store.times[test.starts[0]]) == "2016-03-14T04:00:00.000"
    assert str(store.times[val.starts[-1] + 7]) == "2016-03-13T23:30:00.000"
    past, future = train.read([13])  # the first window after the gap: half hours 25 to 32 of 1 July 2013
    assert past[0, :, 0, 0, 0].tolist() == [20, 21, 22, 23]
    assert future[0, :, 1, 5, 7].tolist() == [25, 26, 27, 28]
    assert str(store.times[train.starts[13]]) == "2013-07-01T12:30:00.000"
    np.testing.assert_array_equal(store.scale, np.float32([1292, 1292]))


@pytest.mark.parametrize(
    ("write_other", "message"),
    [
        (lambda p: write(p, dates("2014-03-01", 9), data="x"), "'data' has shape '()' instead of (9, 2, 32, 32)"),
        (
            lambda p: write(p, dates("2014-03-01", 9), data=np.zeros((9, 32, 32, 2))),
            "shape '(9, 32, 32, 2)' instead of",
        ),
        (lambda p: write(p, ["2014030100"]), "date 0 is '2014030100', no day and half hour 01 to 48"),
        (lambda p: write(p, ["2014030149"]), "date 0 is '2014030149', no day"),
        (lambda p: write(p, ["2014023001"]), "date 0 is '2014023001', no day"),
        (lambda p: write(p, ["14030101"]), "date 0 is '14030101', no day"),
        (lambda p: write(p, dates("2014-03-01", 9), data=None, date="time"), "no array 'date'\n  help: the file holds"),
        (lambda p: p.write_bytes(p.read_bytes()[:-700]), "cannot be read as HDF5"),
        (lambda p: p.write_text("404"), "cannot be read as HDF5"),
        (lambda p: p.unlink(), "no file 'BJ14_M32x32_T30_InOut.h5'"),
    ],
)
def test_an_official_file_that_is_not_what_it_should_be_is_named(official, write_other, message):
    path = official / FILES[1]
    write_other(path)
    with pytest.raises(DataError) as caught:
        list(TaxiBj(root=official).sequences())
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_half_hours_out_of_order_are_refused(official, tmp_path):
    write(official / FILES[2], ["2015030102", "2015030101"])
    with pytest.raises(DataError, match=r"BJ15.*: times do not increase"):
        prepare(TaxiBj(root=official), tmp_path / "s.zarr")


def openstl_archive(save=np.savez, train=40, test=6, **change):
    """Windows at every half hour of one record, as values in [-1, 1]."""
    record = np.linspace(-1, 1, train + test + 14).astype(np.float32)[:, None, None, None] + np.zeros((1, 2, 32, 32))
    windows = np.stack([record[i : i + 8] for i in range(train + test + 7)]).astype(np.float32)
    parts = {"train": windows[:train], "test": windows[train + 7 : train + 7 + test]}
    arrays = {f"{xy}_{k}": v[:, s] for k, v in parts.items() for xy, s in (("X", slice(4)), ("Y", slice(4, 8)))}

    def write(path):
        save(path, **{**arrays, **change})
        return record

    return write


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_openstl_keeps_its_test_windows_and_validates_on_the_end_of_its_training_windows(tmp_path, save):
    record = openstl_archive(save)(tmp_path / "dataset.npz")
    store = prepare(TaxiBj(root=tmp_path, protocol="openstl"), tmp_path / "s.zarr")
    train, val, test = (Windows(store, split, 4, 4) for split in ("train", "val", "test"))
    assert [len(train), len(val), len(test)] == [40 - 6 - 7, 6, 6]
    past, future = train.read([0, 26])
    np.testing.assert_allclose(past[1, :, 0, 0, 0], (record[26:30, 0, 0, 0] + 1) / 2, atol=1e-6)
    np.testing.assert_allclose(future[1, :, 1, 9, 3], (record[30:34, 1, 9, 3] + 1) / 2, atol=1e-6)
    np.testing.assert_allclose(val.read([0])[0][0, 0, 0, 0, 0], (record[34, 0, 0, 0] + 1) / 2, atol=1e-6)
    np.testing.assert_allclose(test.read([5])[0][0, 0, 0, 0, 0], (record[52, 0, 0, 0] + 1) / 2, atol=1e-6)
    everything = {
        split: set(np.concatenate(windows.read(range(len(windows))), axis=1)[:, :, 0, 0, 0].ravel().tolist())
        for split, windows in (("train", train), ("val", val), ("test", test))
    }
    assert not everything["val"] & everything["train"]
    assert not everything["val"] & everything["test"]


def test_an_archive_is_read_in_blocks(tmp_path):
    write_archive = openstl_archive(train=530)
    write_archive(tmp_path / "dataset.npz")
    clips = npz_clips(tmp_path / "dataset.npz", ("X_train", "Y_train"), (2, 32, 32))
    assert clips.chunks[0] == (512, 18)
    with np.load(tmp_path / "dataset.npz") as archive:
        whole = np.concatenate([archive["X_train"], archive["Y_train"]], axis=1)
    np.testing.assert_array_equal(clips[505:520].compute(), whole[505:520])


def flip_a_byte(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 255
    path.write_bytes(raw)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            openstl_archive(X_test=np.zeros((6, 4, 32, 32, 2), np.float32)),
            "'X_test' has shape '(6, 4, 32, 32, 2)' instead of",
        ),
        (
            openstl_archive(Y_test=np.zeros((5, 4, 2, 32, 32), np.float32)),
            "'Y_test' has '5' clips of float32, 'X_test' 6",
        ),
        (
            openstl_archive(Y_train=np.zeros((40, 3, 2, 32, 32), np.float32)),
            "windows of 'train' have '7' frames, not 8",
        ),
        (openstl_archive(train=13), "'13' training windows are too few to validate on as many as the 6 of the test"),
        (flip_a_byte, "is damaged"),
        (lambda path: np.savez(path, X_train=np.zeros(3)), "no array 'Y_train'\n  help: the file holds X_train"),
        (lambda path: path.write_bytes(path.read_bytes()[:-999]), "cannot be read as npz"),
        (lambda path: path.unlink(), "no file 'dataset.npz'"),
    ],
)
def test_an_archive_that_is_not_what_it_should_be_is_named(tmp_path, spoil, message):
    path = tmp_path / "dataset.npz"
    openstl_archive()(path)
    spoil(path)
    with pytest.raises(DataError) as caught:
        list(TaxiBj(root=tmp_path, protocol="openstl").sequences())
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


@pytest.fixture
def predbench(tmp_path):
    for number, (split, clips) in enumerate((("train", 5), ("val", 3), ("test", 2))):
        values = np.arange(clips * 8.0).reshape(clips, 8, 1, 1, 1) + 100 * number
        np.save(tmp_path / f"{split}.npy", values + np.zeros((1, 1, 2, 32, 32)))
    return tmp_path


def test_predbench_has_three_files_of_clips_in_counts(predbench, tmp_path):
    store = prepare(TaxiBj(root=predbench, protocol="predbench"), tmp_path / "s.zarr")
    assert [len(Windows(store, split, 4, 4)) for split in ("train", "val", "test")] == [5, 3, 2]
    past, future = Windows(store, "val", 4, 4).read([1])
    assert past[0, :, 0, 0, 0].tolist() == [108, 109, 110, 111]
    assert future[0, :, 1, 31, 31].tolist() == [112, 113, 114, 115]
    assert store.scale.tolist() == [1250, 1250]


def test_predbench_refuses_other_clips_and_flows_beyond_its_scale(predbench, tmp_path):
    np.save(predbench / "val.npy", np.full((3, 8, 2, 32, 32), 1251.0))
    with pytest.raises(DataError, match=r"val\.npy, val, frame 0.*value_range 0.0 to 1250.0: '1251.0'"):
        prepare(TaxiBj(root=predbench, protocol="predbench"), tmp_path / "s.zarr")
    np.save(predbench / "val.npy", np.zeros((3, 9, 2, 32, 32)))
    with pytest.raises(
        DataError, match=r"val\.npy: has shape '\(3, 9, 2, 32, 32\)' instead of \(clips, 8, 2, 32, 32\)"
    ):
        list(TaxiBj(root=predbench, protocol="predbench").sequences())
    (predbench / "val.npy").write_bytes((predbench / "test.npy").read_bytes()[:-8])
    with pytest.raises(DataError, match=r"val\.npy: cannot be read as npy"):
        list(TaxiBj(root=predbench, protocol="predbench").sequences())

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import zarr

from unistd.core.data.audit import audit
from unistd.core.data.contents import contents, frame_means
from unistd.core.data.prepare import prepare
from unistd.core.errors import DataError
from unistd.core.figures.store import store_png

SHORT = ("train", 20), ("val", 20), ("test", 4)


def test_a_store_as_it_was_written_has_no_problem(tiny, tmp_path):
    store = prepare(tiny(tiny.three()), tmp_path / "s.zarr")
    found = list(audit(store))
    assert [finding.level for finding in found] == ["note"]
    assert found[0].what == (
        "3 unbroken runs of frames; no window crosses from one to another: 19 (2020-01-01T09:30:00.000) |"
        " 20 (2020-01-01T00:00:00.000), 39 (2020-01-01T09:30:00.000) | 40 (2020-01-01T00:00:00.000)"
    )


def test_a_changed_value_is_found_by_the_digest(tiny, tmp_path):
    store = prepare(tiny(tiny.three()), tmp_path / "s.zarr")
    frames = zarr.open_group(store.path, mode="r+")["frames"]
    frames[7, 1, 2, 3] = frames[7, 1, 2, 3] + 1
    problems = [finding.what for finding in audit(store) if finding.level == "problem"]
    assert len(problems) == 1
    assert problems[0].startswith("the content is not what was written: its digest is '")


def test_a_frame_in_windows_of_two_splits_is_found_and_an_empty_one_is_not(tiny, tmp_path):
    train, val, test = tiny.three()
    val.frames[6] = train.frames[11]
    for sequence in (train, val, test):
        sequence.frames[3] = 0
    problems = [f.what for f in audit(prepare(tiny([train, val, test]), tmp_path / "s.zarr")) if f.level == "problem"]
    assert problems == [
        "splits 'train' and 'val' share 1 frames bit for bit: "
        "11 (2020-01-01T05:30:00.000) = 26 (2020-01-01T03:00:00.000)"
    ]


def test_frames_without_a_value_are_no_leak_and_a_split_without_windows_is_told(tiny, tmp_path):
    sequences = [tiny.sequence(split, split, count=n, times=tiny.half_hours(n)) for split, n in SHORT]
    for seed, sequence in enumerate(sequences):
        sequence.frames[:] += 1000 * seed
    lazy = [replace(sequence, frames=sequence.frames.astype(np.float32)) for sequence in sequences]
    for sequence in lazy:
        sequence.frames[1] = np.nan
    found = list(audit(prepare(tiny(lazy, missing="mask"), tmp_path / "s.zarr")))
    assert [finding.what for finding in found if finding.level == "problem"] == []
    assert ("note", "split 'test' has no window of the card's length", "") in found
    places = "1 (2020-01-01T00:30:00.000), 21 (2020-01-01T00:30:00.000), 41 (2020-01-01T00:30:00.000)"
    assert ("note", f"3 frames have no value at all: {places}", "") in found


def test_a_frame_that_a_recorder_repeats_is_told_and_one_of_one_value_is_not(tiny, tmp_path):
    train, val, test = tiny.three()
    train.frames[8] = train.frames[7]
    val.frames[2:5] = 0
    notes = [f.what for f in audit(prepare(tiny([train, val, test]), tmp_path / "s.zarr")) if "bit for bit" in f.what]
    assert notes == ["1 frames are bit for bit the one before them: 8 (2020-01-01T04:00:00.000)"]


def test_a_raw_file_that_changed_or_went_is_told(tiny, tmp_path):
    first, second = tmp_path / "a.npy", tmp_path / "b.npy"
    first.write_bytes(b"one")
    second.write_bytes(b"two")
    sequences = tiny.three()
    sequences[0] = tiny.sequence("train.npy", "train", files=(str(first), str(second)))
    store = prepare(tiny(sequences), tmp_path / "s.zarr")
    first.write_bytes(b"won")
    second.unlink()
    found = [finding for finding in audit(store) if "raw file" in finding.what]
    assert found == [
        ("note", f"raw files that are no longer there: 1, such as '{second}'", ""),
        (
            "problem",
            f"raw file '{first}' is no longer the one that was converted",
            "bring the old file back, or remove the store's folder and prepare it again",
        ),
    ]


@pytest.mark.parametrize("change", ["more", "fewer", "other", "renamed"])
def test_a_folder_of_raw_files_that_changed_is_told(tiny, tmp_path, change):
    folder = tmp_path / "frames"
    (folder / "below").mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(name.encode())
    sequences = [tiny.sequence("train.npy", "train", files=(str(folder),)), *tiny.three()[1:]]
    store = prepare(tiny(sequences), tmp_path / "s.zarr")
    assert list(store.source_files) == [str(folder)]
    (folder / ".hidden").touch()
    (folder / "below/c.png").touch()
    assert not [finding for finding in audit(store) if "raw files" in finding.what]
    if change == "more":
        (folder / "c.png").touch()
    if change == "fewer":
        (folder / "b.png").unlink()
    if change == "other":
        (folder / "a.png").write_bytes(b"a.pnG")
    if change == "renamed":
        (folder / "b.png").rename(folder / "c.png")
    (told,) = [finding.what for finding in audit(store) if "raw files" in finding.what]
    assert told == f"folder '{folder}' of raw files no longer holds those that were converted"


def test_a_raw_file_that_lies_anywhere_is_read_only_if_its_folder_is_named(tiny, tmp_path, monkeypatch):
    secret, inside = tmp_path / "elsewhere/secret", tmp_path / "here"
    secret.parent.mkdir()
    secret.write_bytes(b"one")
    inside.mkdir()
    monkeypatch.chdir(inside)
    (inside / "link").symlink_to(secret)
    for named in (secret, inside / "../elsewhere/secret", inside / "link"):
        sequences = [tiny.sequence("train.npy", "train", files=(str(named),)), *tiny.three()[1:]]
        store = prepare(tiny(sequences), inside / f"{named.name}{len(str(named))}.zarr")
        with pytest.raises(DataError, match="as a raw file, which lies where no raw files are known to be") as caught:
            next(audit(store))
        assert str(named) in str(caught.value)
        assert f"--source {named.parent}" in str(caught.value.help)
        assert not [finding for finding in audit(store, [secret.parent]) if "raw file" in finding.what]


def test_a_raw_file_where_data_is_kept_is_read(tiny, tmp_path, monkeypatch):
    kept = tmp_path / "kept/set/a.npy"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"one")
    sequences = [tiny.sequence("train.npy", "train", files=(str(kept),)), *tiny.three()[1:]]
    store = prepare(tiny(sequences), tmp_path / "stores/s.zarr")
    monkeypatch.chdir(tmp_path / "stores")
    kept.write_bytes(b"won")
    with pytest.raises(DataError, match="which lies where no raw files"):
        next(audit(store))
    monkeypatch.setenv("UNISTD_DATA", str(tmp_path / "kept"))
    assert "is no longer the one" in str([finding.what for finding in audit(store)])


def test_contents_are_those_of_the_frames(tiny, tmp_path):
    train, val, _ = tiny.three()
    train.frames[0, 1] = -1
    sequences = [train, val, tiny.sequence("test.npy", "test", count=4, times=tiny.half_hours(4))]
    store = prepare(tiny(sequences, missing="mask", fill_value=-1), tmp_path / "s.zarr")
    found = contents(store)
    values = np.concatenate([s.frames for s in sequences]).astype(float)
    values[values == -1] = np.nan
    assert found["frames"] == 44
    assert found["splits"]["train"] == {"frames": 20, "windows": 16, "dropped": {"sequence end or gap in time": 4}}
    assert found["splits"]["test"]["windows"] == 0
    assert "the longest usable run is 4, a window needs 5" in found["splits"]["test"]["why"]
    outflow = found["channels"][1]
    assert (outflow["low"], outflow["high"]) == (np.nanmin(values[:, 1]), np.nanmax(values[:, 1]))
    assert outflow["mean"] == pytest.approx(np.nanmean(values[:, 1]))
    assert outflow["missing"] == pytest.approx(1 / 44)
    with np.errstate(invalid="ignore"):
        assert np.isnan(frame_means(store)[0, 1])
    np.testing.assert_allclose(frame_means(store)[1:], np.nanmean(values, axis=(2, 3))[1:], rtol=1e-6)


def test_the_picture_differs_with_the_frames(tiny, tmp_path):
    one = prepare(tiny(tiny.three()), tmp_path / "one.zarr")
    sequences = tiny.three()
    sequences[1].frames[:] = 50
    other = prepare(tiny(sequences), tmp_path / "other.zarr")
    store_png(tmp_path / "one.png", one)
    store_png(tmp_path / "other.png", other)
    pictures = [hashlib.sha256((tmp_path / f"{name}.png").read_bytes()).digest() for name in ("one", "other")]
    assert pictures[0] != pictures[1]

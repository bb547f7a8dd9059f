import numpy as np
import pytest
from PIL import Image

from unistd.core.data.audit import audit
from unistd.core.data.prepare import prepare
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError
from unistd.plugins.motion import human36m
from unistd.plugins.motion.human36m import Clip, Human36m, apart, read_list

FIRST, SECOND = "images/S1_Eating.54138969_", "images/S5_Walking.60457274_"
TRAIN, TEST = [(FIRST, 1), (FIRST, 26), (FIRST, 101), (SECOND, 1), (SECOND, 51)], [(FIRST, 51)]


def listing(path, clips):
    path.write_text("".join(f"{prefix},{start},{start + 70}\n" for prefix, start in clips), encoding="utf-8")


def image(number, size=256):
    """Red tells the number, green is 40, blue 200."""
    return Image.merge("RGB", [Image.new("L", (size, size), value) for value in (number, 40, 200)])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    counts = {"train.txt": 5, "test.txt": 1, "human_train.txt": 4, "human_val.txt": 1, "human_test.txt": 1}
    monkeypatch.setattr(human36m, "WINDOWS", counts)
    monkeypatch.setattr(human36m, "VAL_TAKES", 2)
    listing(tmp_path / "train.txt", TRAIN)
    listing(tmp_path / "test.txt", TEST)
    listing(tmp_path / "human_train.txt", TRAIN[1:])
    listing(tmp_path / "human_val.txt", TRAIN[:1])
    listing(tmp_path / "human_test.txt", TEST)
    (tmp_path / "images").mkdir()
    for prefix, start in TRAIN + TEST:
        for number in range(start, start + 36, 5):
            image(number).save(tmp_path / f"{prefix}{number:06d}.jpg", quality=100, subsampling=0)
    return tmp_path


def names(folder, protocol):
    found = {"train": [], "val": [], "test": []}
    for sequence in Human36m(root=folder, protocol=protocol).sequences():
        found[sequence.split].append(sequence.name.rpartition("/")[2])
    return found


def test_unistd_shares_no_frame_between_splits(folder):
    assert names(folder, "unistd") == {
        "train": ["S1_Eating.54138969_000001.jpg", "S1_Eating.54138969_000101.jpg"],  # 26 overlaps 51, which is tested
        "val": ["S5_Walking.60457274_000001.jpg", "S5_Walking.60457274_000051.jpg"],
        "test": ["S1_Eating.54138969_000051.jpg"],
    }


def test_the_benchmarks_use_their_lists_as_they_are(folder):
    openstl, predbench = names(folder, "openstl"), names(folder, "predbench")
    assert [len(openstl[split]) for split in ("train", "val", "test")] == [5, 1, 1]
    assert openstl["val"] == openstl["test"]
    assert [len(predbench[split]) for split in ("train", "val", "test")] == [4, 1, 1]


@pytest.mark.parametrize(("protocol", "red", "blue"), [("unistd", 0, 2), ("predbench", 0, 2), ("openstl", 2, 0)])
def test_a_window_holds_every_fifth_frame_in_the_order_of_channels_the_card_names(
    folder, tmp_path, protocol, red, blue
):
    task = Human36m(root=folder, protocol=protocol)
    assert [task.card.channels[at].name for at in (red, blue)] == ["red", "blue"]
    store = prepare(task, tmp_path / "store.zarr")
    past, future = Windows(store, "test", 4, 4).read([0])
    assert past.shape == (1, 4, 3, 256, 256)
    np.testing.assert_allclose(past[0, :, red, 9, 9] * 255, [51, 56, 61, 66], atol=3)
    np.testing.assert_allclose(future[0, :, red, 9, 9] * 255, [71, 76, 81, 86], atol=3)
    np.testing.assert_allclose(future[0, :, blue, 9, 9] * 255, [200] * 4, atol=3)
    assert len(Windows(store, "test", 2, 2)) == 1


def test_an_image_that_changed_since_is_told(folder, tmp_path):
    store = prepare(Human36m(root=folder), tmp_path / "store.zarr")
    assert str(folder / "images") in store.source_files
    image(99).save(folder / "images/S1_Eating.54138969_000051.jpg")
    (problem,) = [finding.what for finding in audit(store) if "raw" in finding.what]
    assert problem == f"folder '{folder / 'images'}' of raw files no longer holds those that were converted"


def test_larger_images_are_resized_by_the_filter_of_the_protocol(folder):
    pixels = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), np.uint8)
    path = folder / f"{FIRST}000051.jpg"
    Image.fromarray(pixels).save(path)
    for protocol, resample in (("unistd", Image.Resampling.BILINEAR), ("openstl", Image.Resampling.BICUBIC)):
        want = np.asarray(Image.open(path).resize((256, 256), resample)).transpose(2, 0, 1)
        *_, test = Human36m(root=folder, protocol=protocol).sequences()
        np.testing.assert_array_equal(test.frames[0].compute(), want if protocol == "unistd" else want[::-1])


def test_windows_that_only_interleave_with_a_test_window_are_left_out_too():
    train, val = apart([Clip("a/S1_X.1_", start) for start in (0, 15, 16, 86, 85)], [Clip("a/S1_X.1_", 51 - 1)])
    assert [clip.start for clip in train] == [0, 86]  # 50 − 36 and 50 + 36 are the nearest
    assert val == []


def test_all_cameras_of_a_take_are_in_one_split():
    takes = [f"images/S{subject}_Act.{camera}_" for subject in range(10, 30) for camera in (54, 55, 58, 60)]
    train, val = apart([Clip(prefix, 1) for prefix in takes], [])
    assert {clip.prefix for clip in val} == {prefix for prefix in takes if "S19" in prefix or "S29" in prefix}
    assert len(train) == 18 * 4


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{FIRST},1,61", "is a window of 60 frames instead of 70"),
        (f"{FIRST},1", "is not 'prefix,start,end'"),
        ("", "is not 'prefix,start,end'"),
        (f"{FIRST},one,71", "is not 'prefix,start,end'"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    path = tmp_path / "train.txt"
    path.write_text(f"{FIRST},1,71\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_list(path, 2)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert message in str(caught.value)


def test_a_list_that_is_not_whole_is_named(folder):
    listing(folder / "test.txt", TEST * 2)
    with pytest.raises(DataError, match=r"test\.txt: lists '2' windows instead of 1"):
        names(folder, "unistd")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "cannot be read as an image"),
        (lambda path: path.write_bytes(b""), "cannot be read as an image"),
        (lambda path: Image.new("CMYK", (256, 256)).save(path), "is an image of mode 'CMYK' instead of grey or RGB"),
    ],
)
def test_a_damaged_image_is_named(folder, spoil, message):
    path = folder / f"{FIRST}000056.jpg"
    spoil(path)
    *_, test = Human36m(root=folder).sequences()
    with pytest.raises(DataError) as caught:
        test.frames.compute()
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_missing_image_is_named_before_any_is_read(folder):
    path = folder / f"{FIRST}000056.jpg"
    path.unlink()
    with pytest.raises(DataError) as caught:
        next(iter(Human36m(root=folder).sequences()))
    assert str(caught.value).startswith(f"{path}: no file 'S1_Eating.54138969_000056.jpg'")


def test_published_counts_come_out_of_the_real_lists(real):
    folder = real("human")
    train, test = (read_list(folder / name, human36m.WINDOWS[name]) for name in ("train.txt", "test.txt"))
    kept, val = apart(train, test)
    assert (len(train), len(test)) == (73_404, 8_582)
    assert (len(kept), len(val)) == (51_747, 7_040)  # as the protocol says

import io
import struct

import h5py
import numpy as np
import pytest
from PIL import Image

from unistd.core.errors import DataError
from unistd.plugins.driving.arrays import hickle_words
from unistd.plugins.driving.images import scaled
from unistd.plugins.driving.kitti_caltech import KittiCaltech
from unistd.plugins.driving.norpix import read_index

DRIVES = {"train": {"city-0001": 25, "road-0027": 11, "city-0002": 9}, "val": {"city-0005": 30}}


def jpeg(level):
    out = io.BytesIO()
    Image.fromarray(np.full((48, 64, 3), level, np.uint8)).save(out, "JPEG", quality=95)
    return out.getvalue()


def norpix(images, *, count=None, empty=8, image_format=102, magic=0xFEED):
    """A ``.seq`` file as the recorder writes it: header of 1024 bytes; length, JPEG, time and empty bytes a frame."""
    name = "Norpix seq\n".encode("utf-16-le").ljust(24, b"\0")
    head = struct.pack("<I24sII512s", magic, name, 3, 1024, b"")
    count = len(images) if count is None else count
    head += struct.pack("<9Id", 64, 48, 24, 8, 64 * 48 * 3, image_format, count, 0, 64 * 48 * 3, 30.0)
    frames = [
        struct.pack("<I", len(image) + 4) + image + struct.pack("<IHH", 1_200_000_000 + i // 30, i % 30 * 33, 0)
        for i, image in enumerate(images)
    ]
    return head.ljust(1024, b"\0") + b"".join(frame + b"\0" * empty for frame in frames)


def hickle_1(path, value):
    with h5py.File(path, "w") as file:
        file.create_dataset("data", data=value)
        file.create_dataset("type", data=[b"list" if isinstance(value, list) else b"ndarray"])


def hickle_2(path, value):
    with h5py.File(path, "w") as file:
        file.attrs["CLASS"], file.attrs["VERSION"] = "hickle", 2
        file.create_dataset("data_0", data=value).attrs["type"] = [b"<type 'list'>"]


def hickle_5(path, value):
    with h5py.File(path, "w") as file:
        file.attrs["HICKLE_VERSION"] = "5.0.3"
        if isinstance(value, np.ndarray):
            file.create_dataset("data", data=value)
        else:
            group = file.create_group("data")
            for i, word in enumerate(value):
                group.create_dataset(f"data{i}", data=np.frombuffer(word, "S1")[None])


def write_hickle(folder, dump=hickle_2):
    folder.mkdir(parents=True, exist_ok=True)
    for split, drives in DRIVES.items():
        names = [name.encode() for name, count in drives.items() for _ in range(count)]
        frames = np.zeros((len(names), 128, 160, 3), np.uint8)
        frames[..., 0] = np.arange(len(names))[:, None, None]
        dump(folder / f"X_{split}.hkl", frames)
        dump(folder / f"sources_{split}.hkl", names)


@pytest.fixture
def folder(tmp_path):
    write_hickle(tmp_path / "kitti_hkl")
    for number in range(6, 11):
        path = tmp_path / "caltech" / f"set{number:02d}" / "V000.seq"
        path.parent.mkdir(parents=True)
        path.write_bytes(norpix([jpeg(3 * i) for i in range(71 if number == 7 else 35)], empty=8 * (number % 2)))
    return tmp_path


def refuse(root, message, where, **options):
    with pytest.raises(DataError) as caught:
        for sequence in KittiCaltech(root=root, **options).sequences():
            sequence.frames.compute()
    assert message in str(caught.value)
    assert str(where) in str(caught.value)


def test_windows_do_not_overlap_and_are_counted_from_the_end(folder, windows):
    # 25 frames have two windows and three frames before them, 11 have one, 9 have none and are left out.
    starts = windows(KittiCaltech(root=folder, protocol="openstl"))
    assert starts["train"].tolist() == [0, 11, 22]
    task = KittiCaltech(root=folder, protocol="openstl")
    first, second, validation, *_ = task.sequences()
    np.testing.assert_array_equal(first.frames.compute()[:, 0, 0, 0], np.arange(3, 25))
    np.testing.assert_array_equal(second.frames.compute()[:, 0, 5, 5], np.arange(25, 36))
    np.testing.assert_array_equal(validation.frames.compute()[:, 0, 5, 5], np.arange(8, 30))
    assert (validation.split, validation.name) == ("val", "X_val.hkl, city-0005")


def test_our_training_windows_begin_at_every_frame_and_the_others_are_openstls(folder, windows):
    ours, theirs = (windows(KittiCaltech(root=folder, protocol=name)) for name in ("unistd", "openstl"))
    assert ours["train"].tolist() == [*range(15), 25]
    for split in ("val", "test"):
        assert len(ours[split]) == len(theirs[split])
        assert np.diff(ours[split]).tolist() == np.diff(theirs[split]).tolist()


def test_every_third_frame_of_a_video_is_taken(folder):
    videos = [s for s in KittiCaltech(root=folder).sequences() if s.split == "test"]
    assert [video.name for video in videos] == [f"set{number}/V000.seq" for number in ("06", "07", "08", "09", "10")]
    # 71 frames: the third, sixth, … 69th are 23, the last 22 of which are two windows.
    frames = videos[1].frames.compute()
    assert (frames.shape, frames.dtype) == ((22, 3, 128, 160), np.uint8)
    np.testing.assert_allclose(frames[:, 1, 64, 80], 3 * np.arange(5, 71, 3), atol=1)
    assert len(videos[0].times) == 11


def test_frames_are_scaled_to_the_height_and_cut_in_the_middle():
    pixels = np.random.default_rng(0).integers(0, 256, (128, 171, 3)).astype(np.uint8)
    np.testing.assert_array_equal(scaled(Image.fromarray(pixels), 128, 160), pixels[:, 5:165])
    flat = Image.fromarray(np.repeat(np.repeat(pixels[:48, :64], 10, 0), 10, 1))
    assert flat.size == (640, 480)
    assert scaled(flat, 128, 160).size == (160, 128)


@pytest.mark.parametrize("dump", [hickle_1, hickle_2, hickle_5])
def test_every_version_of_hickle_is_read(folder, dump, windows):
    write_hickle(folder / "kitti_hkl", dump)
    assert hickle_words(folder / "kitti_hkl" / "sources_train.hkl")[24:26] == ["city-0001", "road-0027"]
    assert len(windows(KittiCaltech(root=folder))["train"]) == 16


@pytest.mark.parametrize("empty", [0, 8])
@pytest.mark.parametrize("count", [3, 0])
def test_frames_are_found_whatever_follows_their_times(tmp_path, empty, count):
    images = [jpeg(10), jpeg(200), jpeg(30)]
    path = tmp_path / "V000.seq"
    path.write_bytes(norpix(images, count=count, empty=empty))
    content = path.read_bytes()
    assert [content[i.offset : i.offset + i.length] for i in read_index(path)] == images


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (norpix([jpeg(1)] * 3)[:900], "is no Norpix sequence"),
        (norpix([jpeg(1)] * 3, magic=0xFEEE), "is no Norpix sequence"),
        (norpix([jpeg(1)] * 3, image_format=100), "has images of format '100' instead of JPEG"),
        (norpix([jpeg(1)] * 3)[:-300], "frame '2' is cut short or no JPEG"),
        (norpix([jpeg(1)] * 3, count=4), "holds '3' frames instead of 4"),
        (norpix([jpeg(1), b"nothing"]), "has no JPEG where frame '1' should begin"),
        (norpix([]), "holds '0' frames instead of at least 1"),
    ],
)
def test_a_bad_video_is_named(folder, content, message):
    path = folder / "caltech" / "set08" / "V000.seq"
    path.write_bytes(content)
    refuse(folder, message, path)


def test_a_damaged_image_in_a_video_is_named_with_its_place(folder):
    path = folder / "caltech" / "set06" / "V000.seq"
    images = [jpeg(i) for i in range(35)]
    images[8] = images[8][:300]
    path.write_bytes(norpix(images))
    refuse(folder, "cannot be read as an image", f"{path}, byte {read_index(path)[8].offset}")


def test_a_set_or_file_that_is_missing_is_named(folder):
    (folder / "kitti_hkl" / "sources_val.hkl").unlink()
    refuse(folder, "no file 'sources_val.hkl'", folder / "kitti_hkl")
    write_hickle(folder / "kitti_hkl")
    (folder / "caltech" / "set09" / "V000.seq").unlink()
    refuse(folder, "no video 'V*.seq'", folder / "caltech" / "set09")
    (folder / "caltech" / "set09").rmdir()
    refuse(folder, "no folder with the raw files 'set09'", "set09")


def test_frames_and_names_that_do_not_fit_are_refused(folder):
    path = folder / "kitti_hkl" / "X_train.hkl"
    hickle_2(path, np.zeros((44, 128, 160, 3), np.uint8))
    refuse(folder, "holds frames of shape '(44, 128, 160, 3)' and type 'uint8', not 45 of", path)
    path.write_bytes(b"pickle")
    refuse(folder, "cannot be read as a hickle file", path)
    hickle_1(path, [b"a", b"b"])
    refuse(folder, "holds frames of shape '(2,)'", path)


@pytest.fixture
def arrays(tmp_path):
    folder = tmp_path / "kitticaltech_npy"
    folder.mkdir()
    for part, count in (("train", 150), ("test", 24)):
        levels = np.arange(count, dtype=np.float32) / 255
        np.save(folder / f"{part}_data.npy", np.broadcast_to(levels[:, None, None, None], (count, 128, 160, 3)))
        np.save(folder / f"{part}_idx.npy", np.arange(count - 11, -1, -11))
    return tmp_path


def test_openstls_arrays_keep_their_test_windows_and_lend_the_last_tenth_to_validation(arrays, windows):
    task = KittiCaltech(root=arrays, protocol="openstl")
    starts = windows(task)
    assert {split: len(found) for split, found in starts.items()} == {"train": 12, "val": 1, "test": 2}
    sequences = list(task.sequences())
    first = {split: next(s for s in sequences if s.split == split).frames for split in ("train", "val", "test")}
    assert {split: float(frames[0, 0, 0, 0].compute()) for split, frames in first.items()} == pytest.approx(
        {"train": 7, "val": 139, "test": 2}
    )
    assert sequences[0].frames.compute().shape == (11, 3, 128, 160)


def test_our_protocol_cannot_do_with_openstls_arrays(arrays):
    refuse(arrays, "protocol 'unistd' needs 'kitti_hkl'", "kitticaltech_npy")


def test_starts_that_do_not_fit_are_refused(arrays):
    path = arrays / "kitticaltech_npy" / "test_idx.npy"
    np.save(path, np.array([0, 14]))
    refuse(arrays, "which does not fit 24 frames", path, protocol="openstl")
    path.write_bytes(b"no array")
    refuse(arrays, "cannot be read as .npy", path, protocol="openstl")

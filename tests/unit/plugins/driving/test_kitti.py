import numpy as np
import pytest
from PIL import Image

from unistd.core.data import ledger
from unistd.core.errors import DataError
from unistd.plugins.driving import kitti
from unistd.plugins.driving.images import stretched
from unistd.plugins.driving.kitti import Kitti
from unistd.plugins.driving.kitti_drives import DRIVES

FEW = {"train": {"2011_09_26": {2: 26, 70: 21}}, "val": {"2011_09_26": {1: 21}}, "test": {"2011_09_28": {1: 22}}}


def drives():
    for split, days in FEW.items():
        for day, counts in days.items():
            for number, count in counts.items():
                yield split, f"{day}_drive_{number:04d}_sync", count


def clock(folder, milliseconds):
    """Write KITTI's clock: nine decimals of a second."""
    times = np.datetime64("2011-09-26T13:02:25.5", "ns") + np.asarray(milliseconds) * np.timedelta64(1, "ms")
    (folder / "timestamps.txt").write_text("".join(f"{str(t).replace('T', ' ')}\n" for t in times))


def camera(root, drive):
    return root / drive[:10] / drive / "image_03"


@pytest.fixture(autouse=True)
def _few_drives(monkeypatch):
    monkeypatch.setattr(kitti, "DRIVES", FEW)


@pytest.fixture
def official(tmp_path, save):
    for _, drive, count in drives():
        for i in range(count):
            save(camera(tmp_path, drive) / "data" / f"{i:010d}.png", np.full((6, 20, 3), (i, 0, count)))
        clock(camera(tmp_path, drive), 103 * np.arange(count))
    return tmp_path


@pytest.fixture
def predbench(tmp_path, save):
    for split, drive, count in drives():
        for i in range(count):
            save(tmp_path / split / drive / f"{i}.png", np.full((6, 20, 3), (i, 0, count)))
    return tmp_path


def refuse(root, message, where, **options):
    with pytest.raises(DataError) as caught:
        for sequence in Kitti(root=root, **options).sequences():
            sequence.frames.compute()
    assert message in str(caught.value)
    assert str(where) in str(caught.value)


@pytest.mark.parametrize(
    ("protocol", "train", "val", "test"),
    [("unistd", 9221, 2230, 2204), ("predbench", 9209, 2224, 2198)],
    ids=["unistd", "predbench"],
)
def test_the_lists_and_rules_give_the_published_counts(monkeypatch, windows, protocol, train, val, test):
    counts = {
        f"{day}_drive_{number:04d}_sync": count
        for days in DRIVES.values()
        for day, numbers in days.items()
        for number, count in numbers.items()
    }
    monkeypatch.setattr(kitti, "DRIVES", DRIVES)
    monkeypatch.setattr(kitti, "drive_folder", lambda root, split, drive: root / drive)
    monkeypatch.setattr(kitti, "frame_files", lambda folder: [folder / f"{i}.png" for i in range(counts[folder.name])])
    monkeypatch.setattr(
        kitti, "in_blocks", lambda read, paths, grid: np.broadcast_to(np.uint8(0), (len(paths), 3, *grid))
    )
    monkeypatch.setattr(Kitti, "folder", lambda self: kitti.Path("kitti"))
    monkeypatch.setattr(ledger, "_size_and_time", lambda file, where: (0, 0))  # no file is there
    starts = windows(Kitti(protocol=protocol))
    assert {split: len(found) for split, found in starts.items()} == {"train": train, "val": val, "test": test}


def test_windows_of_both_protocols(official, windows):
    ours, theirs = windows(Kitti(root=official)), windows(Kitti(root=official, protocol="predbench"))
    assert [part.tolist() for part in ours.values()] == [[0, 4, 26], [47, 48], [68, 69, 70]]
    # Each drive lacks its last frame.
    assert [part.tolist() for part in theirs.values()] == [[0, 4, 25], [45], [65, 66]]
    first = next(iter(Kitti(root=official, protocol="predbench").sequences()))
    np.testing.assert_array_equal(first.frames.compute()[:, 0, 0, 0], np.arange(25))


def test_a_drive_is_the_middle_of_its_stretched_frames(official):
    first = next(iter(Kitti(root=official).sequences()))
    frames = first.frames.compute()
    assert frames.shape == (26, 3, 128, 160)
    np.testing.assert_array_equal(frames[:, 0, 60, 80], np.arange(26))
    assert (frames[:, 2] == 26).all()


def test_frames_are_in_order_of_number_not_of_name(predbench):
    first = next(iter(Kitti(root=predbench).sequences()))
    np.testing.assert_array_equal(first.frames.compute()[:, 0, 0, 0], np.arange(26))


def test_pixels_are_interpolated_without_a_low_pass():
    pixels = np.random.default_rng(0).integers(0, 256, (384, 1272, 3)).astype(np.uint8)
    # Three times as large: the middle of each new pixel is the middle of an old one.
    expected = pixels[1::3, 1::3][:, 132:292]
    np.testing.assert_array_equal(stretched(Image.fromarray(pixels), (424, 128), 160), expected)
    pixels = pixels[:256, :848]
    blocks = pixels.reshape(128, 2, 424, 2, 3).mean((1, 3))[:, 132:292]
    assert np.abs(np.asarray(stretched(Image.fromarray(pixels), (424, 128), 160), float) - blocks).max() <= 1


def test_no_window_crosses_a_leap_of_the_clock(official, windows):
    drive = camera(official, "2011_09_28_drive_0001_sync")
    clock(drive, 103 * np.arange(22) + 300 * (np.arange(22) >= 1))
    assert windows(Kitti(root=official))["test"].tolist() == [69, 70]
    assert len(windows(Kitti(root=official, protocol="predbench"))["test"]) == 2


def test_a_clock_that_is_missing_short_or_backward_is_named(official):
    folder = camera(official, "2011_09_26_drive_0002_sync")
    path = folder / "timestamps.txt"
    clock(folder, [*range(0, 2500, 100), 2300])
    refuse(official, "frame 25 has time '2011-09-26T13:02:27.800", path)
    clock(folder, range(0, 2500, 100))
    refuse(official, "is no clock of 26 frames", path)
    path.write_text("yesterday\n")
    refuse(official, "is no clock of 26 frames", path)
    path.unlink()
    refuse(official, "no file 'timestamps.txt'", folder)


def test_a_missing_frame_or_drive_is_named(official):
    folder = camera(official, "2011_09_26_drive_0001_sync") / "data"
    (folder / "0000000003.png").unlink()
    refuse(official, "the drive has '20' frames instead of 21", folder)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    refuse(official, "no frames of drive '2011_09_26_drive_0001_sync': looked at", folder, protocol="predbench")


def test_a_file_that_is_no_frame_is_named(predbench):
    folder = predbench / "train" / "2011_09_26_drive_0002_sync"
    (folder / "4.png").write_bytes(b"<html>")
    refuse(predbench, "cannot be read as an image", folder / "4.png")
    (folder / "4.png").rename(folder / "four.png")
    refuse(predbench, "'four' is no number of a frame", folder / "four.png")

import struct

import google_crc32c
import numpy as np
import pytest

from unistd.core.data.prepare import prepare
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError
from unistd.plugins.motion import bair
from unistd.plugins.motion.bair import Bair
from unistd.plugins.motion.tfrecord import bytes_features, count_records, masked_crc, read_records


def varint(value):
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def feature(name, kind, content):
    """An entry of the map of features: kind 1 is bytes_list, 2 float_list."""
    return field(1, field(1, name.encode()) + field(2, field(kind, field(1, content))))


def example(images, aux=None, drop=()):
    """A trajectory with all four keys of each frame, the other camera black."""
    entries = []
    for number, image in enumerate(images):
        entries += [
            feature(f"{number}/image_main/encoded", 1, bytes(64 * 64 * 3)),
            feature(f"{number}/action", 2, struct.pack("<4f", 1, 2, 3, 4)),
            feature(f"{number}/endeffector_pos", 2, struct.pack("<3f", 1, 2, 3)),
        ]
        if number not in drop:
            entries.append(feature(f"{number}/image_aux1/encoded", 1, image.tobytes() if aux is None else aux))
    return field(1, b"".join(entries))


def record(content):
    length = struct.pack("<Q", len(content))
    return length + struct.pack("<I", masked_crc(length)) + content + struct.pack("<I", masked_crc(content))


def video(number):
    """Frame t has red = number, green = t, blue = its row."""
    frames = np.empty((30, 64, 64, 3), np.uint8)
    frames[..., 0] = number
    frames[..., 1] = np.arange(30)[:, None, None]
    frames[..., 2] = np.arange(64)[None, :, None]
    return frames


def write(path, numbers, **change):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(record(example(video(number), **change)) for number in numbers))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three training files of 2, named as the official ones are: the numbers have gaps and sort otherwise as text."""
    monkeypatch.setattr(bair, "TRAJECTORIES", {"train": 6, "test": 2})
    for first in (1024, 256, 10174):
        write(tmp_path / "train" / f"traj_{first}_to_{first + 1}.tfrecords", (first % 100, first % 100 + 1))
    write(tmp_path / "test" / "traj_0_to_1.tfrecords", (200, 201))
    return tmp_path


def reds(store, split, past, future):
    windows = Windows(store, split, past, future)
    past, _ = windows.read(np.arange(len(windows)))
    return [round(value * 255) for value in past[:, 0, 0, 0, 0].tolist()]


def test_unistd_carves_validation_from_the_last_training_files(folder, tmp_path):
    store = prepare(Bair(root=folder), tmp_path / "store.zarr")
    assert sorted(set(reds(store, "train", 2, 10))) == [24, 25, 56, 57]
    assert sorted(set(reds(store, "val", 2, 10))) == [74, 75]
    assert reds(store, "test", 4, 12) == [200] * 15 + [201] * 15  # OpenSTL's test windows
    past, future = Windows(store, "test", 2, 10).read([20])
    np.testing.assert_allclose(past[0, :, :, 5, 7] * 255, [[201, 1, 5], [201, 2, 5]], rtol=1e-6)
    np.testing.assert_allclose(future[0, :, 1, 0, 0] * 255, np.arange(3, 13), rtol=1e-6)


def test_openstl_gives_fifteen_windows_a_trajectory_and_validates_on_test(folder, tmp_path):
    task = Bair(root=folder, protocol="openstl")
    store = prepare(task, tmp_path / "store.zarr")
    window = task.card.window
    assert (window.past, window.future) == (4, 12)
    assert [len(Windows(store, split, 4, 12)) for split in ("train", "val", "test")] == [6 * 15, 2 * 15, 2 * 15]
    assert reds(store, "val", 4, 12) == reds(store, "test", 4, 12)


def test_published_counts_come_out_of_the_trajectories():
    windows = 30 - (4 + 12) + 1
    assert {split: count * windows for split, count in bair.TRAJECTORIES.items()} == {"train": 648_960, "test": 3840}


def test_predbench_tests_on_one_centred_window(folder, tmp_path):
    for split, numbers in (("train", (1, 2)), ("val", (3,)), ("test", (4, 5))):
        np.save(folder / f"{split}.npy", np.stack([video(number) for number in numbers]))
    store = prepare(Bair(root=folder, protocol="predbench"), tmp_path / "store.zarr")
    assert [len(Windows(store, split, 2, 10)) for split in ("train", "val", "test")] == [2 * 19, 1, 2]
    past, future = Windows(store, "test", 2, 10).read([1])
    np.testing.assert_allclose(past[0, :, :, 9, 0] * 255, [[5, 9, 9], [5, 10, 9]], rtol=1e-6)
    np.testing.assert_allclose(future[0, :, 1, 0, 0] * 255, np.arange(11, 21), rtol=1e-6)


def test_the_checksum_is_castagnoli_s_masked():
    assert google_crc32c.value(b"123456789") == 0xE3069283  # the check value of CRC-32C
    rotated = (0xE3069283 >> 15) | (0xE3069283 << 17 & 0xFFFFFFFF)
    assert masked_crc(b"123456789") == (rotated + 0xA282EAD8) % 2**32


def test_other_fields_of_a_message_are_skipped():
    unknown = varint(7 << 3) + varint(300) + varint(8 << 3 | 1) + bytes(8) + varint(9 << 3 | 5) + bytes(4)
    message = unknown + field(2, b"x") + field(1, unknown + feature("a", 1, b"yes") + feature("b", 2, bytes(4)))
    assert bytes_features(message) == {"a": b"yes"}


def test_records_are_counted_without_reading_them(tmp_path):
    path = tmp_path / "some.tfrecords"
    path.write_bytes(record(b"one") + record(b"") + record(b"three" * 99))
    assert count_records(path) == 3
    assert list(read_records(path)) == [b"one", b"", b"three" * 99]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="the file ends within record '2'"):
        count_records(path)


def compute(folder):
    for sequence in Bair(root=folder).sequences():
        sequence.frames.compute(scheduler="synchronous")


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


PATH = "train/traj_1024_to_1025.tfrecords"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: flip(path, 3), "checksum of record '0' is wrong"),
        (lambda path: flip(path, 5000), "checksum of record '0' is wrong"),
        (lambda path: flip(path, -1), "checksum of record '1' is wrong"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "the file ends within record '1'"),
        (lambda path: path.write_bytes(path.read_bytes()[:-4]), "the file ends within record '1'"),
        (lambda path: write(path, (1,)), "holds '1' trajectories instead of the 2 of its name"),
        (lambda path: write(path, (1, 2), drop=(17,)), "record '0' has no frame '17/image_aux1/encoded'"),
        (lambda path: write(path, (1, 2), aux=bytes(64 * 64)), "'0/image_aux1/encoded' of record 0 has 4096 bytes"),
        (lambda path: path.write_bytes(record(b"\x0a\xff") * 2), "record '0' is no tf.train.Example"),
    ],
)
def test_a_damaged_file_is_named(folder, spoil, message):
    spoil(folder / PATH)
    with pytest.raises(DataError) as caught:
        compute(folder)
    assert str(caught.value).startswith(f"{folder / PATH}: ")
    assert message in str(caught.value)


def test_missing_members_are_named(folder):
    (folder / PATH).unlink()
    with pytest.raises(DataError, match="'4' trajectories together instead of 6"):
        compute(folder)
    with pytest.raises(DataError, match=r"no file 'train\.npy'"):
        list(Bair(root=folder, protocol="predbench").sequences())
    (folder / "train").rename(folder / "aside")
    with pytest.raises(DataError, match="no folder 'train'"):
        compute(folder)


def test_a_file_that_is_not_named_by_its_trajectories_is_refused(folder):
    (folder / PATH).rename(folder / "train" / "first.tfrecords")
    with pytest.raises(DataError, match=r"'first\.tfrecords' is not named 'traj_<first>_to_<last>\.tfrecords'"):
        compute(folder)

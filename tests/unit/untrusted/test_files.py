"""Raw files and cards from strangers: every hole that was ever found stays shut, and says what to do."""

import gzip
import json
import os
import pickle
import struct
import zipfile

import h5py
import numpy as np
import pytest
import zarr
from PIL import Image

from unistd.core.data.raw import raw_file
from unistd.core.errors import DataError
from unistd.core.importing.task import ImportedTask
from unistd.core.untrusted import MAX_DEPTH, json_object, leads_out
from unistd.plugins.driving.images import read_image
from unistd.plugins.motion import kth_videos
from unistd.plugins.motion.moving_digits import read_digits
from unistd.plugins.motion.tfrecord import masked_crc, read_records
from unistd.plugins.traffic.clips import npz_clips
from unistd.plugins.traffic.hdf5 import hdf5_array
from unistd.plugins.weather.pgm import read_pgm
from unistd.registry.import_card import load_card

CARD = {
    "name": "waves",
    "files": ["*.npy"],
    "dims": ["time", "y", "x"],
    "channels": {"height": {"unit": "m"}},
    "time": {"start": "2020-01-01"},
    "step": [1, "h"],
    "window": {"past": 2, "future": 1},
    "split": {"fractions": [0.5, 0.25, 0.25]},
}


@pytest.fixture
def frames(tmp_path):
    """Compute all frames of a card in the folder ``cards``."""

    def compute(**changes):
        folder = tmp_path / "cards"
        folder.mkdir(exist_ok=True)
        (folder / "card.yaml").write_text(json.dumps({**CARD, **changes}))
        return [
            own.frames.compute(scheduler="sync")
            for own in ImportedTask(load_card(folder / "card.yaml"), folder).sequences()
        ]

    return compute


@pytest.fixture
def cards(tmp_path):
    (tmp_path / "cards").mkdir()
    return tmp_path / "cards"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "C:\\x", "..\\x", "a\0b"])
def test_a_name_that_leads_out(name, tmp_path):
    assert leads_out(name)
    with pytest.raises(DataError, match="leads out of the folder of the raw files"):
        raw_file(tmp_path, name)
    assert not leads_out("data/2019..2020/a.h5")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{" * 100_000, "[]", "{}" * 2, "1" * 5000, '{"a": ' * 80 + "1" + "}" * 80]
)
def test_json_that_is_no_object_or_has_no_end(text):
    with pytest.raises(ValueError):
        json_object(text.encode())
    assert MAX_DEPTH < 80


# ---------------------------------------------------------------------------------------------------------- cards


@pytest.mark.parametrize(
    "pattern", ["../secret.npy", "{root}/secret.npy", "~/secret.npy", "link/secret.npy", "alias.npy"]
)
def test_a_card_reaches_no_file_outside_of_its_folder(pattern, frames, cards, tmp_path):
    (tmp_path / "outside").mkdir()
    np.save(tmp_path / "outside" / "secret.npy", np.zeros((9, 4, 4), "f4"))
    (cards / "link").symlink_to(tmp_path / "outside")
    (cards / "alias.npy").symlink_to(tmp_path / "outside" / "secret.npy")
    with pytest.raises(DataError, match="leads out of the folder") as caught:
        frames(files=[pattern.format(root=tmp_path)])
    assert "--from FOLDER" in caught.value.help


def test_lists_of_a_card_are_in_its_folder(frames, cards):
    np.save(cards / "a.npy", np.zeros((9, 4, 4), "f4"))
    with pytest.raises(DataError, match=r"'\.\./train\.txt' of the card leads out"):
        frames(split={"lists": {"train": ["../train.txt"], "val": ["v.txt"], "test": ["t.txt"]}})


def test_npy_and_npz_that_claim_more_than_they_hold(frames, cards):
    np.save(cards / "a.npy", np.zeros((9, 4, 4), "f4"))
    data = (cards / "a.npy").read_bytes()
    (cards / "a.npy").write_bytes(data.replace(b"(9, 4, 4), }" + b" " * 18, b"(9000000000000, 4, 4), }" + b" " * 6))
    with pytest.raises(DataError, match="cannot be read"):
        frames()
    (cards / "a.npy").unlink()
    np.savez(cards / "a.npz", height=np.zeros((9, 4, 4), "f4"))
    with zipfile.ZipFile(cards / "b.npz", "w") as archive:
        archive.writestr(
            "height.npy", data.replace(b"(9, 4, 4), }" + b" " * 18, b"(9000000000000, 4, 4), }" + b" " * 6)
        )
    with pytest.raises(
        DataError, match=r"b\.npz: cannot be read: 'height' is said to have shape '\(9000000000000, 4, 4\)'"
    ):
        frames(files=["b.npz"])
    with pytest.raises(DataError, match="more than its"):
        npz_clips(cards / "b.npz", ("height",), (1, 4, 4))


@pytest.mark.parametrize(("at", "value"), [(8, 1), (10, 14), (10, 99)])  # encrypted; LZMA, and no known compression
def test_npz_that_is_packed_in_another_way(at, value, frames, cards):
    np.savez_compressed(cards / "a.npz", height=np.zeros((9, 4, 4), "f4"))
    data = bytearray((cards / "a.npz").read_bytes())
    data[data.index(b"PK\3\4") + at - 2] = value
    data[data.index(b"PK\1\2") + at] = value
    (cards / "a.npz").write_bytes(data)
    with pytest.raises(DataError, match="cannot be read"):
        frames(files=["a.npz"])
    with pytest.raises(DataError, match="cannot be read as npz"):
        npz_clips(cards / "a.npz", ("height",), (1, 4, 4))


def test_pickles_in_arrays_are_not_read(frames, cards, boom):
    np.save(cards / "a.npy", np.array([boom], object), allow_pickle=True)
    np.savez(cards / "b.npz", height=np.array([boom], object))
    for name in ("a.npy", "b.npz"):
        with pytest.raises(DataError, match="cannot be read"):
            frames(files=[name])


def zarr_group(path, version=2):
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.create_array("height", shape=(9, 4, 4), chunks=(9, 4, 4), dtype="f4", compressors=None)[:] = 1
    return path / "height" / (".zarray" if version == 2 else "zarr.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"filters": [{"id": "pickle"}]}, "asks for codec 'pickle', which may run code"),
        ({"compressor": {"id": "pickle"}}, "asks for codec 'pickle'"),
        ({"filters": [{"id": "vlen-utf8"}], "compressor": {"id": "pickle"}, "dtype": "|O"}, "asks for codec 'pickle'"),
        ({"shape": [10**15, 4, 4], "chunks": [1, 4, 4]}, "is said to have shape"),
        ({"shape": [2**70, 4, 4]}, "has lengths"),
        ({"chunks": [0, 4, 4]}, "has lengths"),
        ({"chunks": [10**9, 4, 4]}, "has chunks of '16000000000' values"),
        ({"chunks": [9, 4]}, r"in chunks of '\(9, 4\)'"),
        ({"shape": [1] * 40, "chunks": [1] * 40}, "has lengths"),
    ],
)
def test_zarr_that_asks_for_code_or_for_everything(change, message, frames, cards, boom):
    head = zarr_group(cards / "a.zarr")
    head.write_text(json.dumps(json.loads(head.read_text()) | change))
    (head.parent / "0.0.0").write_bytes(pickle.dumps(boom))
    with pytest.raises(DataError, match=message):
        frames(files=["a.zarr"])


def test_a_zarr_group_holds_its_own_files(frames, cards, tmp_path):
    head = zarr_group(cards / "a.zarr")
    head.parent.rename(tmp_path / "elsewhere")
    head.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="is a link"):
        frames(files=["a.zarr"])


@pytest.mark.parametrize("how", ["link", "external", "virtual"])
def test_hdf5_whose_values_are_elsewhere(how, frames, cards, tmp_path):
    (tmp_path / "secret").write_bytes(os.urandom(9 * 4 * 4))
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["height"] = np.zeros((9, 4, 4), "u1")
    with h5py.File(cards / "a.h5", "w") as file:
        if how == "link":
            file["height"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/height")
        elif how == "external":
            where = [(str(tmp_path / "secret"), 0, 144)]
            file.create_dataset("height", (9, 4, 4), "u1", external=where)
        else:
            layout = h5py.VirtualLayout((9, 4, 4), "u1")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "height", (9, 4, 4))
            file.create_virtual_dataset("height", layout)
    for format_ in ("hdf5", "netcdf"):
        with pytest.raises(DataError, match="another file"):
            frames(files=["a.h5"], format=format_)
    with pytest.raises(DataError, match="another file"), hdf5_array(cards / "a.h5", "height"):
        pass


def test_hdf5_of_a_size_no_file_has(frames, cards):
    with h5py.File(cards / "a.h5", "w") as file:
        file.create_dataset("height", (10**12, 4, 4), "f4", chunks=(1, 4, 4))
    with pytest.raises(DataError, match="is said to have shape"):
        frames(files=["a.h5"])


def test_an_image_of_a_billion_pixels(tmp_path):
    Image.new("1", (40_000, 40_000)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="decompression bomb"):
        read_image(tmp_path / "a.png", "a.png")


# ---------------------------------------------------------------------------------------------------------- raw files


def test_a_record_s_length_is_not_believed(tmp_path):
    head = struct.pack("<Q", 2**62)
    (tmp_path / "a.tfrecords").write_bytes(head + struct.pack("<I", masked_crc(head)) + b"x" * 40)
    with pytest.raises(DataError, match="ends within record '0'"):
        list(read_records(tmp_path / "a.tfrecords"))


def test_gzip_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr("unistd.plugins.motion.moving_digits.MAX_BYTES", 1000)
    (tmp_path / "d.gz").write_bytes(gzip.compress(b"\0" * 100_000))
    with pytest.raises(DataError, match="unpacks to more than 1000 bytes"):
        read_digits(tmp_path / "d.gz")
    for text, message in (
        (b"P5\n# obstime 1\n9999999 9999999\n255\n", "pixels, at most 20000 on a side"),
        (b"P5\n# obstime 1\n-1 4\n255\n", "pixels, at most"),
        (b"P5" + b"\n# a b" * 5000, "cannot be read as radar PGM"),
    ):
        (tmp_path / "r.gz").write_bytes(gzip.compress(text + b"\0" * 100))
        with pytest.raises(DataError, match=message):
            read_pgm(tmp_path / "r.gz")


def test_a_list_that_counts_to_the_end_of_memory(tmp_path):
    (tmp_path / "l.txt").write_text("person01_boxing_d1\tframes\t1-99999999999\n")
    with pytest.raises(DataError, match="goes beyond frame 100000"):
        kth_videos.read_sequences(tmp_path / "l.txt")

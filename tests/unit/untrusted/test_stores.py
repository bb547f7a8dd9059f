"""Stores from strangers: what one says of itself is checked before it is believed."""

import json

import numpy as np
import pytest

from unistd.core.data.prepare import prepare
from unistd.core.data.store import Store, stored_bytes
from unistd.core.errors import DataError
from unistd.core.task import Channel, FrameSequence, Task, TaskCard, Window


class Tiny(Task):
    card = TaskCard(
        name="tiny",
        discipline="none",
        version="1",
        channels=(Channel(name="a", unit="1"),),
        step=(1, "h"),
        window=Window(past=2, future=1),
    )

    def sequences(self):
        for number, split in enumerate(("train", "val", "test")):
            times = np.datetime64("2020-01-01", "h") + 100 * number + np.arange(6)
            yield FrameSequence(
                name=split, frames=np.arange(72, dtype="f4").reshape(6, 1, 3, 4) + number, times=times, split=split
            )


@pytest.fixture
def store(tmp_path):
    return prepare(Tiny(), tmp_path / "s.zarr").path


def change(path, keys, value):
    said = json.loads(path.read_text())
    at = said
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    path.write_text(json.dumps(said))


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("card",), 7, "makes no sense"),
        (("card", "channels"), [], "a card needs channels"),
        (("card", "window"), {"past": 10**12, "future": 1}, "the limit is 1000000"),
        (("card", "scale_factor"), float("nan"), "finite numbers"),
        (("card", "stride"), [0, 1, 1], "stride"),
        (("card", "surprise"), 1, "a card has no 'surprise'"),
        (("normalization", "scale"), [0.0], "its scale do not fit"),
        (("normalization", "offset"), ["x"], "makes no sense"),
        (("normalization",), None, "makes no sense"),
        (("digest",), 7, "its digest do not fit"),
    ],
)
def test_what_a_store_says_of_itself_is_checked(store, keys, value, message):
    change(store / "zarr.json", ("attributes", "unistd", *keys), value)
    with pytest.raises(DataError, match=message):
        Store.open(store)


@pytest.mark.parametrize("array", ["time", "split", "valid", "sequence"])
def test_arrays_of_a_store_fit_its_frames(store, array):
    change(store / array / "zarr.json", ("shape",), [17])
    change(store / "zarr.json", ("attributes", "unistd", "bytes"), stored_bytes(store))
    with pytest.raises(DataError, match="times do not fit the rest"):
        Store.open(store)


def test_a_store_whose_frames_no_file_holds(store):
    change(store / "frames" / "zarr.json", ("shape",), [10**14, 1, 3, 4])
    with pytest.raises(DataError, match="is said to have shape"):
        Store.open(store)

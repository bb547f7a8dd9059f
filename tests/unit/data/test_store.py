import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from unistd.core.data.card_json import card_from_json, card_to_json
from unistd.core.data.prepare import prepare
from unistd.core.data.store import Store
from unistd.core.data.store_place import default_store
from unistd.core.errors import DataError
from unistd.core.task import Cycle


@pytest.fixture
def store(tiny, tmp_path):
    return prepare(tiny(tiny.three()), tmp_path / "s.zarr")


def test_a_card_survives_json(tiny):
    for changes in (
        {},
        {"fill_value": -9.0, "value_range": (0.0, 5.0), "cycles": (Cycle(name="day", steps=48),), "missing": "mask"},
    ):
        card = tiny([], **changes).card
        assert card_from_json(json.loads(json.dumps(card_to_json(card)))) == card
    written = json.dumps(card_to_json(tiny([], fill_value=float("nan")).card), allow_nan=False)
    assert np.isnan(card_from_json(json.loads(written)).fill_value)


def test_opening_with_the_task_s_own_card(store):
    today = replace(store.card, licence="CC0", source="elsewhere")  # no other frames by this
    opened = Store.open(store.path, today)
    assert opened.card == today
    assert opened.digest == store.digest


def broken(store, how):
    path = store.path
    facts = json.loads((path / "zarr.json").read_text())
    if how == "gone":
        shutil.rmtree(path)
    elif how == "damaged":
        (path / "zarr.json").write_text("{")
    elif how == "foreign":
        shutil.rmtree(path / "frames")
        del facts["attributes"]["unistd"]
    elif how == "cut short":
        del facts["attributes"]["unistd"]
    elif how == "format":
        facts["attributes"]["unistd"]["format"] = 99
    elif how == "shard":
        next(p for p in (path / "frames").rglob("0") if p.is_file()).unlink()
    if how not in ("gone", "damaged"):
        (path / "zarr.json").write_text(json.dumps(facts))
    return path


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("gone", "there is no store 's.zarr'"),
        ("damaged", "'s.zarr' is not a store"),
        ("foreign", "'s.zarr' is not a store"),
        ("cut short", "'s.zarr' is a half-written store\n  help: remove the folder"),
        ("format", "store format is '99', this unistd reads '1'"),
        ("shard", r"store is not whole: \d+ bytes of its \d+ are there"),
    ],
)
def test_what_is_no_whole_store_says_so(store, how, message):
    with pytest.raises(DataError, match=message):
        Store.open(broken(store, how))


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"name": "other"}, "store holds task 'tiny' version '1', asked for is 'other' version '1'"),
        ({"version": "2"}, "store holds task 'tiny' version '1', asked for is 'tiny' version '2'"),
        ({"scale_factor": 2.0}, "differs in 'scale_factor': '1.0', not '2.0'"),
    ],
)
def test_the_store_of_another_protocol_is_refused(store, card, message):
    with pytest.raises(DataError, match=message):
        Store.open(store.path, replace(store.card, **card))


def test_a_damaged_shard_is_an_error_not_a_wrong_value(store):
    shard = next(p for p in (store.path / "frames").rglob("0") if p.is_file())
    shard.write_bytes(b"\xff" * shard.stat().st_size)
    with pytest.raises(DataError, match="frames 0 to 5 cannot be read"):
        Store.open(store.path).read(0, 5)


def test_frames_outside_the_store_cannot_be_read(store):
    for start, stop in ((-1, 3), (58, 61), (5, 4)):
        with pytest.raises(IndexError, match="of a store of 60"):
            store.read(start, stop)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(starts=st.lists(st.integers(0, 50), min_size=1, max_size=12), length=st.integers(1, 10))
def test_spans_from_disk_are_the_spans_in_memory(store, starts, length):
    starts = np.array(starts)
    whole = store.read(0, 60)
    raw, at = store.spans(starts, length)
    assert len(raw) <= 60
    for start, here in zip(starts, at, strict=True):
        np.testing.assert_array_equal(store.decode(raw[here : here + length]), whole[start : start + length])


def test_frames_held_in_memory_are_the_frames_on_disk(store):
    whole = store.read(0, 60)
    store.hold()
    assert store.held
    shutil.rmtree(store.path)
    np.testing.assert_array_equal(store.read(0, 60), whole)
    assert store.spans(np.array([3]), 2)[0].dtype == np.int16


def test_threads_read_the_same_frames(store):
    whole = store.read(0, 60)
    with ThreadPoolExecutor(8) as pool:
        for start, frames in zip(range(50), pool.map(lambda s: store.read(s, s + 10), range(50)), strict=True):
            np.testing.assert_array_equal(frames, whole[start : start + 10])


def test_integers_that_float32_cannot_hold_are_scaled_before_they_are_rounded(tiny, tmp_path):
    sequences = [replace(s, frames=s.frames.astype(np.int32) + 2**30) for s in tiny.three()]
    store = prepare(tiny(sequences, add_offset=-float(2**30)), tmp_path / "s.zarr")
    np.testing.assert_array_equal(store.read(0, 20), tiny.three()[0].frames)


def test_the_default_place_follows_task_and_options(monkeypatch, tmp_path):
    monkeypatch.setenv("UNISTD_STORES", str(tmp_path))
    one = default_store("taxi", {"version": "1", "root": Path("a"), "size": 3})
    assert one == default_store("taxi", {"size": 3, "root": Path("a"), "version": "1"})
    assert one.parent == tmp_path
    assert one.name.startswith("taxi-")
    assert one.suffix == ".zarr"
    assert one != default_store("taxi", {"version": "2", "root": Path("a"), "size": 3})
    monkeypatch.delenv("UNISTD_STORES")
    monkeypatch.setenv("HOME", "/home/someone")
    assert default_store("taxi", {}).parent == Path("/home/someone/.cache/unistd/stores")

from dataclasses import replace

import numpy as np
import pytest

from unistd.core.data.audit import audit
from unistd.core.data.finding import AGAIN
from unistd.core.data.prepare import prepare
from unistd.core.task import Channel


@pytest.fixture
def made(tiny, tmp_path):
    """Prepare three sequences after ``change`` of their float frames, under a card."""

    def make(change=lambda train, val, test: None, **card):
        sequences = [replace(own, frames=own.frames.astype(np.float32)) for own in tiny.three()]
        change(*(sequence.frames for sequence in sequences))
        return prepare(tiny(sequences, **card), tmp_path / "s.zarr")

    return make


def told(store, level="problem"):
    return [(finding.what, finding.help) for finding in audit(store) if finding.level == level]


def test_a_value_beyond_the_range_that_the_card_declares_is_named_with_its_place(made):
    def high(train, val, test):
        val[4, 1, 2, 3] = test[6, 1, 0, 0] = 300

    store = made(high)
    store.card = replace(store.card, value_range=(0, 200))
    assert told(store) == [
        (
            "channel 'outflow' has the value '300' at frame 24 (2020-01-01T02:00:00.000), y 2, x 3;"
            " 2 frames hold a value outside 0 to 200, the card's value_range",
            AGAIN,
        )
    ]
    store.card = replace(store.card, value_range=(0, 300))
    assert told(store) == []


def test_missing_values_under_a_card_that_promises_none(made):
    def holes(train, val, test):
        train[3, 0, 1, 1] = val[0, 0, 0, 0] = np.nan

    store = made(holes, missing="mask")
    shares = "(train 0.25%, val 0.25%, test 0.00%)"
    assert (f"missing in channel 'inflow': 0.17% of all values {shares}", "") in told(store, "note")
    store.card = replace(store.card, missing="error")
    places = "3 (2020-01-01T01:30:00.000), 20 (2020-01-01T00:00:00.000)"
    assert told(store) == [
        (f"channel 'inflow' misses values in 2 frames, its card says missing: error: {places}", AGAIN)
    ]


def test_a_card_that_expects_missing_values_where_there_are_none(made):
    assert "no value is missing, the card says missing: mask" in [
        what for what, _ in told(made(missing="mask"), "note")
    ]


def test_a_frame_with_another_number_of_values_than_was_written(made):
    store = made(missing="mask")
    store.valid[7] -= 1
    what = "1 frames hold another number of values than was written, such as '40' for 39: 7 (2020-01-01T03:30:00.000)"
    assert told(store) == [(what, AGAIN)]


def test_channels_that_are_constant_in_a_split_are_told_together(made):
    def flat(train, val, test):
        val[:] = 7

    help_ = "leave the channel out, or divide the frames into splits another way"
    assert told(made(flat)) == [("channel 'inflow, outflow' is '7' everywhere in split 'val'", help_)]


@pytest.mark.parametrize(("value", "how"), [(7, "is '7' everywhere"), (np.nan, "is missing everywhere")])
def test_a_channel_of_one_value_or_none_in_a_split(made, value, how):
    def dull(train, val, test):
        val[:, 1] = value

    help_ = "leave the channel out, or divide the frames into splits another way"
    assert told(made(dull, missing="mask")) == [(f"channel 'outflow' {how} in split 'val'", help_)]


def test_a_normalisation_that_is_not_that_of_the_training_split(made):
    store = made()
    assert told(store) == []
    store.offset = store.offset + np.float32([0, 1])
    ((what, help_),) = told(store)
    assert what.startswith(f"normalisation of channel 'outflow' is offset '{store.offset[1]:g}' and scale '")
    assert f"the training split has {store.offset[1] - 1:g} and" in what
    assert help_ == AGAIN


@pytest.mark.parametrize(("unit", "shift", "reach"), [("K", 0, "0 to 99"), ("degC", 273, "273 to 372")])
def test_values_that_their_unit_makes_unlikely(made, unit, shift, reach):
    def warm(*frames):
        for own in frames:
            own += shift

    channels = (Channel(name="t", unit=unit), Channel(name="u", unit="trips"))
    notes = [what for what, _ in told(made(warm, channels=channels), "note")]
    assert f"channel 't' is in '{unit}' and reaches from {reach}" in notes
    assert not any("'u' is in" in what for what in notes)

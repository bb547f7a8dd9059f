import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from unistd.core.data.prepare import prepare
from unistd.core.data.windows import EMBARGO, NO_TARGET, SEQUENCE_END, SPLIT_END, STRIDE, Windows
from unistd.core.errors import DataError
from unistd.core.task import SPLITS


def one_record(tiny, split, times=None):
    count = len(split)
    times = tiny.half_hours(count) if times is None else times
    return tiny.sequence("record", np.array(split), count=count, times=times)


def test_every_run_of_a_sequence_is_a_window(tiny, tmp_path):
    windows = Windows(prepare(tiny(tiny.three()), tmp_path / "s.zarr"), "val", 3, 2)
    assert windows.starts.tolist() == list(range(20, 36))
    assert windows.dropped == {SEQUENCE_END: 4, SPLIT_END: 0, EMBARGO: 0, STRIDE: 0, NO_TARGET: 0}


def test_no_window_crosses_a_gap(tiny, tmp_path):
    times = np.concatenate([tiny.half_hours(8), tiny.half_hours(12, "2020-01-02")])
    store = prepare(tiny([tiny.sequence("gappy", "train", times=times), *tiny.three()[1:]]), tmp_path / "s.zarr")
    assert Windows(store, "train", 3, 2).starts.tolist() == [*range(4), *range(8, 16)]


def test_an_embargo_lies_between_splits_of_one_sequence_and_not_between_sequences(tiny, tmp_path):
    split = ["train"] * 12 + ["val"] * 15 + ["test"] * 13
    store = prepare(tiny([one_record(tiny, split)]), tmp_path / "s.zarr")
    val, test = Windows(store, "val", 3, 2), Windows(store, "test", 3, 2)
    assert Windows(store, "train", 3, 2).starts.tolist() == list(range(8))
    assert val.starts.tolist() == list(range(17, 23))
    assert val.dropped == {SEQUENCE_END: 0, SPLIT_END: 4, EMBARGO: 5, STRIDE: 0, NO_TARGET: 0}
    assert test.starts.tolist() == list(range(32, 36))


def test_a_protocol_may_stride_and_do_without_the_embargo(tiny, tmp_path):
    split = ["train"] * 12 + ["val"] * 15 + ["test"] * 13
    store = prepare(tiny([one_record(tiny, split)], stride=(3, 1, 5), embargo=False), tmp_path / "s.zarr")
    train, test = Windows(store, "train", 3, 2), Windows(store, "test", 3, 2)
    assert train.starts.tolist() == [0, 3, 6]
    assert train.dropped == {SEQUENCE_END: 0, SPLIT_END: 4, EMBARGO: 0, STRIDE: 5, NO_TARGET: 0}
    assert Windows(store, "val", 3, 2).starts.tolist() == list(range(12, 23))
    assert test.starts.tolist() == [27, 32]


def test_a_window_with_nothing_to_forecast_is_dropped(tiny, tmp_path):
    train, *rest = tiny.three()
    train.frames[10:14] = -1
    store = prepare(tiny([train, *rest], missing="mask", fill_value=-1), tmp_path / "s.zarr")
    windows = Windows(store, "train", 3, 2)
    assert windows.dropped[NO_TARGET] == 3
    assert windows.starts.tolist() == [s for s in range(16) if s not in (7, 8, 9)]


def test_no_window_at_all_says_why(tiny, tmp_path):
    split = ["train"] * 12 + ["val"] * 8 + ["test"] * 13
    store = prepare(tiny([one_record(tiny, split)]), tmp_path / "s.zarr")
    message = (
        r"split 'val' of task 'tiny' gives no window: it has 8 frames, the longest usable run is 3, a window needs 5 "
        r"\(3 past \+ 2 future\); frames dropped: end of the split: 3, embargo after another split: 5"
        r"\n  help: ask for a shorter window, or see whether the frames really are '30 m' apart"
    )
    with pytest.raises(DataError, match=message):
        Windows(store, "val", 3, 2)


def test_windows_read_past_and_future(tiny, tmp_path):
    train, *rest = tiny.three()
    train.frames[4, 0, 0, 0] = -1
    store = prepare(tiny([train, *rest], missing="mask", fill_value=-1), tmp_path / "s.zarr")
    past, future = Windows(store, "train", 3, 2).read([1, 6])
    expected = np.where(train.frames == -1, np.nan, train.frames)
    np.testing.assert_array_equal(past, np.stack([expected[1:4], expected[6:9]]))
    np.testing.assert_array_equal(future, np.stack([expected[4:6], expected[9:11]]))
    assert past.is_contiguous()
    assert future.is_contiguous()


class Frames:
    """As much of a store as windows look at."""

    def __init__(self, card, sequence, split, valid):
        self.card, self.path = card, "memory"
        self.sequence, self.split, self.valid = map(np.array, (sequence, split, valid))

    def __len__(self):
        return len(self.sequence)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    frames=st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.integers(0, 1)), min_size=1, max_size=60),
    past=st.integers(1, 4),
    future=st.integers(1, 3),
)
def test_windows_are_all_that_may_be_used_and_no_other(tiny, frames, past, future):
    ends, split, valid = zip(*frames, strict=True)
    sequence = np.cumsum(ends)
    split = np.sort(split) if len(frames) % 2 else np.array(split)
    store, length = Frames(tiny([]).card, sequence, split, valid), past + future

    def usable(start, code):
        inside = slice(start, start + length)
        before = range(max(0, start - length), start)
        joined = all(sequence[i] == sequence[start] for i in range(start, start + length))
        return (
            joined
            and (split[inside] == code).all()
            and not any(sequence[i] == sequence[start] and split[i] != code for i in before)
            and any(valid[start + past : start + length])
        )

    for code, name in enumerate(SPLITS):
        expected = [s for s in range(len(frames) - length + 1) if usable(s, code)]
        if not expected:
            with pytest.raises(DataError, match="gives no window"):
                Windows(store, name, past, future)
            continue
        windows = Windows(store, name, past, future)
        assert windows.starts.tolist() == expected
        assert len(windows) + sum(windows.dropped.values()) == (split == code).sum()

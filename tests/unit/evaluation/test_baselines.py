import numpy as np
import pytest
import torch

from unistd.core.evaluation.baselines import baselines
from unistd.core.evaluation.gather import read_frames, ticks

NAN = np.nan
TWO_DAYS_EACH = ["train"] * 8 + ["test"] * 8


def forecast(windows, name, which):
    """Forecast of one window as (T', C, H, W)."""
    starts = torch.tensor(windows.starts[which : which + 1])
    past = read_frames(windows.store, starts.numpy()[:, None] + np.arange(windows.past))
    return baselines(windows).forecasts[name](past, starts)[0]


def test_persistence_repeats_the_last_input_frame(make_windows):
    windows = make_windows(np.arange(16.0), TWO_DAYS_EACH)
    assert forecast(windows, "persistence", 0).flatten().tolist() == [9.0, 9.0]
    assert baselines(windows).left_out == {}


def test_persistence_fills_from_the_input_then_from_the_training_mean(make_windows):
    """Pixel 0 was last valid one frame earlier, pixel 1 never in the input (train mean 2), pixel 2 never (2.5)."""
    frames = np.array(
        [[1.0, 1.0, NAN], [5.0, 3.0, NAN], [7.0, NAN, NAN], [NAN, NAN, NAN], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    )
    windows = make_windows(frames[:, None, None], ["train"] * 2 + ["test"] * 4, missing="mask")
    assert forecast(windows, "persistence", 0)[0].flatten().tolist() == [7.0, 2.0, 2.5]


def test_lag_repeats_the_latest_known_frame_at_the_same_phase(make_windows):
    """A day of 4 steps: leads 1 to 4 are one day back, leads 5 and 6 two, as one day back is not known yet."""
    windows = make_windows(np.arange(20.0), ["train"] * 8 + ["test"] * 12, future=6, cycles=[("day", 4)])
    assert windows.starts[0] == 8
    assert forecast(windows, "day-lag", 0).flatten().tolist() == [6, 7, 8, 9, 6, 7]


@pytest.mark.parametrize("future", [1, 3, 7])
def test_lag_never_looks_past_the_last_input_frame(make_windows, future):
    windows = make_windows(np.arange(24.0), ["train"] * 8 + ["test"] * 16, future=future, cycles=[("three", 3)])
    for which, start in enumerate(windows.starts):
        assert forecast(windows, "three-lag", which).max() <= start + windows.past - 1


def test_lag_is_left_out_when_a_window_lacks_the_history(make_windows):
    """The test split is a sequence of its own, so its first two windows reach back before their sequence."""
    windows = make_windows(np.arange(16.0), TWO_DAYS_EACH, cycles=[("day", 4)], sequence=[0] * 8 + [1] * 8)
    found = baselines(windows)
    assert "day-lag" not in found.forecasts
    assert found.left_out["day-lag"] == (
        "2 of 5 windows have no unbroken history of a day (4 steps) before their targets"
    )


def test_climatology_is_the_training_mean_of_the_phase(make_windows):
    """Train holds phases 0 1 2 3 twice: means 2 3 4 5. The first window's targets have phases 2 and 3."""
    windows = make_windows(np.r_[0:8.0, 100:108.0], TWO_DAYS_EACH, cycles=[("day", 4)])
    assert forecast(windows, "climatology", 0).flatten().tolist() == [4.0, 5.0]


def test_climatology_takes_the_longest_cycle_that_training_covers(make_windows):
    frames = np.r_[0:8.0, 100:108.0]
    windows = make_windows(frames, TWO_DAYS_EACH, cycles=[("day", 4), ("two days", 8), ("week", 28)])
    assert forecast(windows, "climatology", 0).flatten().tolist() == [2.0, 3.0]
    windows = make_windows(frames, TWO_DAYS_EACH, cycles=[("week", 28)])
    assert baselines(windows).left_out["climatology"] == "the training split covers 8 of the 28 steps of a week"


def test_climatology_fills_phases_without_a_valid_value(make_windows):
    """Phase 2 is missing in train: the mean of 0 1 3 4 5 7 is 20/6."""
    frames = np.r_[0:8.0, 100:108.0]
    frames[[2, 6]] = NAN
    windows = make_windows(frames, TWO_DAYS_EACH, cycles=[("day", 4)], missing="mask")
    assert forecast(windows, "climatology", 0).flatten().tolist() == pytest.approx([20 / 6, 5.0])


def test_climatology_streams_and_skips_other_splits(make_windows):
    split = (["train"] * 50 + ["test"] * 10) * 2
    frames = np.where(np.array(split) == "train", 1.0, 1000.0)
    windows = make_windows(frames, split, cycles=[("day", 4)])
    windows.store.reads.clear()
    assert forecast(windows, "climatology", 0).flatten().tolist() == [1.0, 1.0]
    assert max(windows.store.reads) <= 32


def test_a_table_too_large_for_memory_is_left_out_with_its_size(make_windows, monkeypatch):
    monkeypatch.setattr("unistd.core.evaluation.climatology.LARGEST", 10)
    found = baselines(make_windows(np.arange(16.0), TWO_DAYS_EACH, cycles=[("day", 4)]))
    assert found.left_out["climatology"] == "the means of a day of 4 steps would take 0.0 GiB"


def test_months_have_the_phase_of_the_calendar():
    times = np.array(["2023-01-31", "2023-02-01", "2024-12-31", "2025-01-01"], "datetime64[ms]")
    assert (ticks(times, (1, "M")) % 12).tolist() == [0, 1, 11, 0]


def test_other_steps_have_the_phase_of_the_clock():
    times = np.array(["2024-01-01T00:10", "2024-01-01T00:40", "2024-01-02T00:10"], "datetime64[ms]")
    assert (ticks(times, (30, "m")) % 48).tolist() == [0, 1, 0]

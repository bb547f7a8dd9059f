"""Errors of single windows, and the worst of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unistd.core.evaluation.by_window import window_errors, worst_windows


@pytest.fixture
def windows(make_windows):
    frames = np.random.default_rng(0).random((20, 2, 3, 4))
    frames[7, 0, :2] = np.nan
    return make_windows(frames, ["test"] * 20, missing="mask")


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_errors_are_means_over_the_valid_pixels_of_each_window(windows, batch):
    def zero(past, starts):
        return torch.zeros(len(past), 2, 2, 3, 4)

    errors = window_errors(windows, {"zero": zero, "one": lambda *given: zero(*given) + 1}, batch=batch)
    futures = [windows.store.frames[start + 2 : start + 4] for start in windows.starts]
    np.testing.assert_allclose(errors["zero"], [np.nanmean(future**2) for future in futures], rtol=1e-6)
    np.testing.assert_allclose(errors["one"], [np.nanmean((future - 1) ** 2) for future in futures], rtol=1e-6)


def test_errors_are_of_the_view(windows):
    forecast = {"zero": lambda past, starts: torch.zeros(len(past), 2, 2, 3, 4)}
    plain = window_errors(windows, forecast, batch=4)["zero"]
    np.testing.assert_allclose(window_errors(windows, forecast, batch=4, view=lambda x: 3 * x)["zero"], 9 * plain)


def test_forecasts_are_given_the_starts_of_their_windows(windows):
    seen = []

    def forecast(past, starts):
        seen.extend(starts.tolist())
        return torch.zeros(len(past), 2, 2, 3, 4)

    window_errors(windows, {"seen": forecast}, batch=5)
    assert seen == windows.starts.tolist()


def test_worst_windows_are_largest_first_and_share_no_frame(windows):
    errors = np.zeros(len(windows))
    errors[[3, 4, 5, 8, 15]] = [8, 9, 7, 6, 5]
    assert worst_windows(windows, errors, 3) == [4, 8, 15]  # 3 and 5 share frames with 4
    assert worst_windows(windows, errors, 1) == [4]
    assert len(worst_windows(windows, errors, 100)) <= 5  # 20 frames hold no more windows of 4


def test_equal_errors_are_taken_in_order(windows):
    assert worst_windows(windows, np.ones(len(windows)), 3) == [0, 4, 8]

import math

import pytest
import torch

from unistd.core.errors import DataError, UsageError
from unistd.plugins.metrics.pixelwise import MeanAbsoluteError, MeanSquaredError, RootMeanSquaredError

NAN = math.nan


def frames(*leads):
    """One window, one channel, one row: (1, T', 1, 1, W)."""
    return torch.tensor(leads).reshape(1, len(leads), 1, 1, -1)


def scored(metric_class, prediction, target, unit="trips"):
    metric = metric_class(leads=target.shape[1], unit=unit, value_range=None)
    metric.update(prediction, target)
    return metric.compute()


# Lead 1: errors 1, -3 over 2 valid pixels. Lead 2: error 2 over 1 valid pixel, the other target is missing.
PREDICTION = frames([1.0, 2.0], [4.0, 9.0])
TARGET = frames([0.0, 5.0], [2.0, NAN])


def test_mse_is_the_mean_over_valid_pixels():
    value, per_lead, _ = scored(MeanSquaredError, PREDICTION, TARGET)
    assert value == pytest.approx((1 + 9 + 4) / 3)
    assert per_lead.tolist() == pytest.approx([(1 + 9) / 2, 4.0])


def test_mae_is_the_mean_over_valid_pixels():
    value, per_lead, _ = scored(MeanAbsoluteError, PREDICTION, TARGET)
    assert value == pytest.approx((1 + 3 + 2) / 3)
    assert per_lead.tolist() == pytest.approx([2.0, 2.0])


def test_rmse_is_one_root_of_the_pooled_mean():
    value, per_lead, _ = scored(RootMeanSquaredError, PREDICTION, TARGET)
    assert value == pytest.approx(math.sqrt(14 / 3))
    assert value != pytest.approx((math.sqrt(5) + 2) / 2), "mean of roots is another metric"
    assert per_lead.tolist() == pytest.approx([math.sqrt(5), 2.0])


def test_identities_say_what_the_number_is():
    mse = MeanSquaredError(leads=1, unit="trips").identity
    assert (mse.name, mse.unit, mse.better) == ("mse", "trips²", "lower")
    assert mse.reduction == "mean over valid pixels of all windows, channels and leads"
    assert MeanSquaredError(leads=1, unit="m s-1").identity.unit == "(m s-1)²"
    assert MeanSquaredError(leads=1, unit="1").identity.unit == "1"
    assert RootMeanSquaredError(leads=1, unit="K").identity.unit == "K"
    assert RootMeanSquaredError(leads=1, unit="K").identity.reduction.startswith("one root of the mean")


@pytest.mark.parametrize("bad", [NAN, math.inf, -math.inf])
def test_a_broken_prediction_is_not_masked(bad):
    value, *_ = scored(MeanSquaredError, frames([bad, 0.0]), frames([1.0, 0.0]))
    assert not value.isfinite()


@pytest.mark.parametrize("bad", [NAN, math.inf])
def test_a_prediction_at_a_missing_pixel_takes_no_part(bad):
    value, *_ = scored(MeanSquaredError, frames([bad, 3.0]), frames([NAN, 1.0]))
    assert value == 4.0


def test_a_lead_without_valid_pixels_has_no_value_but_the_rest_has():
    value, per_lead, _ = scored(MeanSquaredError, frames([1.0], [1.0]), frames([NAN], [0.0]))
    assert value == 1.0
    assert per_lead[0].isnan()
    assert per_lead[1] == 1.0


def test_nothing_valid_is_an_error():
    with pytest.raises(DataError, match="'mse' has no value: not one target was valid"):
        scored(MeanSquaredError, frames([1.0]), frames([NAN]))


@pytest.mark.parametrize("shape", [(1, 3, 1, 2, 2), (1, 2, 2, 2, 2), (2, 1, 2, 2)])
def test_shapes_that_would_broadcast_are_an_error(shape):
    metric = MeanSquaredError(leads=2, unit="1")
    with pytest.raises(UsageError, match=r"cannot score a forecast of shape .* against '\(1, 2, 1, 2, 2\)'"):
        metric.update(torch.zeros(shape), torch.zeros(1, 2, 1, 2, 2))


def test_small_errors_on_large_values_are_kept():
    """In float32, 1e6 windows of an error of 1e-3 would drown in their own sum."""
    metric = MeanSquaredError(leads=1, unit="1")
    big = torch.full((1, 1, 1, 1, 1), 4096.0)
    for _ in range(3000):
        metric.update(big + 2**-11, big)
    assert metric.compute().value == pytest.approx(2**-22, rel=1e-12)

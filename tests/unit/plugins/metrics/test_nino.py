import math

import numpy as np
import pytest
import torch

from unistd.core.errors import UsageError
from unistd.plugins.metrics.nino import NinoCorrelation, NinoRootMeanSquaredError

BOX = {"rows": (1, 3), "columns": (1, 2)}


def drawn(windows=40, leads=14, seed=0):
    rng = torch.Generator().manual_seed(seed)
    target = torch.randn((windows, leads, 1, 24, 48), generator=rng) + torch.randn((windows, 1, 1, 1, 1), generator=rng)
    return target + 9 * torch.randn(target.shape, generator=rng), target


def scored(build, prediction, target, **options):
    metric = build(leads=target.shape[1], unit="degC", **options)
    metric.update(prediction, target)
    return metric.compute()


def index(frames):
    """The index (windows, T' - 2) by numpy."""
    box = frames.double().numpy()[:, :, 0, 10:13, 19:30].mean(axis=(2, 3))
    return (box[:, :-2] + box[:, 1:-1] + box[:, 2:]) / 3


def test_by_hand():
    """Four leads are two indices. The box is 2×1 pixels of 3×3, whose mean is the frame's number here.

    Window 1: forecast 0 3 6 9, means 3 and 6; truth 0 0 3 6, means 1 and 3.
    Window 2: forecast 3 3 3 0, means 3 and 2; truth 3 3 6 6, means 4 and 5.
    Window 3: forecast 0 0 0 0, means 0 and 0; truth 0 3 0 -9, means 1 and -2.
    Index 1: forecast 3 3 0 about its mean 1 1 -2, truth 1 4 1 about its mean -1 2 -1; r = 3 / √(6·6) = 1/2.
    Index 2: forecast 6 2 0 about 8/3: 10/3 -2/3 -8/3, truth 3 5 -2 about 2: 1 3 -4;
             r = (10 - 6 + 32) / 3 / √((100 + 4 + 64) / 9 · 26) = 12 / √(56/3 · 26).
    Errors of index 1: 2 -1 -1, root √(6/3); of index 2: 3 -3 2, root √(22/3).
    """
    forecast = [[0.0, 3, 6, 9], [3.0, 3, 3, 0], [0.0, 0, 0, 0]]
    truth = [[0.0, 0, 3, 6], [3.0, 3, 6, 6], [0.0, 3, 0, -9]]
    pair = []
    for numbers in (forecast, truth):
        frames = torch.full((3, 4, 1, 3, 3), 100.0)  # nothing outside the box counts
        frames[..., 0, 1, 1] = torch.tensor(numbers) - 7
        frames[..., 0, 2, 1] = torch.tensor(numbers) + 7
        pair.append(frames)
    first, second = 1 / 2, 12 / math.sqrt(56 / 3 * 26)
    score = scored(NinoCorrelation, *pair, **BOX)
    assert score.per_lead[:2].tolist() == pytest.approx([first, second], abs=1e-6)
    assert score.per_lead[2:].isnan().all()
    assert score.value == pytest.approx((first + second) / 2, abs=1e-6)
    weighted = scored(NinoCorrelation, *pair, **BOX, weighted=True)
    assert weighted.value == pytest.approx(1.5 * math.log(2) * second / 2, abs=1e-6)
    rmse = scored(NinoRootMeanSquaredError, *pair, **BOX)
    assert rmse.per_lead[:2].tolist() == pytest.approx([math.sqrt(2), math.sqrt(22 / 3)])
    assert rmse.value == pytest.approx((math.sqrt(2) + math.sqrt(22 / 3)) / 2)


def test_equals_numpy_on_the_box_of_the_benchmark():
    prediction, target = drawn()
    x, y = index(prediction), index(target)
    golden = [np.corrcoef(x[:, lead], y[:, lead])[0, 1] for lead in range(12)]
    assert 0.5 < np.mean(golden) < 0.99
    score = scored(NinoCorrelation, prediction, target)
    assert score.per_lead[:12].tolist() == pytest.approx(golden, abs=1e-6)
    assert score.value == pytest.approx(np.mean(golden), abs=1e-6)
    roots = np.sqrt(((x - y) ** 2).mean(axis=0))
    assert scored(NinoRootMeanSquaredError, prediction, target).value == pytest.approx(roots.mean(), rel=1e-9)


def test_a_perfect_forecast_of_twelve_leads_has_the_most_there_is():
    """Mean of w(l) ln(l), l = 1 … 12: 1.5 (ln 1 + … + ln 4) + 2 (ln 5 + … + ln 11) + 3 ln 12, by 12."""
    _, target = drawn()
    assert scored(NinoCorrelation, target, target, weighted=True).value == pytest.approx(3.405859, abs=1e-6)
    assert scored(NinoCorrelation, target, target).value == pytest.approx(1, abs=1e-6)
    assert scored(NinoRootMeanSquaredError, target, target).value == 0


def test_the_weights_go_on_beyond_twelve_leads_and_end():
    """24 leads: 3 up to the 18th, 4 up to the 24th."""
    weights = [1.5] * 4 + [2] * 7 + [3] * 7 + [4] * 6
    _, target = drawn(windows=5, leads=26)
    most = sum(w * math.log(lead) for lead, w in enumerate(weights, start=1)) / 24
    assert scored(NinoCorrelation, target, target, weighted=True).value == pytest.approx(most, abs=1e-5)
    with pytest.raises(UsageError, match="knows the weights of 24 leads, and the window has '25'"):
        NinoCorrelation(leads=27, unit="degC", weighted=True)
    assert NinoCorrelation(leads=27, unit="degC").leads == 27


def test_missing_pixels_of_the_box_and_months_without_any():
    prediction, target = drawn(windows=6, leads=4)
    target[0, 3, 0, 10:13, 19:30] = math.nan  # the second index of the first window
    target[1, :, 0, 10:13, 20:30] = math.nan  # one column is left
    changed = prediction.clone()
    changed[0, 3] = changed[1, :, :, :, 20:30] = 1e9
    score = scored(NinoRootMeanSquaredError, changed, target)
    x, y = (each.double()[:, :, 0, 10:13, 19:30] for each in (prediction, target))
    error = torch.where(y.isnan(), torch.nan, x - y).nanmean(dim=(2, 3)).unfold(1, 3, 1).mean(dim=2)
    assert error[0].isnan().tolist() == [False, True]
    assert score.per_lead[:2].tolist() == pytest.approx(error.square().nanmean(dim=0).sqrt().tolist())


def test_what_it_cannot_score_is_refused():
    with pytest.raises(UsageError, match="needs the mean of 3 months, and the window forecasts '2'"):
        NinoCorrelation(leads=2, unit="degC")
    _, target = drawn(windows=1, leads=3)
    with pytest.raises(UsageError, match=r"the box of nino-rmse ends at '13×30', beyond the frames") as error:
        scored(NinoRootMeanSquaredError, target[..., :29], target[..., :29])
    assert "frames have 24×29 pixels" in error.value.help
    with pytest.raises(UsageError, match="'nino-rmse' takes one channel, got '2'"):
        scored(NinoRootMeanSquaredError, target.expand(-1, -1, 2, -1, -1), target.expand(-1, -1, 2, -1, -1))

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from unistd.core.errors import UsageError
from unistd.plugins.metrics.psnr import PeakSignalToNoise
from unistd.plugins.metrics.ssim import StructuralSimilarity

SKIMAGE = {"uniform": {}, "gaussian": {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}}


def pair(shape=(2, 3, 2, 16, 13), peak=255.0, seed=0):
    rng = torch.Generator().manual_seed(seed)
    target = torch.rand(shape, generator=rng) * peak
    return target + torch.randn(shape, generator=rng) * peak / 10, target


def scored(metric, prediction, target):
    metric.update(prediction, target)
    return metric.compute()


def test_psnr_by_hand():
    """L = 10. Frame 1: mse 1 → 20 dB. Frame 2: mse (0 + 4) / 2 = 2 over its two valid pixels → 10 log10 50 dB."""
    prediction = torch.tensor([[1.0, 1.0], [0.0, 2.0]]).reshape(2, 1, 1, 1, 2)
    value, per_lead, _ = scored(
        PeakSignalToNoise(leads=1, unit="1", value_range=(0.0, 10.0)), prediction, prediction * 0
    )
    expected = (20 + 10 * math.log10(50)) / 2
    assert value == pytest.approx(expected)
    assert per_lead.reshape(-1).tolist() == pytest.approx([expected])


def test_psnr_equals_scikit_image_per_frame():
    prediction, target = pair()
    value, per_lead, _ = scored(PeakSignalToNoise(leads=3, unit="1", value_range=(0.0, 255.0)), prediction, target)
    golden = np.array(
        [
            [
                peak_signal_noise_ratio(t.double().numpy(), p.double().numpy(), data_range=255.0)
                for p, t in zip(*w, strict=True)
            ]
            for w in zip(prediction, target, strict=True)
        ]
    )
    assert value == pytest.approx(golden.mean(), rel=1e-12)
    assert per_lead.tolist() == pytest.approx(golden.mean(axis=0), rel=1e-12)


def test_psnr_of_a_perfect_frame_is_capped_and_an_empty_frame_takes_no_part():
    target = torch.zeros(3, 1, 1, 1, 1)
    prediction = target + torch.tensor([0.0, 1.0, 5.0]).reshape(3, 1, 1, 1, 1)
    target[2] = math.nan
    value, *_ = scored(PeakSignalToNoise(leads=1, unit="1", value_range=(0.0, 10.0)), prediction, target)
    assert value == pytest.approx((100 + 20) / 2)


@pytest.mark.parametrize("window", ["uniform", "gaussian"])
@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_ssim_equals_scikit_image(window, offset):
    prediction, target = pair()
    prediction, target = prediction + offset, target + offset
    metric = StructuralSimilarity(leads=3, unit="1", value_range=(0.0, 255.0), window=window)
    value, per_lead, _ = scored(metric, prediction, target)
    golden = np.array(
        [
            [
                structural_similarity(
                    t.double().numpy(), p.double().numpy(), data_range=255.0, channel_axis=0, **SKIMAGE[window]
                )
                for p, t in zip(*w, strict=True)
            ]
            for w in zip(prediction, target, strict=True)
        ]
    )
    assert 0.1 < golden.mean() < 0.999
    assert value == pytest.approx(golden.mean(), rel=1e-9)
    assert per_lead.tolist() == pytest.approx(golden.mean(axis=0), rel=1e-9)


def test_ssim_of_equal_frames_is_one():
    _, target = pair()
    value, *_ = scored(StructuralSimilarity(leads=3, unit="1", value_range=(0.0, 255.0)), target, target)
    assert value == pytest.approx(1.0)


def test_ssim_leaves_out_windows_that_touch_a_missing_pixel():
    """A missing column at x = 0 removes exactly the windows of scikit-image's map that are centred at x = 3."""
    prediction, target = pair((1, 1, 1, 12, 12))
    _, full = structural_similarity(
        target[0, 0, 0].double().numpy(), prediction[0, 0, 0].double().numpy(), data_range=255.0, full=True
    )
    target[..., 0] = math.nan
    value, *_ = scored(StructuralSimilarity(leads=1, unit="1", value_range=(0.0, 255.0)), prediction, target)
    assert value == pytest.approx(full[3:-3, 4:-3].mean(), rel=1e-9)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("build", [PeakSignalToNoise, StructuralSimilarity])
def test_a_broken_prediction_shows_unless_its_target_is_missing(build, bad):
    prediction, target = pair()
    prediction[0, 0, 0, 0, 0] = bad
    target[0, 0, 0, 0, 1] = math.nan  # so that no window round the broken pixel is whole
    assert not scored(build(leads=3, unit="1", value_range=(0.0, 1.0)), prediction, target).value.isfinite()
    target[0, 0, 0, 0, 0] = math.nan
    assert scored(build(leads=3, unit="1", value_range=(0.0, 1.0)), prediction, target).value.isfinite()


@pytest.mark.parametrize("build", [PeakSignalToNoise, StructuralSimilarity])
def test_unbounded_data_is_refused(build):
    with pytest.raises(UsageError, match="needs the range of the data, and the task states none") as error:
        build(leads=1, unit="K", value_range=None)
    assert "give the task's card a value_range" in error.value.help
    with pytest.raises(UsageError, match=r"got the value range '\(0.0, -1.0\)', whose width is no positive"):
        build(leads=1, unit="K", value_range=(0.0, -1.0))


def test_ssim_refuses_frames_smaller_than_its_window():
    metric = StructuralSimilarity(leads=1, unit="1", value_range=(0.0, 1.0), window="gaussian")
    with pytest.raises(
        UsageError, match="frames of '10×64' pixels are smaller than the 11×11 gaussian window"
    ) as error:
        metric.update(torch.zeros(1, 1, 1, 10, 64), torch.zeros(1, 1, 1, 10, 64))
    assert "window: uniform" in error.value.help


def test_identities_say_range_window_and_cap():
    psnr = PeakSignalToNoise(leads=1, unit="K", value_range=(0.0, 30.0)).identity
    assert (psnr.unit, psnr.better, psnr.data_range) == ("dB", "higher", 30.0)
    assert "at most 100 dB" in psnr.reduction
    ssim = StructuralSimilarity(leads=1, unit="K", value_range=(0.0, 30.0), window="gaussian").identity
    assert (ssim.unit, ssim.better, ssim.data_range, ssim.window) == ("1", "higher", 30.0, "11×11 gaussian")

"""Forms of pixel and frame errors that benchmarks print, against arrays worked by hand and other libraries."""

import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure

from unistd.core.errors import DataError, UsageError
from unistd.plugins.metrics.lpips import PerceptualSimilarity
from unistd.plugins.metrics.percentage import MeanAbsolutePercentageError, WeightedMeanAbsolutePercentageError
from unistd.plugins.metrics.pixelwise import MeanAbsoluteError, MeanSquaredError, RootMeanSquaredError
from unistd.plugins.metrics.psnr import PeakSignalToNoise, SignalToNoise
from unistd.plugins.metrics.ssim import StructuralSimilarity

NAN = math.nan


def frames(*leads):
    """One window, one channel, one row: (1, T', 1, 1, W)."""
    return torch.tensor(leads).reshape(1, len(leads), 1, 1, -1)


def scored(build, prediction, target, **options):
    metric = build(leads=target.shape[1], unit="trips", **options)
    metric.update(prediction, target)
    return metric.compute()


# Errors of lead 1: 3 and -4. Of lead 2: 2, and a missing pixel. A third frame is missing as a whole.
SAID = frames([4.0, 2.0], [3.0, 9.0], [5.0, 5.0])
SEEN = frames([1.0, 6.0], [1.0, NAN], [NAN, NAN])


@pytest.mark.parametrize(
    ("build", "options", "value", "leads"),
    [
        (MeanSquaredError, {"reduction": "frame"}, (25 + 4) / 2, [25, 4]),
        (MeanAbsoluteError, {"reduction": "frame"}, (7 + 2) / 2, [7, 2]),
        (RootMeanSquaredError, {"reduction": "frame"}, math.sqrt((25 + 4) / 2), [5, 2]),
        (RootMeanSquaredError, {"reduction": "frame", "root": "per-frame"}, (5 + 2) / 2, [5, 2]),
        (RootMeanSquaredError, {"root": "per-frame"}, (math.sqrt(25 / 2) + 2) / 2, [math.sqrt(25 / 2), 2]),
        (MeanSquaredError, {"scale": "range"}, 29 / 3 / 10**2, [0.125, 0.04]),
        (MeanAbsoluteError, {"scale": "range", "reduction": "frame"}, (7 + 2) / 2 / 10, [0.7, 0.2]),
        (RootMeanSquaredError, {"scale": "range"}, math.sqrt(29 / 3) / 10, [math.sqrt(0.125), 0.2]),
    ],
)
def test_pixel_errors_by_hand(build, options, value, leads):
    score = scored(build, SAID, SEEN, value_range=(-5.0, 5.0), **options)
    assert score.value == pytest.approx(value)
    assert score.per_lead[:2].tolist() == pytest.approx(leads)
    assert score.per_lead[2].isnan()


def test_sums_and_means_differ_by_the_pixels_of_a_frame():
    """The factor C·H·W between OpenSTL's MSE and the mean, on frames of 2×3×4 = 24 values; 24 roots of 24."""
    rng = torch.Generator().manual_seed(0)
    target, prediction = torch.rand((2, 5, 3, 2, 3, 4), generator=rng)
    mean, total = (scored(MeanSquaredError, prediction, target, reduction=each).value for each in ("pixel", "frame"))
    assert total == pytest.approx(24 * mean)
    golden = np.sqrt(((prediction - target).double().numpy() ** 2).sum(axis=(2, 3, 4))).mean()
    assert scored(RootMeanSquaredError, prediction, target, reduction="frame", root="per-frame").value == pytest.approx(
        golden
    )


def test_identities_of_forms_differ():
    frame = MeanSquaredError(leads=1, unit="K", reduction="frame").identity
    assert (frame.name, frame.unit) == ("mse-frame-sum", "K²")
    assert frame.reduction.startswith("sum over valid pixels of all channels of a frame")
    both = MeanSquaredError(leads=1, unit="K", reduction="frame", scale="range", value_range=(1.0, 4.0)).identity
    assert (both.name, both.unit, both.data_range) == ("mse-frame-sum-range", "1", 3.0)
    roots = RootMeanSquaredError(leads=1, unit="K", root="per-frame").identity
    assert (roots.name, roots.reduction.split(" over")[0]) == ("rmse-roots", "root of the mean")
    with pytest.raises(UsageError, match="'mse-range' needs the range of the data"):
        MeanSquaredError(leads=1, unit="K", scale="range")


def test_clip_counts_what_lies_beyond_the_range_as_its_ends():
    """Range 0 … 10: 12 counts as 10 and -2 as 0, so errors are 1 and 0 instead of 3 and -2; squares 1 / 2, 13 / 2."""
    said, seen, options = frames([12.0, -2.0]), frames([9.0, 0.0]), {"value_range": (0.0, 10.0)}
    assert scored(PeakSignalToNoise, said, seen, **options, clip=True).value == pytest.approx(10 * math.log10(200))
    assert scored(PeakSignalToNoise, said, seen, **options).value == pytest.approx(10 * math.log10(200 / 13))
    assert scored(SignalToNoise, said, seen, **options, clip=True).value == pytest.approx(10 * math.log10(81 / 1))
    assert scored(SignalToNoise, said, seen, **options).value == pytest.approx(10 * math.log10(81 / 13))


def test_snr_by_hand():
    """Frame 1: 9 + 16 against 1 + 4, 10 log10 5. Perfect: 100. Truth of 0: -100. The last frame has no target."""
    seen = frames([3.0, 4.0], [1.0, 1.0], [0.0, 0.0], [NAN, NAN])
    said = frames([4.0, 6.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0])
    score = scored(SignalToNoise, said, seen)
    assert score.per_lead[:3].tolist() == pytest.approx([10 * math.log10(5), 100, -100])
    assert score.value == pytest.approx(10 * math.log10(5) / 3)
    assert scored(SignalToNoise, frames([0.0]), frames([0.0])).value == 100, "nothing forecast where nothing is"
    # mapped onto [0, 1]: truth 0.5 1, errors 0.1 0.2
    mapped = scored(SignalToNoise, frames([1.0, 7.0]), frames([0.0, 5.0]), value_range=(-5.0, 5.0), scale="range")
    assert mapped.value == pytest.approx(10 * math.log10(1.25 / 0.05))


def test_percentages_by_hand():
    """Targets 2, -4, 0, 0 and a missing one, forecasts 3, -2, 1, 0: shares 1/2, 1/2, 1/0 and 0/0."""
    said, seen = frames([3.0, -2.0, 1.0, 0.0, 9.0]), frames([2.0, -4.0, 0.0, 0.0, NAN])
    assert scored(WeightedMeanAbsolutePercentageError, said, seen).value == pytest.approx((1 + 2 + 1) / 6)
    assert scored(MeanAbsolutePercentageError, said, seen).value == pytest.approx(1 / 2)
    assert scored(MeanAbsolutePercentageError, said, seen, zeros="as-right").value == pytest.approx(1 / 3)
    with pytest.raises(DataError, match="'mape' has no value") as error:
        scored(MeanAbsolutePercentageError, said * 0, seen * 0)
    assert "for mape and wmape, 0" in error.value.help


def pair():
    rng = torch.Generator().manual_seed(0)
    target = torch.rand((2, 2, 3, 16, 13), generator=rng)
    return target + torch.randn(target.shape, generator=rng) / 4, target


def golden_ssim(prediction, target, **options):
    images = [each.flatten(0, 1).double().numpy() for each in (prediction, target)]
    return np.mean([structural_similarity(t, p, channel_axis=0, **options) for p, t in zip(*images, strict=True)])


def test_ssim_of_openstl():
    """On [0, 1] frames, clipped, L = 2, 7×7 uniform; here of frames that go from 50 to 250."""
    prediction, target = pair()
    golden = golden_ssim(prediction.clamp(0, 1), target, data_range=2.0)
    options = {"span": 2, "clip": True, "scale": "range", "value_range": (50.0, 250.0)}
    score = scored(StructuralSimilarity, 200 * prediction + 50, 200 * target + 50, **options)
    assert score.value == pytest.approx(golden, rel=1e-5)
    assert golden != pytest.approx(golden_ssim(prediction, target, data_range=2.0), rel=1e-2), "clipping plays a part"
    assert golden != pytest.approx(golden_ssim(prediction.clamp(0, 1), target, data_range=1.0), rel=1e-3)
    identity = StructuralSimilarity(leads=2, unit="1", **options).identity
    assert (identity.name, identity.data_range, identity.window) == ("ssim-l2-range-clip", 2.0, "7×7 uniform")


def test_gaussian_ssim_is_that_of_torchmetrics_inside_the_frame():
    prediction, target = pair()
    _, map_ = structural_similarity_index_measure(
        prediction.flatten(0, 1).double(), target.flatten(0, 1).double(), data_range=1.0, return_full_image=True
    )
    golden = map_[..., 5:-5, 5:-5].mean()
    score = scored(StructuralSimilarity, prediction, target, value_range=(0.0, 1.0), window="gaussian")
    assert score.value == pytest.approx(golden.item(), rel=1e-9)


def lpips(weights, **options):
    return PerceptualSimilarity(leads=2, unit="1", value_range=(0.0, 255.0), weights=weights, **options)


def images(channels):
    rng = torch.Generator().manual_seed(1)
    target = torch.rand((3, 2, channels, 40, 36), generator=rng) * 255
    return target + torch.randn(target.shape, generator=rng) * 60, target


def test_lpips_by_its_own_formula(alexnet_file):
    """Difference of features of unit length, weighed by the linear layers of torchmetrics, mean over pixels."""
    prediction, target = images(3)
    metric = lpips(alexnet_file)
    metric.update(prediction, target)
    trunk = torch.load(alexnet_file)
    shift, scale = (torch.tensor(v).view(3, 1, 1) for v in ([-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]))

    def features(frame):
        x, found = ((2 * frame / 255 - 1 - shift) / scale)[None], []
        for at, stride, padding, pool in ((0, 4, 2, 0), (3, 1, 2, 1), (6, 1, 1, 1), (8, 1, 1, 0), (10, 1, 1, 0)):
            x = torch.nn.functional.max_pool2d(x, 3, 2) if pool else x
            w, b = trunk[f"features.{at}.weight"], trunk[f"features.{at}.bias"]
            x = torch.relu(torch.nn.functional.conv2d(x, w, b, stride=stride, padding=padding))
            found.append(x / (x.square().sum(dim=1, keepdim=True) + 1e-8).sqrt())
        return found

    golden = []
    for p, t in zip(prediction.flatten(0, 1), target.flatten(0, 1), strict=True):
        layers = zip(features(p), features(t), metric.network.lins, strict=True)
        golden.append(sum(lin.model[-1]((a - b).square()).mean().item() for a, b, lin in layers))
    assert min(golden) > 1e-4
    assert metric.compute().value == pytest.approx(np.mean(golden), rel=1e-5)
    equal = lpips(alexnet_file)
    equal.update(target, target)
    assert equal.compute().value == 0


def test_lpips_takes_grey_frames_and_clips(alexnet_file):
    prediction, target = images(1)
    grey, rgb = lpips(alexnet_file, clip=True), lpips(alexnet_file)
    grey.update(prediction, target)
    rgb.update(prediction.clamp(0, 255).expand(-1, -1, 3, -1, -1), target.expand(-1, -1, 3, -1, -1))
    assert grey.compute().value == pytest.approx(rgb.compute().value.item())
    with pytest.raises(UsageError, match=r"lpips cannot see frames of '2×40×36'"):
        lpips(alexnet_file).update(*(each.expand(-1, -1, 2, -1, -1) for each in (prediction, target)))
    with pytest.raises(UsageError, match="cannot see frames of '1×34×36'"):
        lpips(alexnet_file).update(prediction[..., :34, :], target[..., :34, :])


def test_lpips_without_its_weights_says_where_to_get_them(tmp_path):
    with pytest.raises(DataError, match="metric 'lpips' has no trunk: there is no such file") as error:
        lpips(tmp_path / "alexnet.pth")
    assert "alexnet-owt-7be5be79.pth" in error.value.help
    broken = tmp_path / "broken.pth"
    broken.write_text("<html>")
    with pytest.raises(DataError, match="cannot read these weights"):
        lpips(broken)
    torch.save({"features.0.weight": torch.zeros(2)}, broken)
    with pytest.raises(DataError, match="these are not the weights of torchvision's 'alex' trunk"):
        lpips(broken)

"""What all metrics share: the same value however the windows are cut up."""

import functools
import math

import pytest
import torch

from unistd.plugins import metrics as plugin
from unistd.plugins.metrics.pixelwise import MeanAbsoluteError, MeanSquaredError, RootMeanSquaredError
from unistd.plugins.metrics.psnr import PeakSignalToNoise
from unistd.plugins.metrics.ssim import StructuralSimilarity
from unistd.registry.component import Component

CLASSES = [
    MeanSquaredError,
    MeanAbsoluteError,
    RootMeanSquaredError,
    PeakSignalToNoise,
    StructuralSimilarity,
    functools.partial(StructuralSimilarity, window="gaussian"),
]


def make(metric_class):
    return metric_class(leads=2, unit="1", data_range=1.0)


@pytest.fixture(scope="module")
def windows():
    rng = torch.Generator().manual_seed(3)
    target = torch.rand((11, 2, 2, 12, 14), generator=rng)
    prediction = target + torch.rand((11, 2, 2, 12, 14), generator=rng) * torch.rand((11, 1, 1, 1, 1), generator=rng)
    target[torch.rand(target.shape, generator=rng) < 0.005] = math.nan
    target[4] = math.nan
    return prediction, target


def streamed(metric_class, prediction, target, batch):
    metric = make(metric_class)
    for p, t in zip(prediction.split(batch), target.split(batch), strict=True):
        metric.update(p, t)
    return metric


def same(a, b):
    torch.testing.assert_close(a.value, b.value, rtol=1e-12, atol=0)
    torch.testing.assert_close(a.per_lead, b.per_lead, rtol=1e-12, atol=0)


@pytest.mark.parametrize("metric_class", CLASSES)
def test_batch_size_and_order_do_not_matter(metric_class, windows):
    whole = streamed(metric_class, *windows, batch=11).compute()
    assert whole.value.isfinite()
    for batch in (1, 3):
        same(streamed(metric_class, *windows, batch=batch).compute(), whole)
    order = torch.randperm(11, generator=torch.Generator().manual_seed(1))
    same(streamed(metric_class, windows[0][order], windows[1][order], batch=4).compute(), whole)


@pytest.mark.parametrize("metric_class", CLASSES)
def test_two_processes_score_as_one(metric_class, windows):
    """Uneven shards, joined the way torchmetrics joins processes: each state's own reduction over the stack."""
    shards = [streamed(metric_class, *(each[rank::2] for each in windows), batch=3) for rank in range(2)]
    joined = make(metric_class)
    for name, reduce in joined._reductions.items():
        setattr(joined, name, reduce(torch.stack([getattr(shard, name) for shard in shards])))
    joined._update_count = 1
    same(joined.compute(), streamed(metric_class, *windows, batch=11).compute())


def test_every_component_builds_its_target_and_config_matches():
    by_name = {c.name: c for c in plugin.unistd_components()}
    assert set(by_name) == {"mse", "mae", "rmse", "psnr", "ssim"}
    for component in by_name.values():
        assert isinstance(component, Component)
        module, name = component.target.split(":")
        target = getattr(__import__(module, fromlist=[name]), name)
        metric = target(leads=3, unit="K", data_range=1.0, **component.options(component.config()))
        assert metric.identity.name == component.name

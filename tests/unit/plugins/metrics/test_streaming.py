"""What all metrics share, whichever are registered: one number however the windows are cut up, and masks that mask."""

from __future__ import annotations

import itertools
import math
from types import UnionType
from typing import Literal, get_args, get_origin

import pytest
import torch

from unistd.registry.registry import Registry
from unistd.registry.slot import Choice

LEADS = 4
REQUIRED = {"thresholds": (0.2, 0.5, 0.9)}
"""Values of options that must be given; ``weights`` is a file that a fixture writes."""
CHANNELS = {"nino-correlation": 1, "nino-rmse": 1, "lpips": 3}
WHOLE_FRAMES = {"lpips"}
"""Metrics that a part of a frame cannot be taken from: a frame with a missing pixel takes no part."""
REGISTRY = Registry.discover()


def choices(annotation) -> tuple:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return (False, True) if annotation is bool else ()


def cases():
    """Every metric of the registry with every combination of its options that have a few values."""
    for name in REGISTRY.names("metric"):
        fields = REGISTRY.find("metric", name).config.model_fields
        assert not any(isinstance(field.annotation, UnionType) for field in fields.values())
        some = {key: choices(field.annotation) for key, field in fields.items() if choices(field.annotation)}
        if name == "lpips":
            some.pop("net")  # the other one is 16 times as large
        for values in itertools.product(*some.values()):
            options = dict(zip(some, values, strict=True))
            yield pytest.param(name, options, id="-".join([name, *map(str, values)]))


every_metric = pytest.mark.parametrize(("name", "options"), list(cases()))


@pytest.fixture
def build(name, options, alexnet_file):
    """Make a fresh metric of this case."""
    component = REGISTRY.find("metric", name)
    given = {**REQUIRED, "weights": alexnet_file}
    needed = {key: given[key] for key, field in component.config.model_fields.items() if field.is_required()}
    choice = Choice(name, component.config.model_validate({**options, **needed}))
    return lambda: REGISTRY.factory("metric", choice)(leads=LEADS, unit="K", value_range=(-0.5, 1.5))


@pytest.fixture
def windows(name):
    """Seven windows of frames, no two of the same quality; one without a target, and pixels missing."""
    rng = torch.Generator().manual_seed(3)
    shape = (7, LEADS, CHANNELS.get(name, 2), 35, 36)
    target = torch.rand(shape, generator=rng) + torch.rand((7, LEADS, 1, 1, 1), generator=rng)
    noise = torch.rand((7, 1, 1, 1, 1), generator=rng)
    prediction = target + noise * torch.randn(shape, generator=rng)
    if name not in WHOLE_FRAMES:
        target[torch.rand(shape, generator=rng) < 0.005] = math.nan
    target[4] = math.nan
    return prediction, target


def streamed(metric, prediction, target, batch):
    for p, t in zip(prediction.split(batch), target.split(batch), strict=True):
        metric.update(p, t)
    return metric


def same(a, b, name):
    tolerance = {"rtol": 1e-5 if name == "lpips" else 1e-9, "atol": 1e-9}  # its network has single precision
    torch.testing.assert_close(a.value, b.value, **tolerance)
    torch.testing.assert_close(a.per_lead, b.per_lead, equal_nan=True, **tolerance)
    assert a.parts.keys() == b.parts.keys()
    for part in a.parts:
        torch.testing.assert_close(a.parts[part], b.parts[part], **tolerance)


@every_metric
def test_batches_order_and_processes_do_not_matter(build, windows, name):
    whole = streamed(build(), *windows, batch=7).compute()
    assert whole.value.isfinite()
    assert whole.per_lead.shape == (LEADS,)
    assert not whole.per_lead[0].isnan()
    same(streamed(build(), *windows, batch=1).compute(), whole, name)
    order = torch.tensor([5, 2, 4, 0, 6, 3, 1])
    same(streamed(build(), *(each[order] for each in windows), batch=3).compute(), whole, name)
    # Uneven shards, joined the way torchmetrics joins processes: each state's own reduction over the stack.
    shards = [streamed(build(), *(each[rank::2] for each in windows), batch=3) for rank in range(2)]
    joined = build()
    for state, reduce in joined._reductions.items():
        setattr(joined, state, reduce(torch.stack([getattr(shard, state) for shard in shards])))
    joined._update_count = 1
    same(joined.compute(), whole, name)


@every_metric
def test_missing_targets_are_as_if_they_were_cut_off(build, windows, name):
    """The right part of the frames of all windows, or whole windows where frames cannot be parted."""
    prediction, target = (each.clone() for each in windows)
    if name in WHOLE_FRAMES:
        expected = streamed(build(), prediction[:3], target[:3], batch=3)
        target[3:, ..., -1] = math.nan
    else:
        expected = streamed(build(), prediction[..., :32], target[..., :32], batch=3)
        target[..., 32:] = math.nan
    prediction[target.isnan()] = math.nan  # what is said of a missing pixel takes no part either
    same(streamed(build(), prediction, target, batch=3).compute(), expected.compute(), name)


@every_metric
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_broken_prediction_shows(build, windows, bad):
    prediction, target = (each.clone() for each in windows)
    target[0, 0] = target[0, 0].nan_to_num(0.5)
    prediction[0, 0, 0, 11, 20] = bad
    assert not streamed(build(), prediction, target, batch=3).compute().value.isfinite()


def test_no_two_numbers_have_one_name(alexnet_file):
    """Options that make another number make another name; only texts of options without few values may be alike."""
    names = []
    for case in cases():
        name, options = case.values
        component = REGISTRY.find("metric", name)
        given = {"weights": alexnet_file, **REQUIRED}
        needed = {key: given[key] for key, field in component.config.model_fields.items() if field.is_required()}
        made = REGISTRY.factory("metric", Choice(name, component.config.model_validate({**options, **needed})))
        identity = made(leads=LEADS, unit="K", value_range=(-0.5, 1.5)).identity
        default = all(component.config.model_fields[key].default == value for key, value in options.items())
        assert (identity.name == name) == default, options
        names.append(identity.name)
    assert len(names) == len(set(names)) > 60

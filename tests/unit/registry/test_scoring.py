from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unistd.core.task import Channel, TaskCard, Window
from unistd.registry.component import Component, Config
from unistd.registry.registry import Registry
from unistd.registry.scoring import compose_scoring
from unistd.registry.slot import Choice

METRICS = [
    Component(
        kind="metric",
        name="mse",
        config=Config,
        target="unistd.plugins.metrics.pixelwise:MeanSquaredError",
        summary="m",
    ),
    Component(
        kind="metric",
        name="rmse",
        config=Config,
        target="unistd.plugins.metrics.pixelwise:RootMeanSquaredError",
        summary="r",
    ),
]


def scoring(*units: str):
    channels = tuple(Channel(name=f"c{i}", unit=unit) for i, unit in enumerate(units))
    window = Window(past=1, future=2)
    card = TaskCard(name="t", discipline="d", version="1", channels=channels, step=(1, "h"), window=window)
    own = SimpleNamespace(
        name="t", config=SimpleNamespace(metrics=(Choice("rmse"),)), task=SimpleNamespace(card=card), window=window
    )
    store = SimpleNamespace(offset=np.zeros(len(units), np.float32), scale=np.array([1000.0, 0.1], np.float32))
    return compose_scoring(own, store, Registry.of(*METRICS))


def values(made) -> dict[str, float]:
    truth = torch.zeros(1, 2, 2, 1, 1)
    forecast = truth + torch.tensor([500.0, 0.2]).view(2, 1, 1)  # half a deviation of one channel, two of the other
    result = {}
    for name, metric in made.metrics.items():
        view = made.views.get(name, lambda frames: frames)
        metric.update(view(forecast), view(truth))
        result[name] = float(metric.compute().value)
    return result


def test_channels_of_one_unit_are_scored_in_it():
    made = scoring("K", "K")
    assert {name: metric.identity.unit for name, metric in made.metrics.items()} == {"mse": "K²", "rmse": "K"}
    assert values(made)["mse"] == pytest.approx((500**2 + 0.2**2) / 2)


def test_channels_of_different_units_are_scored_in_deviations_and_each_in_its_own():
    made = scoring("Pa", "K")
    units = {name: metric.identity.unit for name, metric in made.metrics.items()}
    assert units == {"mse": "σ²", "rmse": "σ", "rmse.c0": "Pa", "rmse.c1": "K"}
    assert values(made) == pytest.approx(
        {"mse": (0.5**2 + 2**2) / 2, "rmse": ((0.5**2 + 2**2) / 2) ** 0.5, "rmse.c0": 500.0, "rmse.c1": 0.2}
    )

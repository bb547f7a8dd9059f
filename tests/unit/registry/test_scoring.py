from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unistd.core.errors import UsageError
from unistd.core.task import Channel, TaskCard, Window
from unistd.registry.component import Component, Config
from unistd.registry.compose import ComposedTask
from unistd.registry.registry import Registry
from unistd.registry.scoring import compose_scoring
from unistd.registry.slot import Choice

BUILT_IN = Registry.discover()
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


def choice(kind, **options):
    return Choice(kind, BUILT_IN.find("metric", kind).config(**options))


def composed(*choices, units=("K",), value_range=None):
    channels = tuple(Channel(name=f"c{i}", unit=unit) for i, unit in enumerate(units))
    window = Window(past=1, future=2)
    card = TaskCard(
        name="t", discipline="d", version="1", channels=channels, step=(1, "h"), window=window, value_range=value_range
    )
    own = ComposedTask("rain", Choice("t"), SimpleNamespace(metrics=choices), SimpleNamespace(card=card), window)
    store = SimpleNamespace(offset=np.zeros(len(units), np.float32), scale=np.ones(len(units), np.float32))
    return compose_scoring(own, store, BUILT_IN)


def test_scores_are_kept_by_the_name_of_their_number():
    frame, csi = choice("mse", reduction="frame"), choice("csi", thresholds=(1.0, 2.0))
    made = composed(frame, choice("mse"), csi, choice("csi", thresholds=(1.0, 2.0), pool=4))
    assert list(made.metrics) == ["mse-frame-sum", "mse", "csi", "csi-pool4"]
    assert list(composed(frame).metrics) == ["mse", "mse-frame-sum"], "mse per pixel is always among them"


def test_two_numbers_of_one_name_are_refused():
    with pytest.raises(UsageError, match="two metrics of task 'rain' give a number named 'csi'"):
        composed(choice("csi", thresholds=(1.0,)), choice("csi", thresholds=(2.0,)))


def test_the_value_range_reaches_the_metrics():
    made = composed(choice("psnr"), choice("mse", scale="range"), value_range=(-1.0, 3.0))
    assert {name: each.identity.data_range for name, each in made.metrics.items()} == {
        "mse": None,
        "psnr": 4.0,
        "mse-range": 4.0,
    }
    with pytest.raises(UsageError, match="'csi' has the threshold '5'"):
        composed(choice("csi", thresholds=(2.0, 5.0)), value_range=(-1.0, 3.0))


@pytest.mark.parametrize("kind", ["csi", "wmape", "snr", "mape"])
def test_values_in_deviations_have_no_thresholds_and_no_percentages(kind):
    options = {"thresholds": (1.0,)} if kind == "csi" else {}
    with pytest.raises(UsageError, match=f"'{kind}' cannot score task 'rain': its channels have different units") as e:
        composed(choice(kind, **options), units=("K", "Pa"))
    assert "they are in K, Pa" in e.value.help


def test_each_form_of_rmse_is_had_of_each_channel():
    made = composed(choice("rmse"), choice("rmse", root="per-frame"), units=("K", "Pa"))
    names = ["mse", "rmse", "rmse-roots", "rmse.c0", "rmse.c1", "rmse-roots.c0", "rmse-roots.c1"]
    assert list(made.metrics) == names
    assert set(made.views) == set(names)

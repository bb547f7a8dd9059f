import pytest
from pydantic import Field

from unistd.registry.component import Component, Config
from unistd.registry.holder import holder
from unistd.registry.registry import Registry
from unistd.registry.run_spec import RunSpec


class Layer(Config):
    size: int = 1
    """Cells in a row."""


class Stack(Config):
    layers: list[Layer] = Field(default=[])
    """Any number."""
    pair: tuple[Layer, Config] = (Layer(), Config())
    """Two."""
    by_name: dict[str, Layer] = Field(default={})
    """Named."""
    extra: Layer | None = None
    """One or none."""
    bounded: list[Layer] = Field(default=[], max_length=2)
    """Up to two."""


@pytest.fixture
def stacked(registry):
    own = Component(kind="backbone", name="stack", config=Stack, target="a:B", summary="Stack.")
    return Registry.of(own, *registry.plugins[0].components)


@pytest.mark.parametrize(
    ("keys", "label", "names"),
    [
        (
            (),
            "the spec",
            ["extends", "model", "name", "observers", "output", "plugins", "seed", "tasks", "training", "version"],
        ),
        (("model",), "'model'", ["adapter", "backbone", "router", "temporal"]),
        (("model", "backbone"), "backbone 'stack'", ["bounded", "by_name", "extra", "kind", "layers", "pair"]),
        (("model", "backbone", "layers", 0), "'model.backbone.layers[0]'", ["size"]),
        (("model", "backbone", "pair", 1), "'model.backbone.pair[1]'", []),
        (("model", "backbone", "by_name", "x"), "'model.backbone.by_name.x'", ["size"]),
        (("model", "backbone", "extra"), "'model.backbone.extra'", ["size"]),
        (("model", "backbone", "bounded", 0), "'model.backbone.bounded[0]'", ["size"]),
        (("tasks", "rain", "metrics", 0), "metric 'mae'", ["kind"]),
        (("tasks", "rain", "head"), "head 'conv'", ["kind", "width"]),
        (("training", "sampling"), "'training.sampling'", ["kind", "tau"]),
        (("training", "schedule"), "'training.schedule'", ["floor", "kind", "warmup"]),
    ],
)
def test_the_model_behind_a_place(stacked, keys, label, names):
    data = {
        "model": {"backbone": {"kind": "stack"}},
        "tasks": {"rain": {"kind": "rain", "head": "conv", "metrics": [{"kind": "mae"}]}},
        "training": {"sampling": {"kind": "temperature"}, "schedule": {"kind": "cosine"}},
    }
    found = holder(keys, data, stacked, RunSpec)
    assert (found.label, found.keys()) == (label, names)


@pytest.mark.parametrize("keys", [("model", "adapter"), ("nothing",), ("tasks", "rain", "absent", "deep")])
def test_a_place_no_one_knows_has_no_model(stacked, keys):
    assert (
        holder(keys, {"model": {"adapter": {"kind": "unknown"}}, "tasks": {"rain": "rain"}}, stacked, RunSpec) is None
    )


def test_a_key_is_described_by_its_documentation(stacked):
    found = holder(("model", "backbone"), {"model": {"backbone": "stack"}}, stacked, RunSpec)
    assert (found.describe("layers"), found.describe("absent")) == ("Any number.", "")

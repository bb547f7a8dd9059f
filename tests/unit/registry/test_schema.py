import json
from collections.abc import Callable

import jsonschema
import pytest

from unistd.registry.component import Component, Config
from unistd.registry.document import Document
from unistd.registry.registry import Registry
from unistd.registry.schema import json_schema
from unistd.registry.spec import load_spec


@pytest.fixture
def validator(registry):
    schema = json.loads(json.dumps(json_schema(registry)))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_a_good_spec_is_accepted_as_written_and_as_dumped(validator, registry, spec_file):
    path = spec_file()
    validator.validate(Document.open(path).data)
    validator.validate(load_spec(path, registry).dump())


def test_a_qualified_name_is_accepted(validator, registry, spec_file):
    path = spec_file()
    overrides = ["tasks.south=local/rain", "model.backbone.kind=local/vit"]
    assert load_spec(path, registry, overrides).model.backbone.kind == "local/vit"
    validator.validate(Document.open(path, overrides).data)


@pytest.mark.parametrize(
    "override",
    [
        "model.backbone={kind: tim-vit, variant: tiny}",
        "model.backbone=vit",
        "model.adapter={kind: ra-moe, rnk: 3}",
        "model.adapter.rank.first=-1",
        "tasks={}",
        "tasks={Upper: rain}",
        "tasks.north.head=rain",
        "tasks.north.metrics=[{kind: mae, x: 1}]",
        "training.optimizer.lr=fast",
        "outptu=x",
    ],
)
def test_a_bad_spec_is_rejected(validator, spec_file, override):
    data = Document.open(spec_file(), [override]).data
    assert not validator.is_valid(data)


def test_options_and_summaries_are_documented(validator):
    vit = validator.schema["$defs"]["backbone.vit"]
    assert vit["description"] == "A backbone."
    assert vit["properties"]["freeze"]["description"] == "Keep the weights."
    assert validator.schema["properties"]["model"]["$ref"] == "#/$defs/ModelSpec"


def test_defaults_are_names(validator):
    task = validator.schema["$defs"]["task.rain"]["properties"]
    assert (task["head"]["default"], task["metrics"]["default"]) == ("conv", ["mse", "mae", "rmse"])


class Open(Config):
    callback: Callable[[], None] | None = None
    """JSON Schema has no word for it."""


def test_a_config_without_a_schema_takes_nothing_from_the_others():
    odd = Component(kind="head", name="odd", config=Open, target="a:B", summary="Odd.")
    definitions = json_schema(Registry.of(odd))["$defs"]
    assert definitions["head.odd"]["properties"] == {"kind": {"enum": ["odd", "local/odd"]}}


def test_a_shared_name_is_offered_qualified(installed_plugin):
    installed_plugin("demo-a")
    installed_plugin("demo-b")
    schema = json_schema(Registry.discover({"UNISTD_PLUGINS": "demo-a,demo-b"}))
    assert schema["$defs"]["metric.demo-a.skill"]["properties"]["kind"] == {"enum": ["demo-a/skill"]}

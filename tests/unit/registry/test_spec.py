import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from unistd.core.errors import UsageError
from unistd.registry.component import TaskConfig
from unistd.registry.errors import MissingPlugin
from unistd.registry.issues import SpecError
from unistd.registry.registry import Registry
from unistd.registry.slot import Choice
from unistd.registry.spec import load_resolved, load_spec


def messages(path, registry, *overrides):
    with pytest.raises(SpecError) as caught:
        load_spec(path, registry, overrides)
    return [issue.message for issue in caught.value.issues]


def test_a_spec_is_read_with_its_options(registry, spec_file):
    spec = load_spec(spec_file(), registry)
    north = spec.tasks["north"].config
    assert (spec.name, spec.output, spec.training.optimizer.lr) == ("two rains", Path("runs/rain"), 1e-4)
    assert (north.window.past, north.root, spec.model.adapter.config.rank.first) == (4, Path("data/north"), 2.0)


def test_every_default_component_is_resolved(registry, spec_file):
    spec = load_spec(spec_file(), registry)
    assert all(choice.config is not None for _, choice in spec.choices())
    assert [(kind, choice.kind) for kind, choice in spec.choices()] == [
        *[("backbone", "vit"), ("adapter", "ra-moe"), ("router", "softmax"), ("temporal", "zero-mlp")],
        *[("task", "rain"), ("head", "conv"), ("metric", "mae"), ("metric", "rmse")],
        *[("task", "rain"), ("head", "conv"), ("metric", "mse"), ("metric", "mae"), ("metric", "rmse")],
    ]


def test_none_is_a_component_like_any_other(registry, spec_file):
    overrides = ["model.adapter.kind=none", "model.adapter={kind: none}", "model.temporal=none"]
    model = load_spec(spec_file(), registry, overrides).model
    assert (model.adapter.kind, model.temporal.kind) == ("none", "none")


def test_a_dump_is_json_and_turns_back_into_the_same_spec(registry, spec_file):
    spec = load_spec(spec_file(), registry)
    data = json.loads(json.dumps(spec.dump()))
    assert data["tasks"]["north"]["metrics"] == [{"kind": "mae"}, {"kind": "rmse"}]
    assert load_resolved(data, registry, Path("spec.json")) == spec


def test_a_dump_with_other_plugins_installed_is_refused(registry, spec_file):
    data = load_spec(spec_file(), registry).dump()
    with pytest.raises(SpecError, match="unknown backbone 'vit'"):
        load_resolved(data, Registry.of(), Path("spec.json"))


def test_a_spec_cannot_be_changed(registry, spec_file):
    with pytest.raises(ValueError, match="frozen"):
        load_spec(spec_file(), registry).seed = 1


def test_all_errors_come_at_once_at_their_places(registry, spec_file):
    path = spec_file("""\
        model:
          backbone: {kind: vit}
          adapter: {kind: ra-moe, rank: {frist: 2, first: 0}}
        tasks:
          North: rain
          south: {kind: rain, window: {past: four, future: 2}, head: {kind: conv, width: 0}, metrics: [maee]}
        training: {sampling: {kind: tempereture}, schedule: {kind: cosine, warmp: 3}}
        output: runs/rain
        """)
    with pytest.raises(SpecError) as caught:
        load_spec(path, registry)
    assert [(i.span.line, i.span.column, i.message) for i in caught.value.issues] == [
        (1, 1, "'name' is missing in the spec"),
        (2, 3, "'variant' is missing in backbone 'vit'"),
        (3, 34, "unknown key 'frist' in 'model.adapter.rank'"),
        (3, 51, "'first' must be greater than 0, got '0'"),
        (5, 3, "key must be lower-case letters, digits, '-' and '_', got 'North'"),
        (6, 38, "'past' must be a whole number, got 'four'"),
        (6, 82, "'width' must be at least 1, got '0'"),
        (6, 96, "unknown metric 'maee'"),
        (7, 29, "unknown kind 'tempereture' in 'training.sampling'"),
        (7, 68, "unknown key 'warmp' in 'training.schedule'"),
    ]


def test_help_lists_keys_and_tells_what_a_missing_one_is(registry, spec_file):
    path = spec_file()
    with pytest.raises(SpecError) as caught:
        load_spec(path, registry, ["model.backbone={kind: vit, frezze: true}"])
    assert {issue.help for issue in caught.value.issues} == {
        "did you mean 'freeze'? keys: freeze, kind, variant",
        "Which trunk.",
    }


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("tasks={}", "'tasks' must hold at least 1, got 0"),
        ("tasks.south=7", "'south' must be a name, or a mapping with a name as 'kind'"),
        ("tasks.south={root: x}", "'south' must have a name as 'kind'"),
        ("tasks.south.metrics=[mae, local/mae]", "'metrics' must be different, got 'mae' twice"),
        ("tasks.south.metrics=[{kind: mae, x: 1}]", "unknown key 'x' in metric 'mae'"),
        ("model.backbone={kind: vit, variant: x, freeze: [1]}", "'freeze' must be true or false or text, got a list"),
        ("tasks.south=conv", "unknown task 'conv'"),
        ("tasks.south.head=rain", "unknown head 'rain'"),
        ("tasks.south.weight=.nan", "'weight' must be a finite number, got 'nan'"),
        ("tasks.south.metrics=mae", "'metrics' must be a list, got 'mae'"),
        ("model.backbone=vit", "'variant' is missing in backbone 'vit'"),
        ("model=null", "'model' must be a mapping, got nothing"),
        ("version=2", "'version' must be 1, got '2'"),
        ("seed=-1", "'seed' must be at least 0, got '-1'"),
        ("name=", "'name' must be text, got nothing"),
        ("training.sampling={tau: 2}", "unknown key 'tau'"),
        ("plugins.require=['a >> 1']", "'require' must hold requirements such as 'unistd-rain>=0.2', got 'a >> 1'"),
    ],
)
def test_one_wrong_value_gives_one_message(registry, spec_file, override, message):
    if override.startswith("tasks.south."):
        override = f"tasks.south={{kind: rain, {override.removeprefix('tasks.south.').replace('=', ': ')}}}"
    assert messages(spec_file(), registry, override) == [message]


@pytest.mark.parametrize(("text", "got"), [("", "nothing"), ("- a", "a list"), ("word", "'word'")])
def test_a_file_that_is_no_mapping_is_explained(registry, spec_file, text, got):
    assert messages(spec_file(text), registry) == [f"the spec must be a mapping, got {got}"]


def test_required_plugins_come_before_everything_else(registry, spec_file):
    path = spec_file("plugins:\n  require: [click>=1, 'unistd-h36m>=0.2']\nname: 3\n")
    with pytest.raises(MissingPlugin, match=r"needs plug-in 'unistd-h36m>=0.2', which is not installed") as caught:
        load_spec(path, registry)
    assert (caught.value.where, caught.value.help) == (f"{path}:2:23", "pip install 'unistd-h36m>=0.2'")


def test_a_required_plugin_may_be_too_old_or_broken(installed_plugin, spec_file):
    installed_plugin("demo-a", "1 / 0\n")
    registry = Registry.discover({"UNISTD_PLUGINS": "demo-a"})
    with pytest.raises(MissingPlugin, match=r"'demo-a>=2', but version 1\.0 is installed"):
        load_spec(spec_file("plugins: {require: [demo-a>=2]}"), registry)
    with pytest.raises(MissingPlugin, match=r"'demo_a', but plug-in 'plug' .* failed at import: ZeroDivisionError"):
        load_spec(spec_file("plugins: {require: [demo_a]}"), registry)


def test_without_a_registry_only_a_choice_is_taken():
    config = TypeAdapter(TaskConfig)
    assert config.validate_python({}).head == Choice("conv")
    with pytest.raises(ValueError, match="needs a validation context with 'registry'"):
        config.validate_python({"head": "conv"})


def test_more_than_twenty_errors_are_counted(registry, spec_file):
    path = spec_file("".join(f"key{number}: 1\n" for number in range(40)))
    with pytest.raises(SpecError) as caught:
        load_spec(path, registry)
    assert str(caught.value).endswith("\n\nand 24 more")
    assert caught.value.exit_code == UsageError.exit_code == 2

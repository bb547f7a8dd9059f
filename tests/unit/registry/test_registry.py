import pytest
from packaging.requirements import Requirement

from unistd.registry.component import Component, Config, TaskConfig
from unistd.registry.errors import (
    AmbiguousComponent,
    ComponentImportError,
    MissingRequirement,
    PluginError,
    UnknownComponent,
)
from unistd.registry.registry import Registry, satisfied
from unistd.registry.slot import Choice
from unistd.registry.spec import load_spec


class Options(Config):
    base: int = 10
    """Base of the number."""


def component(target="types:SimpleNamespace", requires=(), kind="metric", config=Options):
    return Component(kind=kind, name="skill", config=config, target=target, summary="Skill.", requires=requires)


@pytest.fixture
def shared(installed_plugin):
    """Two distributions that both offer the metric ``skill``."""
    installed_plugin("demo-a", version="1.0")
    installed_plugin("demo-b", version="0.3")
    return Registry.discover({"UNISTD_PLUGINS": "demo-a,demo-b"})


def test_a_short_name_is_enough_while_it_is_unique(registry):
    assert registry.find("backbone", "vit") is registry.find("backbone", "local/vit")


def test_a_shared_name_has_to_be_qualified(shared):
    assert shared.find("metric", "demo-b/skill").summary == "Skill."
    with pytest.raises(AmbiguousComponent, match=r"offered by 2 plug-ins: demo-a 1\.0 and demo-b 0\.3"):
        shared.find("metric", "skill")


def test_names_and_clashes_tell_of_shared_names(shared):
    assert {"demo-a/skill", "demo-b/skill"} <= set(shared.names("metric"))
    assert "skill" not in shared.names("metric")
    assert shared.clashes() == {("metric", "skill"): ["demo-a/skill", "demo-b/skill"]}


def test_names_are_short_and_sorted(registry):
    assert registry.names("metric") == ["mae", "mse", "rmse"]


@pytest.mark.parametrize("name", ["tim", "other/vit", ""])
def test_an_unknown_name_lists_what_there_is(registry, name):
    with pytest.raises(UnknownComponent, match=f"unknown backbone '{name}'") as caught:
        registry.find("backbone", name)
    assert "installed: vit" in caught.value.help


def test_an_unknown_name_gets_the_nearest(registry):
    with pytest.raises(UnknownComponent) as caught:
        registry.find("metric", "rmsee")
    assert caught.value.help.startswith("did you mean 'rmse'?")


@pytest.mark.parametrize(("name", "named"), [("skill", True), ("demo-a/skill", True), ("demo-b/skill", False)])
def test_an_unknown_name_may_be_in_a_plugin_that_failed(installed_plugin, name, named):
    installed_plugin("demo-a", "1 / 0\n")
    with pytest.raises(UnknownComponent) as caught:
        Registry.discover({"UNISTD_PLUGINS": "demo-a"}).find("metric", name)
    assert ("plug-in 'plug' (demo-a 1.0), which failed at import: ZeroDivisionError" in caught.value.help) is named


def test_a_registry_of_components_checks_them():
    with pytest.raises(PluginError, match="metric 'skill' is declared twice"):
        Registry.of(component(), component())


def test_factory_binds_the_options_and_calls_nothing(registry):
    factory = registry.factory("backbone", Choice("vit", registry.find("backbone", "vit").config(variant="tiny")))
    assert factory.keywords == {"variant": "tiny", "freeze": True}
    assert factory(extra=1).extra == 1


def test_factory_of_a_task_leaves_out_what_the_composer_uses(registry):
    assert registry.factory("task", registry.choose("task", "rain")).keywords == {"root": None}


def test_choose_resolves_all_defaults(registry):
    chosen = registry.choose("task", "rain")
    assert isinstance(chosen.config, TaskConfig)
    assert [metric.config is not None for metric in chosen.config.metrics] == [True, True, True]


def test_an_error_of_the_constructor_is_left_as_it_is():
    registry = Registry.of(component("builtins:int"))
    with pytest.raises(TypeError):
        registry.factory("metric", Choice("skill"))(other=1)


def test_a_missing_requirement_is_found_before_the_import(installed_plugin):
    module = installed_plugin("demo-a", "raise AssertionError('imported')\n").module
    needing = component(f"{module}:X", requires=("click>=1", "h5py-missing>=3.8", "click>=99"))
    with pytest.raises(MissingRequirement, match=r"needs 'h5py-missing>=3\.8' 'click>=99'") as caught:
        Registry.of(needing).load(needing)
    assert caught.value.help == "pip install 'h5py-missing>=3.8' 'click>=99'"


@pytest.mark.parametrize(
    ("body", "text", "where"),
    [
        ("x = 1\nraise SystemExit\n", "SystemExit", "demo_a.py:2"),
        ("x = 1\nimport no_such_thing\n", "ModuleNotFoundError", "demo_a.py:2"),
        ("x = 1\n", "AttributeError", "demo_a"),
    ],
)
def test_a_target_that_cannot_be_imported_says_where(installed_plugin, body, text, where):
    broken = component(f"{installed_plugin('demo-a', body).module}:X")
    with pytest.raises(ComponentImportError, match=text) as caught:
        Registry.of(broken).load(broken)
    assert caught.value.where == where


def test_versions_are_those_of_the_distributions_in_use(registry, spec_file):
    assert registry.versions(load_spec(spec_file(), registry)) == {"local": "0"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("click", True), ("click>=99", False), ("no-such-dist", False), ("no-such-dist; python_version<'3'", True)],
)
def test_requirements_are_compared_with_the_environment(text, expected):
    assert satisfied(Requirement(text)) is expected

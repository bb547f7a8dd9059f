import sys

import pytest

from unistd.registry.component import Component, Config, TaskConfig, check_declaration
from unistd.registry.discovery import installed, load
from unistd.registry.errors import PluginError

ALL = {"UNISTD_PLUGINS": "demo-a,demo-b"}


class Options(Config):
    """Options."""


def only_failure(environ=ALL):
    """The one failure of a discovery that also found the built-ins."""
    loaded, failures = load(environ)
    assert {info.plugin.dist for info in loaded} <= {"unistd", "demo-a", "demo-b"}
    (failure,) = [failure for failure in failures if failure.plugin.dist == "demo-a"]
    return failure


def loaded_names(environ):
    loaded, _ = load(environ)
    return [(info.plugin.dist, info.plugin.name) for info in loaded if info.plugin.dist != "unistd"]


def test_a_plugin_is_found_with_its_version(installed_plugin):
    installed_plugin("demo-a", version="2.1")
    (info,) = [info for info in load({})[0] if info.plugin.dist == "demo-a"]
    assert (str(info.plugin), [c.name for c in info.components]) == ("plug-in 'plug' (demo-a 2.1)", ["skill"])


def test_two_distributions_may_use_one_entry_point_name(installed_plugin):
    installed_plugin("demo-a")
    installed_plugin("demo-b")
    assert loaded_names({}) == [("demo-a", "plug"), ("demo-b", "plug")]


@pytest.mark.parametrize("body", ["import h5py_missing", "raise SystemExit(3)", "def broken(:", "1 / 0"])
def test_a_plugin_that_breaks_on_import_stops_no_other(installed_plugin, body):
    installed_plugin("demo-a", f"import os\n{body}\n")
    installed_plugin("demo-b")
    failure = only_failure()
    assert (failure.stage, failure.where) == ("import", "demo_a.py:2")
    assert loaded_names({}) == [("demo-b", "plug")]


def test_a_missing_dependency_comes_with_its_own_pip_command(installed_plugin):
    installed_plugin("demo-a", "import h5py_missing\n", requires=["h5py-missing>=3.8"])
    failure = only_failure()
    assert failure.error == "ModuleNotFoundError: No module named 'h5py_missing'"
    assert failure.help == "pip install 'h5py-missing>=3.8'"


def test_a_distribution_without_metadata_stops_no_other(installed_plugin):
    broken = installed_plugin("demo-a")
    installed_plugin("demo-b")
    next(broken.path.parent.glob("demo_a-*/METADATA")).unlink()
    assert loaded_names({}) == [("demo-b", "plug"), ("unknown", "plug")]


def test_a_module_that_is_not_there_is_named_by_its_entry_point(installed_plugin):
    installed_plugin("demo-a").path.unlink()
    assert only_failure().where == "demo_a"


@pytest.mark.parametrize(
    ("old", "new", "stage", "text"),
    [
        ("PLUGIN_API = 1", "", "compatibility", "no PLUGIN_API is declared"),
        ("PLUGIN_API = 1", "PLUGIN_API = 2", "compatibility", "written for plug-in API 2; this unistd has API 1"),
        ("unistd_components", "unistd_component", "registration", "unknown hook 'unistd_component'"),
        ("def unistd_components()", "def unistd_components(other)", "registration", "Argument(s) {'other'}"),
        ("@hookimpl", "", "registration", "no hook is implemented"),
        ("return [", "raise KeyError('x'); [", "declaration", "KeyError: 'x'"),
        ("return [", "found = [", "declaration", "unistd_components() returned nothing"),
        ("return [", "return [3,", "declaration", "'3' is not a Component"),
        ('name="skill"', 'name="Skill"', "declaration", "metric 'Skill' must be named by lower-case words"),
    ],
)
def test_each_stage_can_fail(installed_plugin, plugin_source, old, new, stage, text):
    installed_plugin("demo-a", plugin_source.replace(old, new))
    failure = only_failure()
    assert failure.stage == stage
    assert text in failure.error


def test_one_distribution_cannot_declare_a_component_twice(installed_plugin, plugin_source):
    installed_plugin("demo-a", name="first", module="demo_first")
    installed_plugin("demo-a", name="second", module="demo_second")
    failure = only_failure()
    assert (failure.plugin.name, failure.error) == ("second", "metric 'skill' is declared twice")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ["demo-a", "demo-b"]),
        ({"UNISTD_PLUGINS": ""}, []),
        ({"UNISTD_PLUGINS": "Demo_A"}, ["demo-a"]),
        ({"UNISTD_PLUGINS": "demo-b:plug, demo-a"}, ["demo-a", "demo-b"]),
        ({"UNISTD_PLUGINS_OFF": "demo-a"}, ["demo-b"]),
        ({"UNISTD_PLUGINS_OFF": "demo-b:plug"}, ["demo-a"]),
        ({"UNISTD_PLUGINS_OFF": "demo-b:other"}, ["demo-a", "demo-b"]),
    ],
)
def test_switches_choose_distributions_or_plugins(installed_plugin, environ, expected):
    installed_plugin("demo-a")
    installed_plugin("demo-b")
    assert [dist for dist, _ in loaded_names(environ)] == expected
    assert any(plugin.dist == "unistd" for plugin, _ in installed(environ))


def test_a_plugin_that_is_off_is_not_imported(installed_plugin):
    module = installed_plugin("demo-a").module
    load({"UNISTD_PLUGINS_OFF": "demo-a"})
    assert module not in sys.modules


def test_a_misspelt_name_of_the_allow_list_is_a_failure():
    _, failures = load({"UNISTD_PLUGINS": "unistd-rian"})
    assert [(f.plugin.name, f.error) for f in failures if f.where == "UNISTD_PLUGINS"] == [
        ("unistd-rian", "UNISTD_PLUGINS names it, but it is not installed")
    ]


def test_strict_raises_the_first_failure(installed_plugin):
    installed_plugin("demo-a", "1 / 0\n")
    with pytest.raises(PluginError, match="ZeroDivisionError") as caught:
        load({"UNISTD_PLUGINS_STRICT": "1", "UNISTD_PLUGINS": "demo-a"})
    assert caught.value.exit_code == 3


def declare(**changes):
    good = {"kind": "metric", "name": "skill", "config": Options, "target": "a.b:C", "summary": "Skill."}
    return check_declaration(Component(**{**good, **changes}))


class Task(TaskConfig):
    """Options of a task."""


class WithKind(Config):
    kind: str = "x"
    """Clashes with the key of the name."""


def test_a_good_declaration_has_no_problem():
    assert declare() == ""
    assert declare(kind="task", config=Task) == ""


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"kind": "loss"}, "'skill' is of unknown kind 'loss'"),
        ({"name": "a--b"}, "must be named by lower-case words"),
        ({"target": "a.b.C"}, "target 'a.b.C', which is not 'module:callable'"),
        ({"summary": "two\nlines"}, "needs a summary of one line"),
        ({"config": dict}, "no subclass of Config"),
        ({"kind": "task"}, "no subclass of TaskConfig"),
        ({"config": WithKind}, "an option named 'kind'"),
        ({"requires": ("h5py >> 3",)}, "has requirement 'h5py >> 3', which is no valid one"),
    ],
)
def test_a_bad_declaration_is_explained(changes, text):
    assert text in declare(**changes)

"""Each check of a plug-in's contract fails, alone and for its own reason, on a plug-in that is wrong in one way."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from unistd.core.testing.run import ask
from unistd.registry.testing import PluginContract

RIGHT = '''\
from typing import Annotated

from pydantic import AfterValidator, BaseModel, PlainSerializer

from unistd.registry.component import Component, Config
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1


class RainConfig(Config):
    """Options."""

    top_k: int | None = None
    """Experts that may speak."""


@hookimpl
def unistd_components():
    return [
        Component(
            kind="router",
            name="rain",
            config=RainConfig,
            target="unistd.plugins.router_softmax.softmax:SoftmaxRouter",
            summary="Rain.",
        )
    ]
'''
DIES_ALONE = "import os, sys\nif sys.argv[1:] == [__name__]: os._exit(7)"
SOFTMAX = "unistd.plugins.router_softmax.softmax:SoftmaxRouter"

WRONG = [
    ("PLUGIN_API = 1", "PLUGIN_API = 0", "it_is_declared", "written for plug-in API 0; this unistd has API 1"),
    ("        Component(", "    ]\n    [\n        Component(", "it_is_declared", "declares no component"),
    ("PLUGIN_API = 1", "import numpy\nPLUGIN_API = 1", "declaring", "declaring imports numpy: leave that"),
    ("PLUGIN_API = 1", f"{DIES_ALONE}\nPLUGIN_API = 1", "declaring", "ends the interpreter that imports it"),
    ("int | None = None", "int", "every_component", "router 'rain' needs 'top_k': give it in 'options' of this test"),
    (
        "int | None = None",
        "Annotated[int, PlainSerializer(lambda value: value + 1)] = 2",
        "config_to_json",
        "option 'top_k' of router 'rain' is another after JSON: {\"top_k\": 3}",
    ),
    ("int | None = None", "type = int", "options_are_documented", "the options of router 'rain' have no JSON Schema"),
    ('    """Experts that may speak."""\n', "", "options_are_documented", "option 'top_k' of router 'rain' has no doc"),
    (SOFTMAX, "nowhere_at_all:Rain", "targets_resolve", "cannot be imported: ModuleNotFoundError"),
    (SOFTMAX, "unistd.core.testing.checks:GRIDS", "targets_resolve", "of router 'rain' cannot be called"),
    ("top_k", "top", "options_are_what", f"option 'top' of router 'rain' is no keyword of its target '{SOFTMAX}'"),
]
ALONE = "test_declaring_imports_nothing_heavy"  # takes an interpreter of its own, so not where it is beside the point
IMPLIED = {
    "it_is_declared": {check for check in vars(PluginContract) if check.startswith("test_")},
    "targets_resolve": {"test_options_are_what_targets_take"},  # a target that is not there takes nothing
    "options_are_documented": {"test_config_to_json_and_back"},  # nor is there a JSON of what has no schema
}


def failing(module, leave_out=(), **options):
    """The checks that fail on a plug-in, with what they say."""
    own = type("Own", (PluginContract,), {"module": module, **options})()
    return {name: str(error) for name, error in ask(own, leave_out) if error}


def test_a_right_plugin_passes(installed_plugin):
    assert failing(installed_plugin("demo-a", RIGHT).module) == {}


def test_a_plugin_may_have_hooks_alone(installed_plugin):
    hook = "@hookimpl\ndef unistd_run_started(run): pass\n"
    source = f"from unistd.registry.hooks import hookimpl\nPLUGIN_API = 1\n{hook}"
    assert failing(installed_plugin("demo-a", source).module) == {}


def test_what_must_be_given_can_be_given(installed_plugin):
    module = installed_plugin("demo-a", RIGHT.replace("int | None = None", "int")).module
    assert failing(module, [ALONE], options={"router rain": {"top_k": 1}}) == {}


@pytest.mark.parametrize(("old", "new", "name", "says"), WRONG, ids=[f"{w[2]}-{w[3][:9]}" for w in WRONG])
def test_a_wrong_plugin_fails_its_check(installed_plugin, old, new, name, says):
    assert old in RIGHT
    module = installed_plugin("demo-a", RIGHT.replace(old, new)).module
    failed = failing(module, [] if name == "declaring" else [ALONE])
    (check,) = [check for check in failed if check.startswith(f"test_{name}")]
    assert says in failed[check]
    assert failed.keys() - IMPLIED.get(name, set()) <= {check}


WATCH = """

class Watch:
    def __init__(self, top_k):
        self.top_k = top_k

    HOOK
"""


@pytest.mark.parametrize(
    ("hook", "says"),
    [
        ("@hookimpl\n    def unistd_run_started(self, run): pass", None),
        ("@hookimpl\n    def unistd_run_begun(self, run): pass", "unknown hook 'unistd_run_begun'"),
        ("def unistd_run_started(self, run): pass", "observer 'rain' (local 0) implements no hook"),
    ],
)
def test_an_observer_implements_hooks_that_there_are(installed_plugin, hook, says):
    source = RIGHT.replace('"router"', '"observer"').replace(SOFTMAX, "demo_a:Watch") + WATCH.replace("HOOK", hook)
    failed = failing(installed_plugin("demo-a", source).module, [ALONE])
    assert failed.keys() == ({"test_observers_implement_hooks"} if says else set())
    assert says is None or says in failed["test_observers_implement_hooks"]


def test_a_plugin_without_an_entry_point_is_not_found(installed_plugin):
    path = installed_plugin("demo-a", RIGHT).path
    next(path.parent.glob("demo_a-*/entry_points.txt")).write_text("[other]\nplug = demo_a\n")
    failed = failing("demo_a", [ALONE])
    assert failed.keys() == {"test_an_entry_point_names_it"}
    assert "no entry point of the group 'unistd' names 'demo_a'; is the package installed" in str(failed)


def test_every_check_has_its_wrong_plugin():
    checks = {name for name, _ in inspect.getmembers(PluginContract, inspect.isfunction) if name.startswith("test_")}
    tried = [
        "test_an_entry_point_names_it",
        "test_observers_implement_hooks",
        *(f"test_{name}" for _, _, name, _ in WRONG),
    ]
    assert [check for check in checks if not any(check.startswith(name) for name in tried)] == []


def test_checks_that_python_leaves_out_are_not_taken_for_passed():
    code = "from unistd.core.testing.run import ask; list(ask(object()))"
    done = subprocess.run([sys.executable, "-O", "-c", code], capture_output=True, text=True, check=False)
    assert "'python -O' takes out every check of a contract" in done.stderr

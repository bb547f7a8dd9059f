from __future__ import annotations

import json

import pytest

from unistd.cli.main import main

BROKEN_TARGET = """
from unistd.registry.component import Component, Config
from unistd.registry.hooks import hookimpl

PLUGIN_API = 1

class RainConfig(Config):
    \"\"\"Options.\"\"\"

    wet: bool
    \"\"\"Whether it rains.\"\"\"

@hookimpl
def unistd_components():
    return [Component(kind="metric", name="rain", config=RainConfig, target="nowhere_at_all:Rain", summary="Rain")]
"""


def test_show_says_type_default_and_documentation(capsys):
    assert main(["plugins", "show", "softmax"]) == 0
    said = capsys.readouterr().out
    assert "router softmax, by unistd" in said
    assert "\ntemperature: number > 0, default 1.0\n    " in said
    assert main(["plugins", "show", "unistd/softmax", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert {option["name"] for option in row["options"]} >= {"temperature", "top_k"}
    assert main(["plugins", "show", "csv"]) == 0
    assert capsys.readouterr().out.endswith("in curves.csv of the run\n\nno options\n")


def test_list_tells_of_hooks_that_are_called_unasked(installed_plugin, monkeypatch, capsys):
    watch = "@hookimpl\ndef unistd_run_finished(outcome):\n    pass\n"
    installed_plugin("unistd-rain", BROKEN_TARGET + watch, name="rain")
    monkeypatch.setenv("UNISTD_PLUGINS", "unistd-rain")
    assert main(["plugins", "list"]) == 0
    assert "\nplug-in 'rain' (unistd-rain 1.0) implements unistd_run_finished\n" in capsys.readouterr().out
    assert main(["plugins", "list", "--json"]) == 0
    (own,) = [row for row in json.loads(capsys.readouterr().out)["hooks"] if row["plugin"] == "rain"]
    assert own == {
        "plugin": "rain", "distribution": "unistd-rain", "version": "1.0", "hooks": ["unistd_run_finished"],
    }  # fmt: skip


def test_show_of_an_unknown_name_gives_the_nearest(capsys):
    assert main(["plugins", "show", "softmaxx"]) == 2
    assert "no plug-in offers a component 'softmaxx'\n  help: did you mean 'softmax'?" in capsys.readouterr().err


def test_check_imports_what_is_declared(installed_plugin, monkeypatch, capsys):
    installed_plugin("unistd-rain", BROKEN_TARGET)
    monkeypatch.setenv("UNISTD_PLUGINS", "unistd-rain")
    assert main(["plugins", "show", "rain"]) == 0
    assert "wet: boolean, must be given\n    Whether it rains." in capsys.readouterr().out
    assert main(["plugins", "check", "unistd-rain"]) == 3
    answer = capsys.readouterr()
    assert "metric 'rain' cannot be imported: ModuleNotFoundError: No module named 'nowhere_at_all'" in answer.err
    assert answer.out.endswith("  metric 'rain': not imported\n1 component, 1 problem\n")


def test_check_names_a_plug_in_that_fails_at_import(installed_plugin, monkeypatch, capsys):
    installed_plugin("unistd-rain", "raise SystemExit(7)\n")
    monkeypatch.setenv("UNISTD_PLUGINS", "unistd-rain")
    assert main(["plugins", "check", "unistd-rain"]) == 3
    assert "unistd-rain" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["head-conv"])
def test_check_of_one_plug_in(name, capsys):
    assert main(["plugins", "check", name]) == 0
    assert capsys.readouterr().out.endswith("\n1 component, 0 problems\n")
    assert main(["plugins", "check", "nope"]) == 2
    assert "there is no plug-in 'nope'\n  help: installed: adapter-ra-moe, " in capsys.readouterr().err
    assert main(["plugins", "check", "head_conv"]) == 2
    assert "help: did you mean 'head-conv'? installed: " in capsys.readouterr().err
    assert main(["plugins", "check", "conv"]) == 2
    assert "help: 'conv' is a component of plug-in 'head-conv' (unistd 0.1.0): unistd" in capsys.readouterr().err

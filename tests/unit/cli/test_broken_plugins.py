"""Whatever is wrong with a plug-in, the command line names it with file and line, and goes on without it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from unistd.cli.main import main

FAKE = "__version__ = '0'"  # a torch that takes no time to import
UNISTD = "import sys; from unistd.cli.main import main; sys.exit(main())"
# What is wrong: how it comes about in the source of a good plug-in, what is said of it, and where.
FAULTS = {
    "raises": (lambda good: f"{good}\n1 / 0\n", "failed at import: ZeroDivisionError: division by zero", 13),
    "exits": (lambda good: f"import sys\nsys.exit(4)\n{good}", "failed at import: SystemExit: 4", 2),
    "lacks": (lambda good: f"import h5py_missing\n{good}", "failed at import: ModuleNotFoundError: No module named", 1),
    "old": (
        lambda good: good.replace("API = 1", "API = 0"),
        "failed at compatibility: it was written for plug-in API 0; this unistd has API 1",
        4,
    ),
    "config": (
        lambda good: good.replace("config=Options", "config=dict"),
        "failed at declaration: metric 'skill' has a config that is no subclass of Config",
        10,
    ),
    "hook": (
        lambda good: good.replace("unistd_components", "unistd_component"),
        "failed at registration: PluginValidationError: unknown hook 'unistd_component'",
        10,
    ),
    "torch": (
        lambda good: good.replace("\nclass", "\nimport torch\n\nclass").replace('"skill"', '"heavy"'),
        "imports torch where it is declared, so that every command waits for it",
        6,
    ),
}


def unistd(*words):
    return subprocess.run([sys.executable, "-P", "-c", UNISTD, *words], capture_output=True, text=True, check=False)


def test_all_faults_at_once_stop_nothing_and_each_is_named(installed_plugin, plugin_source, built_in_spec):
    for name, (broken, _, _) in FAULTS.items():
        installed_plugin(f"demo-{name}", broken(plugin_source), name=name, requires=["h5py-missing>=3.8"])
    good = installed_plugin("demo-good", plugin_source)
    (good.path.parent / "torch.py").write_text(FAKE)
    done = unistd("--help")
    assert (done.returncode, done.stderr) == (0, "")
    done = unistd("validate", str(built_in_spec))
    assert (done.returncode, done.stderr) == (0, "")
    done = unistd("plugins", "list")
    assert done.returncode == 0
    for name, (_, text, line) in FAULTS.items():
        said = f"demo_{name}.py:{line}: plug-in '{name}' (demo-{name} 1.0) {text}"
        assert said in done.stderr
    assert "help: pip install 'h5py-missing>=3.8'" in done.stderr
    assert re.findall(r"skill +(demo-\S+)", done.stdout) == ["demo-good"]
    assert re.findall(r"heavy +(demo-\S+)", done.stdout) == ["demo-torch"]  # slow, but there


def test_torch_imported_by_a_module_of_the_package_is_found_there(installed_plugin, plugin_source):
    package = installed_plugin("demo-torch", plugin_source).path
    folder = package.parent / "demo_torch"
    folder.mkdir()
    (folder / "__init__.py").write_text(f"from demo_torch import config\n{plugin_source}")
    (folder / "config.py").write_text("import json\n\nimport torch\n")
    package.with_name("torch.py").write_text(FAKE)
    package.unlink()
    (failure,) = json.loads(unistd("plugins", "list", "--json").stdout)["failures"]
    assert (failure["where"], failure["usable"]) == ("demo_torch/config.py:3", True)


def test_without_torch_nothing_is_said(installed_plugin):
    installed_plugin("demo-good")
    done = unistd("plugins", "list", "--json")
    assert json.loads(done.stdout)["failures"] == []


def test_options_that_cannot_be_read_stop_what_uses_them(
    installed_plugin, plugin_source, built_in_spec, monkeypatch, capsys
):
    monkeypatch.setenv("UNISTD_PLUGINS", "demo-a")
    odd = "class Odd:\n    pass\n\nclass Options(Config):\n    odd: Odd = None"
    installed_plugin("demo-a", plugin_source.replace("class Options(Config):", odd))
    assert main(["validate", str(built_in_spec)]) == 0
    assert main(["plugins", "list"]) == 0
    assert main(["schema"]) == 0
    capsys.readouterr()
    said = "demo_a.Options: metric 'skill' has options that cannot be read: Unable to generate pydantic-core schema for"
    assert main(["validate", str(built_in_spec), "-o", "tasks.city.metrics=[skill]"]) == 3
    assert capsys.readouterr().err.startswith(said)
    assert main(["plugins", "check", "demo-a"]) == 3
    assert said in capsys.readouterr().err


@pytest.fixture
def clash(installed_plugin, monkeypatch):
    """Two distributions that offer the metric ``skill``."""
    installed_plugin("demo-a", version="1.0")
    installed_plugin("demo-b", version="0.3")
    monkeypatch.setenv("UNISTD_PLUGINS", "demo-a,demo-b")


def test_a_clash_stops_only_the_spec_that_uses_the_short_name(clash, built_in_spec, capsys):
    assert main(["validate", str(built_in_spec)]) == 0
    capsys.readouterr()
    asked = ["validate", str(built_in_spec), "-o", "tasks.city.metrics=[{}]"]
    assert main([*asked[:-1], asked[-1].format("skill")]) == 2
    assert capsys.readouterr().err == (
        "<override>: metric name 'skill' is offered by 2 plug-ins: demo-a 1.0 and demo-b 0.3\n"
        "   -o tasks.city.metrics=[skill]\n"
        "  help: write 'demo-a/skill' or 'demo-b/skill'\n\n"
    )
    assert main([*asked[:-1], asked[-1].format("demo-b/skill")]) == 0


def test_a_clash_is_listed_and_fails_the_check(clash, capsys):
    assert main(["plugins", "list"]) == 0
    said = "metric name 'skill' is offered by 2 plug-ins\n  help: write demo-a/skill or demo-b/skill\n"
    assert said in capsys.readouterr().err
    assert main(["plugins", "check", "demo-a"]) == 3
    said = "metric name 'skill' of plug-in 'plug' (demo-a 1.0) is offered by 2: demo-a/skill, demo-b/skill\n"
    assert said in capsys.readouterr().err


def test_a_broken_plug_in_stops_the_spec_that_needs_it_by_name(installed_plugin, plugin_source, built_in_spec, capsys):
    broken, _, line = FAULTS["raises"]
    installed_plugin("demo-raises", broken(plugin_source), name="raises")
    assert main(["validate", str(built_in_spec), "-o", "tasks.city.metrics=[skill]"]) == 2
    said = capsys.readouterr().err
    assert "unknown metric 'skill'" in said
    assert "or is it in plug-in 'raises' (demo-raises 1.0), which failed at import: ZeroDivisionError" in said
    assert f"(demo_raises.py:{line})" in said
    assert main(["validate", str(built_in_spec), "-o", "plugins.require=[demo-raises]"]) == 3
    assert "the spec needs 'demo-raises', but plug-in 'raises' (demo-raises 1.0) failed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({"UNISTD_PLUGINS_STRICT": "1"}, 3),
        ({"UNISTD_PLUGINS_STRICT": "1", "UNISTD_PLUGINS_OFF": "demo-raises"}, 0),
        ({"UNISTD_PLUGINS_STRICT": "1", "UNISTD_PLUGINS": ""}, 0),
        ({"UNISTD_PLUGINS_STRICT": "0"}, 0),
        ({"UNISTD_PLUGINS_STRICT": "1", "UNISTD_PLUGINS": "demo-raises"}, 3),
    ],
)
def test_switches_on_the_command_line(
    variables, code, installed_plugin, plugin_source, built_in_spec, monkeypatch, capsys
):
    installed_plugin("demo-raises", FAULTS["raises"][0](plugin_source), name="raises")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["validate", str(built_in_spec)]) == code
    assert ("demo_raises.py:13: plug-in 'raises'" in capsys.readouterr().err) == (code == 3)


def test_strict_stops_at_a_plug_in_that_imports_torch(installed_plugin, plugin_source, monkeypatch):
    path = installed_plugin("demo-torch", FAULTS["torch"][0](plugin_source), name="torch").path
    path.with_name("torch.py").write_text(FAKE)
    monkeypatch.setenv("UNISTD_PLUGINS_STRICT", "1")
    done = unistd("plugins", "list")
    assert done.returncode == 3
    assert done.stderr.startswith(
        "demo_torch.py:6: plug-in 'torch' (demo-torch 1.0) imports torch where it is declared"
    )

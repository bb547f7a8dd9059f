import re
import subprocess
import sys

import click
import pytest

from unistd.cli import main as main_module
from unistd.cli.lazy import LazyCommand
from unistd.cli.main import COMMANDS, main, unistd
from unistd.core.errors import DataError


def raising(error):
    @click.command()
    def fails():
        raise error

    return fails


@pytest.fixture
def command(monkeypatch):
    """Make ``unistd fails`` raise an error."""

    def install(error):
        monkeypatch.setitem(sys.modules, "failing", type(sys)("failing"))
        sys.modules["failing"].fails = raising(error)
        monkeypatch.setitem(unistd.lazy, "fails", LazyCommand("fails", "Fails.", "failing:fails"))

    return install


def test_help_lists_every_command(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(re.search(rf"^  {re.escape(c.name)} +{re.escape(c.summary)}$", out, re.MULTILINE) for c in COMMANDS)


@pytest.mark.parametrize("words", [[], *([c.name] for c in COMMANDS), ["plugins", "list"], ["tasks", "show"]])
def test_every_help_ends_with_an_example(words, capsys):
    assert main([*words, "--help"]) == 0
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    assert re.match(rf"  Example: unistd {' '.join(words)}", last)


def test_help_of_a_command_tells_of_verbose(capsys):
    main(["validate", "--help"])
    assert "--verbose" in capsys.readouterr().out


def test_no_command_is_help_on_stderr(capsys):
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("Usage: unistd")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["vaildate"], "unknown command 'vaildate'\n  help: did you mean 'unistd validate'? commands: train, "),
        (["xyz"], "unknown command 'xyz'\n  help: commands: train, "),
        (["plugins", "lst"], "unknown command 'lst'\n  help: did you mean 'unistd plugins list'? commands: list, show"),
        (["validate"], "missing argument 'SPEC...'\n  help: unistd validate --help\n"),
        (["schema", "--owt", "x"], "no such option"),
        (
            ["plugins", "new", "rain"],
            "missing option '--kind'. Choose from: backbone, adapter, router, temporal, head, ",
        ),
    ],
)
def test_usage_errors(words, text, capsys):
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(text)
    assert captured.out == ""


def test_an_error_of_ours_is_its_text(command, capsys):
    command(DataError("file 'a.nc' is empty", where="data/a.nc", help="download it again"))
    assert main(["fails"]) == 1
    assert capsys.readouterr().err == "data/a.nc: file 'a.nc' is empty\n  help: download it again\n"


@pytest.mark.parametrize("words", [["fails", "--verbose"], ["--verbose", "fails"]])
def test_verbose_adds_the_frames_without_those_of_click(command, words, capsys):
    command(DataError("file 'a.nc' is empty"))
    assert main(words) == 1
    err = capsys.readouterr().err
    assert "test_main.py" in err
    assert "click/core.py" not in err
    assert err.endswith("\nfile 'a.nc' is empty\n")


def test_any_other_error_shows_its_frames_at_once(command, capsys):
    command(KeyError("x"))
    assert main(["fails"]) == 1
    err = capsys.readouterr().err
    assert "in fails\n" in err
    assert err.endswith("KeyError: 'x'\nthis is a bug in unistd or in a plug-in; please report these lines\n")


def test_ctrl_c_leaves_with_130(command, capsys):
    command(KeyboardInterrupt())
    assert main(["fails"]) == main_module.INTERRUPTED == 130
    assert capsys.readouterr().err.strip() == "interrupted"


def test_a_command_whose_libraries_are_broken_sends_to_the_doctor(monkeypatch, capsys):
    monkeypatch.setitem(unistd.lazy, "gone", LazyCommand("gone", "Gone.", "no_such_module:x"))
    assert main(["gone"]) == 3
    assert capsys.readouterr().err == (
        "command 'gone' cannot be imported: ModuleNotFoundError: No module named 'no_such_module'\n"
        "  help: unistd doctor; details: unistd --verbose gone\n"
    )


def test_version(capsys):
    assert main(["--version"]) == 0
    assert re.fullmatch(r"unistd \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


LIGHT = """
import sys
from unistd.cli.main import main
code = main(sys.argv[1:])
heavy = {"torch", "timm", "lightning_fabric", "numpy"} & set(sys.modules)
early = {"pydantic", "pluggy", "ruamel.yaml"} & set(sys.modules)
print(code, sorted(heavy), sorted(early), file=sys.stderr)
"""


def loaded(*words):
    done = subprocess.run([sys.executable, "-P", "-c", LIGHT, *words], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["plugins", "--help"]])
def test_help_imports_neither_libraries_nor_plugins(words, installed_plugin):
    installed_plugin("demo-a", "import torch\n")
    assert loaded(*words).startswith("0 [] ")


@pytest.mark.parametrize(("words", "imported"), [(["--help"], False), (["plugins", "list"], True)])
def test_help_loads_no_entry_point(words, imported, installed_plugin, plugin_source):
    plugin = installed_plugin("demo-a", f"from pathlib import Path\nPath(__file__ + '.seen').touch()\n{plugin_source}")
    assert loaded(*words).startswith("0 [] ")
    assert plugin.path.with_name(plugin.path.name + ".seen").exists() == imported


def test_help_does_not_even_import_pydantic():
    assert loaded("--help") == "0 [] []"


@pytest.mark.parametrize("words", [["schema"], ["plugins", "list"], ["validate"], ["show"]])
def test_commands_about_specs_import_neither_torch_nor_numpy(words, built_in_spec):
    words = [*words, str(built_in_spec)] if words[0] in ("validate", "show") else words
    assert loaded(*words).startswith("0 [] ")


BUILT = """
import sys
from pydantic import BaseModel
from unistd.cli.main import main
code = main(sys.argv[1:])
held, built = [BaseModel], []
for model in held:
    held += model.__subclasses__()
    built += [model.__name__] * (model.__pydantic_complete__ and model is not BaseModel)
idle = {f"unistd.{name}" for name in ("core.task", "core.training.settings", "registry.pretrain_spec")}
print(code, sorted(built), sorted(idle & set(sys.modules)), file=sys.stderr)
"""


def test_a_list_builds_no_validator(installed_plugin):
    installed_plugin("demo-a")
    done = subprocess.run([sys.executable, "-P", "-c", BUILT, "plugins", "list"], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "0 [] []"


def test_a_joint_spec_builds_only_what_it_names(built_in_spec):
    words = ["validate", str(built_in_spec)]
    done = subprocess.run([sys.executable, "-P", "-c", BUILT, *words], capture_output=True, text=True)
    built = ["ConvHeadConfig", "PixelConfig", "RaMoeConfig", "RmseConfig", "RunSpec", "SoftmaxConfig"]
    built += ["SyntheticTrafficConfig", "TimmViTConfig", "ZeroMlpConfig"]
    assert done.stderr.splitlines()[-1] == f"0 {built} ['unistd.core.training.settings']"


def test_tasks_imports_no_torch():
    assert "torch" not in loaded("tasks")


@pytest.mark.parametrize("command", ["prepare", "import"])
def test_conversion_imports_no_torch_which_takes_half_of_the_memory_it_may_take(command):
    assert "torch" not in loaded("data", command, "--help")

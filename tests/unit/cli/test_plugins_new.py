"""A rendered package is whole, tidy and fit to use; a name that cannot work is refused before anything is written."""

from __future__ import annotations

import ast
import compileall
import importlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from unistd.cli import new_package
from unistd.cli.main import main
from unistd.cli.new_package import TEMPLATES, NewPackage
from unistd.registry.component import KINDS, PLUGIN_API


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A package of each kind, by kind."""
    folder = tmp_path_factory.mktemp("packages")
    for kind in KINDS:
        NewPackage(f"unistd-rainy-{kind}", kind).write(folder / kind)
    return folder


@pytest.fixture
def install(packages, monkeypatch, tmp_path):
    """Put a package where Python finds it, with the metadata that an installation would write."""

    def put(kind):
        project = tomllib.loads((packages / kind / "pyproject.toml").read_text())["project"]
        info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        requires = "\n".join(f"Requires-Dist: {text}" for text in project["dependencies"])
        lines = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n{requires}\n"
        (info / "METADATA").write_text(lines)
        points = "\n".join(f"{name} = {value}" for name, value in project["entry-points"]["unistd"].items())
        (info / "entry_points.txt").write_text(f"[unistd]\n{points}\n")
        for path in (tmp_path, packages / kind / "src"):
            monkeypatch.syspath_prepend(path)
        importlib.invalidate_caches()
        return project["name"]

    return put


QUICK = ("head", "observer")
"""Kinds that are checked in the fast tests; the slow ones check all of them, and much more."""
QUICK_OR_SLOW = [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]


def files(folder):
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_of_the_stand_ins(packages, kind):
    found = files(packages / kind)
    assert len(found) == 12
    for path in found:
        text = f"{path.relative_to(packages)}\n{path.read_text()}".lower()
        assert [word for word in ("newname", "newkind", "newrange") if word in text] == [], path
        if path.suffix == ".py":
            ast.parse(text)


@pytest.mark.parametrize("kind", KINDS)
def test_metadata_name_the_package(packages, kind):
    project = tomllib.loads((packages / kind / "pyproject.toml").read_text())["project"]
    assert project["name"] == f"unistd-rainy-{kind}"
    assert project["dependencies"] == ["unistd>=0.1,<0.2"]
    assert project["entry-points"]["unistd"] == {f"rainy-{kind}": f"unistd_rainy_{kind}"}
    source = packages / kind / "src" / f"unistd_rainy_{kind}"
    assert (source / "py.typed").exists()
    assert f"PLUGIN_API = {PLUGIN_API}\n" in (source / "__init__.py").read_text()
    assert f"class Rainy{kind.capitalize()}Config(" in (source / "config.py").read_text()


@pytest.mark.parametrize("name", ["ab", "unistd-rainy-a-" + 25 * "c"])
def test_what_is_written_is_in_the_form_ruff_wants(tmp_path, name):
    for kind in KINDS:
        NewPackage(name, kind).write(tmp_path / kind)
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run([sys.executable, "-m", "ruff", *command, tmp_path], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_every_kind_has_its_template():
    assert {path.name for path in TEMPLATES.iterdir()} == {"shared", *KINDS}


@pytest.mark.parametrize("kind", QUICK_OR_SLOW)
def test_the_example_passes_the_check(install, kind, monkeypatch, capsys):
    name = install(kind)
    monkeypatch.setenv("UNISTD_PLUGINS", name)
    code = main(["plugins", "check", name])
    said = capsys.readouterr()
    assert (said.err, code) == ("", 0)
    assert said.out.startswith(f"plug-in 'rainy-{kind}' ({name} 0.1.0), written for API {PLUGIN_API}\n")
    assert f"  {kind} 'rainy-{kind}': built; " in said.out
    hooks = "implements unistd_run_started, unistd_step_finished"
    asked = hooks if kind == "observer" else f"checks of {kind.capitalize()}Contract"
    assert f"{asked}\n1 component, 0 problems\n" in said.out


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_spec_is_valid(install, packages, kind, capsys):
    install(kind)
    assert main(["validate", str(packages / kind / "examples" / f"rainy-{kind}.yaml")]) == 0, capsys.readouterr().err


@pytest.fixture(scope="module")
def mypy_cache(tmp_path_factory):
    """What mypy found out about torch, once for all kinds."""
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_package_keeps_its_own_rules_and_trains(install, packages, kind, mypy_cache, monkeypatch, tmp_path):
    install(kind)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    monkeypatch.setenv("UNISTD_STORES", str(tmp_path / "stores"))
    ran = "import sys; from unistd.cli.main import main; sys.exit(main())"
    for command in (
        ["-m", "ruff", "check", "."],
        ["-m", "ruff", "format", "--check", "."],
        ["-m", "mypy", "--cache-dir", str(mypy_cache)],
        ["-m", "pytest", "-q", "-p", "no:cacheprovider"],
        ["-c", ran, "train", f"examples/rainy-{kind}.yaml"],
    ):
        done = subprocess.run(
            [sys.executable, "-P", *command], cwd=packages / kind, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    assert (packages / kind / "runs" / f"rainy-{kind}" / "metrics.json").exists()


def test_the_command_says_what_it_wrote_and_what_is_next(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["plugins", "new", "unistd-rain", "--kind", "task"]) == 0
    out = capsys.readouterr().out
    assert "wrote unistd-rain: task 'rain', with tests" in out
    assert "cd unistd-rain, pip install -e '.[test]', pytest, unistd train examples/rain.yaml" in out
    assert (tmp_path / "unistd-rain" / "src" / "unistd_rain" / "task.py").exists()
    assert main(["plugins", "new", "plain", "--kind", "router", "--out", "deep/er"]) == 0
    assert "class PlainRouter(Router)" in (tmp_path / "deep" / "er" / "src" / "plain" / "router.py").read_text()


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("Unistd_Rain", "task", "named 'Unistd_Rain'\n  help: 'unistd-rain', for one"),
        ("1rain", "task", "named '1rain'\n  help: lower-case words joined by hyphens, such as unistd-rain, at most 40"),
        ("unistd-3d", "task", "help: lower-case words"),
        ("unistd-null", "task", "'unistd-null': 'null' is no name in YAML"),
        ("rain-", "task", "help: lower-case words"),
        ("../rain", "task", "help: lower-case words"),
        (41 * "r", "task", "at most 40 characters"),
        ("class", "task", "'class': 'class' is a keyword of Python"),
        ("json", "task", "'json': module 'json' of Python's own library would be hidden"),
        ("registry", "task", "'registry': it would be mistaken for 'unistd.registry'"),
        ("pytest", "task", "'pytest': a distribution 'pytest' is installed"),
        ("unistd", "task", "'unistd': a distribution 'unistd' is installed"),
        ("yaml", "task", "'yaml': a module 'yaml' is installed"),
        (
            "unistd-softmax",
            "router",
            "'unistd-softmax': router 'softmax' is offered by plug-in 'router-soft",
        ),
        ("unistd-task", "task", "'unistd-task': its class 'Task"),
        ("unistd-task", "head", "'unistd-task': its class 'TaskHead' would have the name of one it is built on"),
    ],
)
def test_a_name_that_cannot_work_is_refused(tmp_path, monkeypatch, capsys, name, kind, text):
    monkeypatch.chdir(tmp_path)
    assert main(["plugins", "new", name, "--kind", kind]) == 2
    said = capsys.readouterr().err
    assert f"a package cannot be named '{name}'" in said
    assert text in said
    assert list(tmp_path.iterdir()) == []


def test_what_pip_compiles_of_the_templates_is_left_out(tmp_path, monkeypatch):
    shutil.copytree(TEMPLATES, tmp_path / "templates", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(tmp_path / "templates", quiet=1)
    monkeypatch.setattr(new_package, "TEMPLATES", tmp_path / "templates")
    NewPackage("unistd-rain", "task").write(tmp_path / "rain")
    assert list((tmp_path / "templates").rglob("*.pyc"))
    assert [path.suffix for path in files(tmp_path / "rain") if path.suffix == ".pyc"] == []


def test_names_of_other_kinds_are_free(tmp_path):
    assert main(["plugins", "new", "unistd-softmax", "--kind", "head", "--out", str(tmp_path / "own")]) == 0


@pytest.mark.parametrize("there", ["folder", "file", "broken link"])
def test_what_is_there_is_left_alone(tmp_path, capsys, there):
    place = tmp_path / "rain"
    {"folder": place.mkdir, "file": place.touch, "broken link": lambda: place.symlink_to("nowhere")}[there]()
    assert main(["plugins", "new", "unistd-rain", "--kind", "task", "--out", str(place)]) == 2
    assert f"'{place}' exists already\n  help: --out FOLDER" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [place]
    assert not place.is_dir() or list(place.iterdir()) == []


def test_nothing_half_written_is_left(tmp_path, monkeypatch, capsys):
    write, written = Path.write_text, []

    def full(path, *args, **options):
        written.append(path)
        if len(written) > 4:
            raise OSError(28, "No space left on device", str(path))
        return write(path, *args, **options)

    monkeypatch.setattr(Path, "write_text", full)
    assert main(["plugins", "new", "unistd-rain", "--kind", "task", "--out", str(tmp_path / "rain")]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert len(written) == 5
    assert list(tmp_path.iterdir()) == []

"""Every command, spec and piece of Python that a page shows works."""

from __future__ import annotations

import inspect
import re
import shlex
import sys
import tomllib
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML

from unistd.cli.main import main, unistd
from unistd.core.errors import UnistdError
from unistd.registry.import_card import load_card
from unistd.registry.registry import Registry
from unistd.registry.spec import load_any

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
FILE = re.compile(r"(core|registry|plugins|cli|tests|examples|benchmarks|docs|src)/[\w./-]*\w")
CHEAP = ("validate", "show", "schema", "tasks", "plugins", "doctor")
"""Commands that only read: shown without a placeholder, they are run."""


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(text_of(name)) if kind == language]


# Commands


def commands(text: str) -> list[str]:
    """Return the lines of blocks, and the pieces of code within a line, that call ``unistd``."""
    shown = [line.removeprefix("$ ") for _, body in FENCE.findall(text) for line in body.splitlines()]
    shown += CODE.findall(FENCE.sub("", text))
    return [line.partition(" # ")[0].strip() for line in shown if re.match(r"unistd [-a-z]", line)]


def pending(text: str) -> list[str]:
    """Return the commands that a page says are not there yet."""
    return re.findall(r"<!-- not yet: ([^>]*?) -->", text)


def problem(line: str) -> str:
    """Return what is wrong with a shown command, or an empty string; nothing is run."""
    plain = re.sub(r"\[OPTIONS\]|COMMAND$|[\[\]…]|\.\.\.(?=\s|$)", " ", line)
    words = [re.sub(r"^N$", "1", word) for word in shlex.split(plain)][1:]
    files = [word.partition("=")[2] or word for word in words]
    gone = [word for word in files if FILE.fullmatch(word) and not (ROOT / word).exists()]
    if gone:
        return f"no file {gone[0]}"
    command: click.Command = unistd
    context = click.Context(unistd, info_name="unistd")
    try:
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            name, found, words = command.resolve_command(context, words)
            assert found is not None
            command, context = found, click.Context(found, info_name=name, parent=context)
        bare = not words or all(word.startswith("--") for word in words)  # the command's name in a sentence
        command.make_context(context.info_name, list(words), parent=context.parent, resilient_parsing=bare)
        if bare:
            known = {option for own in command.params for option in own.opts} | {"--help", "--version"}
            return "".join(f"no option {word}" for word in words if word not in known)
    except (click.ClickException, UnistdError) as error:
        return error.format_message() if isinstance(error, click.ClickException) else error.message
    return ""


@pytest.mark.parametrize("name", NAMES)
def test_every_command_shown_can_be_given(name):
    text = text_of(name)
    lines = [line for line in commands(text) if "|" not in line]
    wrong = {line: problem(line) for line in lines if problem(line)}
    later = tuple(pending(text))
    assert {line: what for line, what in wrong.items() if not (later and line.startswith(later))} == {}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("unistd trian SPEC", "unknown command 'trian'"),
        ("unistd train SPEC --owt x", "No such option"),
        ("unistd predict RUN --task T", "Missing option '--out'"),
        ("unistd train examples/quikstart.yaml", "no file examples/quikstart.yaml"),
        ("unistd compare SPEC --out D --seeds many", "Invalid value for '--seeds'"),
        ("unistd report --evil", "no option --evil"),
    ],
)
def test_a_command_that_cannot_be_given_is_found(line, what):
    assert problem(line).startswith(what)
    assert commands(f"Take `{line}`.\n\n```\n{line}   # so\n```\n") == [line, line]


def cheap(line: str) -> bool:
    words = line.split()[1:]
    return words[0] in CHEAP and not re.search(r"\b[A-Z]{1,}\b|…|runs/|unistd-|plugins check|\*|\||--model", line)


def whole_commands(text: str) -> list[str]:
    """Return those commands of ``text`` that are given to be typed, not those named in a sentence or with an answer."""
    typed = [body for _, body in FENCE.findall(text) if "$ " not in body]
    typed += re.findall(r"^Example: `(.*)`$", text, flags=re.MULTILINE)
    return commands("".join(f"```\n{body}\n```\n" for body in typed))


CHEAP_LINES = sorted({line for name in NAMES for line in whole_commands(text_of(name)) if cheap(line)})


def test_commands_that_only_read_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for folder in ("examples", "benchmarks"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    failed = {}
    for line in CHEAP_LINES:
        if main(shlex.split(line)[1:]) != 0:
            failed[line] = capsys.readouterr().err
    assert failed == {}
    assert len(CHEAP_LINES) > 10


# Specs


def placed(fragment: dict) -> dict:
    """Return what a spec's part says, as a whole spec: the smallest one with the part put into it."""
    parts = {"backbone", "adapter", "router", "temporal"} & fragment.keys()
    if parts and "frames" not in fragment:
        fragment = {"model": {key: fragment[key] for key in parts}}
    spec = {
        "name": "shown",
        "model": {"backbone": {"kind": "timm-vit", "variant": "vit_tiny_patch16_224", "pretrained": False}},
        "tasks": {"sky": {"kind": "synthetic-weather"}},
        "output": "runs/shown",
    }
    if "frames" in fragment:
        return fragment
    merged = {
        key: {**spec.get(key, {}), **value} if isinstance(value, dict) else value for key, value in fragment.items()
    }
    return {**spec, **merged, "tasks": fragment.get("tasks", spec["tasks"])}


def is_card(data: dict) -> bool:
    return "channels" in data


def spec_problem(text: str, folder: Path) -> str:
    data = YAML(typ="safe").load(text)
    path = folder / "shown.yaml"
    YAML().dump(data if is_card(data) else placed(data), path)
    try:
        load_card(path) if is_card(data) else load_any(path, Registry.discover())
    except UnistdError as error:
        return str(error)
    return ""


YAML_PAGES = [name for name in NAMES if "```yaml" in text_of(name)]
KEYS = "backbone|adapter|router|temporal|tasks|training|plugins|model"


@pytest.mark.parametrize("name", YAML_PAGES)
def test_every_spec_shown_is_valid(name, tmp_path):
    assert [found for text in blocks(name, "yaml") if (found := spec_problem(text, tmp_path))] == []


def test_specs_within_a_line_are_valid(tmp_path):
    shown = {code for name in NAMES for code in CODE.findall(FENCE.sub("", text_of(name)))}
    specs = {code for code in shown if re.match(rf"({KEYS}): \S", code) and "…" not in code and "unistd-" not in code}
    specs = {re.sub(r"^backbone: .*freeze: false}$", "", code) for code in specs} - {""}
    assert {code: found for code in specs if (found := spec_problem(code, tmp_path))} == {}
    assert len(specs) > 4


def test_a_spec_that_is_wrong_is_found(tmp_path):
    assert "unknown key 'wieght'" in spec_problem("tasks: {sky: {kind: synthetic-weather, wieght: 2}}", tmp_path)
    assert "unknown adapter 'lroa'" in spec_problem("adapter: lroa", tmp_path)


# Python


@pytest.mark.parametrize("name", [name for name in NAMES if "```python" in text_of(name)])
def test_every_piece_of_python_compiles(name):
    for code in blocks(name, "python"):
        compile(code, name, "exec")


def test_the_notebook_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNISTD_STORES", str(tmp_path / "stores"))
    (spec,) = blocks("docs/python.md", "yaml")
    Path("tiny.yaml").write_text(spec, encoding="utf-8")
    scope: dict = {}
    for code in blocks("docs/python.md", "python"):
        exec(compile(code, "docs/python.md", "exec"), scope)
    assert scope["forecast"].shape == (2, 4, 2, 8, 9)
    assert scope["validation"]["split"] == "val"
    model, still, off = map(float, capsys.readouterr().out.split())
    assert 0 < model < 10 * still
    assert off > 0


def test_the_error_page_runs(capsys):
    (code,) = blocks("docs/reference/errors.md", "python")
    exec(compile(code, "errors.md", "exec"), {})
    assert capsys.readouterr().out.startswith("the spec cannot be read: No such file")


@pytest.fixture
def shown_plugin(tmp_path, monkeypatch):
    """Write the plug-in of docs/plugin.md as the page says, and install it."""
    site = tmp_path / "site"
    places = ("largest_error", "__init__", "test_largest_error")
    for place, code in zip(places, blocks("docs/plugin.md", "python"), strict=True):
        path = site / "unistd_rain" / f"{place}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")
    info = site / "unistd_rain-0.1.0.dist-info"
    info.mkdir()
    project = tomllib.loads(*blocks("docs/plugin.md", "toml"))["project"]
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = "".join(f"{name} = {value}\n" for name, value in project["entry-points"]["unistd"].items())
    (info / "entry_points.txt").write_text(f"[unistd]\n{points}")
    monkeypatch.syspath_prepend(site)
    yield
    for module in [name for name in sys.modules if name.partition(".")[0] == "unistd_rain"]:
        del sys.modules[module]


def test_the_plug_in_shown_is_installed_and_scores(shown_plugin, tmp_path, capsys):
    assert main(["plugins", "check", "unistd-rain"]) == 0
    assert "metric 'largest-error': built; " in capsys.readouterr().out
    assert spec_problem("tasks: {city: {kind: synthetic-traffic, metrics: [mae, largest-error]}}", tmp_path) == ""


def zeros_for_missing(contract: type, metric: type) -> object:
    class Zeros(metric):
        def update(self, prediction, target):
            super().update(prediction, target.nan_to_num(0))

    own = type("TestZeros", (contract,), {"make": lambda _, *, leads: Zeros(leads=leads, unit="mm")})
    return own()


def test_the_plug_in_shown_keeps_its_contract_and_is_short(shown_plugin):
    import torch
    from unistd_rain import largest_error, test_largest_error

    tests = test_largest_error.TestLargestError()
    names = [name for name, _ in inspect.getmembers(tests, inspect.ismethod) if name.startswith("test_")]
    for name in names:
        getattr(tests, name)()
    assert len(names) >= 7
    own = largest_error.LargestError(leads=2, unit="mm")
    own.update(torch.tensor([1.0, 5.0]).reshape(1, 2, 1, 1, 1), torch.tensor([3.0, torch.nan]).reshape(1, 2, 1, 1, 1))
    assert own.compute().value == 2
    assert own.compute().per_lead[1].isnan()
    with pytest.raises(AssertionError, match="predictions that differ at missing pixels only must give the same value"):
        zeros_for_missing(
            test_largest_error.TestLargestError, largest_error.LargestError
        ).test_missing_pixels_take_no_part()
    source = Path(largest_error.__file__).read_text(encoding="utf-8").partition("class ")[2]
    assert len([line for line in source.splitlines() if line.strip()]) <= 16


# Files and variables


def test_every_file_named_in_code_is_there():
    shown = {(name, code) for name in NAMES for code in CODE.findall(text_of(name)) if FILE.fullmatch(code)}
    assert [(name, code) for name, code in shown if "." in code.rpartition("/")[2] and not (ROOT / code).exists()] == []


def test_every_link_leads_to_a_file():
    gone = []
    for name in NAMES:
        text = FENCE.sub("", text_of(name))
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            if not re.match(r"https?:|mailto:", target) and not ((ROOT / name).parent / target).exists():
                gone.append((name, target))  # noqa: PERF401
    assert gone == []


def test_every_variable_of_the_environment_is_told_of():
    sources = [
        path.read_text(encoding="utf-8")
        for folder in ("core", "registry", "cli")
        for path in (ROOT / folder).rglob("*.py")
    ]
    lines = [line for source in sources for line in source.splitlines() if "environ" in line]
    used = {name for line in lines for name in re.findall(r"\"(UNISTD_\w+)\"", line)}
    assert used == set(re.findall(r"^\| `(UNISTD_\w+)`", text_of("docs/specs.md"), flags=re.MULTILINE))

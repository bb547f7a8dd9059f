"""The pages made from the code are those of the code, and nothing of it is without documentation."""

from __future__ import annotations

import inspect
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import click
import pytest
from pydantic import Field

import unistd as package
from unistd import core
from unistd.cli.commands_page import walk
from unistd.cli.lazy import LazyGroup
from unistd.cli.main import unistd
from unistd.core.importing.card import ImportCard
from unistd.core.testing.page import DATA, KINDS as CONTRACTS, contract_tests, duties
from unistd.registry.component import KINDS, Component, Config, TaskConfig
from unistd.registry.errors_page import classes
from unistd.registry.field_rows import field_rows
from unistd.registry.hooks import Hooks
from unistd.registry.pretrain_spec import PretrainSpec
from unistd.registry.registry import Registry
from unistd.registry.run_spec import RunSpec

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FOLDERS = ("core", "registry", "plugins", "cli")


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pages():
    program = spec_from_file_location("docs_pages", DOCS / "pages.py")
    module = module_from_spec(program)
    program.loader.exec_module(module)
    return module.pages()


@pytest.fixture(scope="module")
def built_in():
    return Registry.discover({"UNISTD_PLUGINS": ""})


def test_every_page_is_that_of_the_code(pages):
    stale = [name for name, text in pages.items() if not (DOCS / name).exists() or page(name) != text]
    assert stale == [], "run `make docs-pages`"


def test_no_page_made_from_the_code_is_left_over(pages):
    kept = {str(path.relative_to(DOCS)) for folder in ("reference", "tasks") for path in (DOCS / folder).iterdir()}
    assert kept == {name for name in pages if "/" in name}


def test_pages_tell_nothing_of_the_machine_they_were_made_on(pages):
    alien = {str(ROOT), str(ROOT.parent), str(Path.home()), "/tmp/", "site-packages"} - {"/"}
    assert [(name, text) for name, page in pages.items() for text in alien if text in page] == []


def said(own: object) -> str:
    """Return a docstring of one's own; ``inspect.getdoc`` would give that of a base class."""
    return inspect.cleandoc(own.__doc__ or "")


# Hooks


def hooks_without(hooks: type, text: str) -> list[str]:
    names = [name for name in vars(hooks) if not name.startswith("_")]
    return [name for name in names if not said(vars(hooks)[name]) or f"\n## {name}\n" not in text]


def test_every_hook_is_documented():
    assert hooks_without(Hooks, page("reference/hooks.md")) == []


def test_a_hook_without_documentation_is_found():
    class Silent:
        def unistd_silent(self): ...

        def unistd_elsewhere(self):
            """Told nowhere."""

    assert hooks_without(Silent, "\n## unistd_silent\n") == ["unistd_silent", "unistd_elsewhere"]


# Components and their options


def components_without(registry: Registry, text: str) -> list[str]:
    silent = []
    for kind in KINDS:
        for name in registry.names(kind):
            own = registry.find(kind, name)
            silent += [f"{kind} {name}"] * (not own.summary or f"`{name}`" not in text)
            silent += [f"{kind} {name}: {row.key}" for row in field_rows(own.config) if not row.description]
            if kind not in ("task", "metric"):
                section = text.partition(f"\n### {kind} {name}\n")[2].partition("\n#")[0]
                silent += [
                    f"{kind} {name}: {row.key}" for row in field_rows(own.config) if f"| `{row.key}`" not in section
                ]
    return silent


def test_every_component_and_every_option_is_documented(built_in):
    assert components_without(built_in, page("reference/components.md")) == []


def test_tasks_and_metrics_have_their_options_on_pages_of_their_own(built_in):
    for name in built_in.names("task"):
        own = set(built_in.find("task", name).config.model_fields) - set(TaskConfig.model_fields)
        assert [option for option in own if f"| `{option}`" not in page(f"tasks/{name}.md")] == []
    for name in built_in.names("metric"):
        assert f"| `{name}` | " in page("metrics.md")
        for option in built_in.find("metric", name).config.model_fields:
            assert re.search(rf"^\|[^|]* `{name}` [^|]*\| `{option}` \|", page("metrics.md"), flags=re.MULTILINE)


def test_an_option_without_documentation_is_found():
    class Inner(Config):
        deep: int = 1

    class Silent(Config):
        told: int = 1
        """Told."""
        silent: int = Field(default=1)
        inner: Inner = Inner()
        """Told, but for what is inside."""

    component = Component(kind="router", name="silent", config=Silent, target="types:SimpleNamespace", summary="Says.")
    text = "| [`silent`]\n### router silent\n| `told` |\n| `silent` |\n| `inner` |"
    found = components_without(Registry.of(component), text)
    assert set(found) == {f"router silent: {key}" for key in ("silent", "inner.deep")}


# Keys of specs


def keys_without(rows: list, text: str) -> list[str]:
    return [row.key for row in rows if not row.description or f"\n| `{row.key}` | " not in text]


@pytest.mark.parametrize(
    ("model", "name"), [(RunSpec, "run-spec"), (PretrainSpec, "pretrain-spec"), (ImportCard, "card")]
)
def test_every_key_of_a_spec_is_documented(model, name):
    assert keys_without(field_rows(model), page(f"reference/{name}.md")) == []


def test_every_key_of_a_task_is_documented():
    assert keys_without(field_rows(TaskConfig, "tasks.NAME."), page("reference/run-spec.md")) == []


def test_a_key_without_documentation_is_found():
    class Silent(Config):
        silent: int = 1
        elsewhere: int = 1
        """Told nowhere."""

    assert keys_without(field_rows(Silent), "\n| `silent` | ") == ["silent", "elsewhere"]


# Commands


def commands_without(group: click.Group, text: str) -> list[str]:
    silent = []
    for command, context in walk(group, click.Context(group, info_name="unistd")):
        path = context.command_path
        section = text.partition(f"\n## {path}\n")[2].partition("\n## ")[0]
        silent += [path] * (not (section and command.help and command.epilog))
        options = [own for own in command.params if isinstance(own, click.Option) and own.name != "verbose"]
        silent += [f"{path} {own.opts[0]}" for own in options if not own.help or f"`{own.opts[0]}" not in section]
    return silent


def test_every_command_is_documented():
    assert commands_without(unistd, page("reference/commands.md")) == []


def test_a_command_without_documentation_is_found():
    @click.command(epilog="Example: unistd silent")
    @click.option("--told", help="Told.")
    @click.option("--silent")
    def silent() -> None: ...

    group = LazyGroup("unistd", lazy=[])
    group.list_commands = lambda _: ["silent"]
    group.get_command = lambda *_: silent
    assert commands_without(group, "\n## unistd silent\n`--told` `--silent`") == [
        "unistd silent",
        "unistd silent --silent",
    ]


# Errors


def errors_of(source: str, known: set[str]) -> list[str]:
    """Return the classes of a module's source that are errors of ours, by the names of their bases."""
    found = re.findall(r"^ *class (\w+)\(([^)]*)\)", source, flags=re.MULTILINE)
    return [name for name, bases in found if set(re.findall(r"\w+", bases)) & known]


def errors_without(rows: list, text: str) -> list[str]:
    return [own.__name__ for own, _ in rows if not said(own) or f"`{own.__name__}` | {own.exit_code} |" not in text]


def test_every_error_is_documented():
    assert errors_without(list(classes()), page("reference/errors.md")) == []


def test_no_error_of_the_code_is_missing_on_the_page():
    known = {own.__name__ for own, _ in classes()}
    sources = [path.read_text(encoding="utf-8") for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    assert {name for source in sources for name in errors_of(source, known)} == known - {"UnistdError"}


def test_an_error_without_documentation_is_found():
    class SilentError(core.UnistdError):
        pass

    assert errors_without([(SilentError, 1)], "`SilentError` | 1 |") == ["SilentError"]
    assert errors_of("class Lost(UsageError): ...\nclass Other(ValueError): ...", {"UsageError"}) == ["Lost"]


# Contracts


def contract_without(own: type, text: str) -> list[str]:
    silent = [own.__name__] * (not said(own) or f"\n### {own.__name__}\n" not in text)
    section = text.partition(f"\n### {own.__name__}\n")[2].partition("\n#")[0]
    mine = [name for name in getattr(own, "__abstractmethods__", ()) if name in vars(own)]
    return silent + [f"{own.__name__}.{n}" for n in mine if not duties(own)[n] or not re.search(rf"`{n}[`(]", section)]


def test_every_contract_is_documented():
    text = page("reference/contracts.md")
    listed = [own for own in (*(each for group in CONTRACTS.values() for each in group), *DATA)]
    assert [name for own in listed for name in contract_without(own, text)] == []
    assert set(CONTRACTS) == set(KINDS) - {"observer"}, "an observer's contract are the hooks"


def test_a_contract_without_documentation_is_found():
    from abc import ABC, abstractmethod

    class Silent(ABC):
        @abstractmethod
        def hush(self): ...

    assert contract_without(Silent, "\n### Silent\n`hush()`") == ["Silent", "Silent.hush"]


def test_everything_a_contract_test_asks_is_said():
    silent = [f"{kind}: {name}" for kind in CONTRACTS for name, text in contract_tests(kind).items() if not text]
    assert silent == []
    assert all(contract_tests(kind) for kind in CONTRACTS)


def test_every_public_name_has_documentation_and_a_page():
    text = page("reference/contracts.md") + page("reference/errors.md") + page("python.md")
    names = [(home, name) for home in (package, core) for name in home.__all__ if not name.startswith("__")]
    assert [name for home, name in names if not said(getattr(home, name)) or not re.search(rf"\b{name}\b", text)] == []

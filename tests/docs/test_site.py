"""The site has every page and builds without a warning and without a network."""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def listed(nav: object) -> set[str]:
    if isinstance(nav, str):
        return {nav}
    return set().union(*map(listed, nav.values() if isinstance(nav, dict) else nav))


@pytest.fixture(scope="module")
def hook():
    program = spec_from_file_location("docs_site", DOCS / "site.py")
    module = module_from_spec(program)
    program.loader.exec_module(module)
    return module


def test_every_page_has_a_place_in_the_menu(hook):
    nav = YAML(typ="safe").load(ROOT / "mkdocs.yml")["nav"]
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")} | set(hook.PAGES) - {"README.md"}
    assert listed(nav) == pages


@pytest.mark.parametrize(
    ("own", "target", "turned"),
    [
        ("scale.md", "../benchmarks/results/scale.json", "files/benchmarks/results/scale.json"),
        ("reference/errors.md", "../../benchmarks/adapter.py", "../files/benchmarks/adapter.py"),
        ("index.md", "../CONTRIBUTING.md", "CONTRIBUTING.md"),
        ("tasks/README.md", "../../README.md", "../README.md"),
        ("tasks/README.md", "../metrics.md", "../metrics.md"),
        ("start.md", "../examples/plugins/unistd-hello-task", "files/examples/plugins/unistd-hello-task/README.md"),
        ("start.md", "https://example.org/a.md", "https://example.org/a.md"),
        ("start.md", "import.md#arrays", "import.md#arrays"),
    ],
)
def test_links_out_of_the_folder_are_turned_to_the_site(hook, own, target, turned):
    assert hook._rewritten(f"see [it]({target}).", own) == f"see [it]({turned})."


def test_links_of_the_pages_above_lead_into_the_folder(hook):
    assert "](plugin.md)" in hook._moved("CONTRIBUTING.md")
    assert "](tasks/README.md)" in hook._moved("README.md")
    assert "](files/examples/quickstart.yaml)" in hook._moved("README.md")


@pytest.mark.slow
def test_the_site_builds_without_a_warning_and_needs_no_network(tmp_path):
    pytest.importorskip("mkdocs")
    pytest.importorskip("material")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    build(load_config(str(ROOT / "mkdocs.yml"), strict=True, site_dir=str(tmp_path / "site")))
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 30
    elsewhere = re.compile(r"<(?:link|script|img|iframe)[^>]+(?:href|src)=\"?(?:https?:)?//")
    assert [page.name for page in pages if elsewhere.search(page.read_text(encoding="utf-8"))] == []
    assert (tmp_path / "site" / "files" / "benchmarks" / "results" / "scale.json").is_file()

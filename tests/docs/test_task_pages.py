"""The pages of the tasks are what the tasks declare."""

from __future__ import annotations

from pathlib import Path

from unistd.cli.tasks import task_pages
from unistd.registry.registry import Registry

PAGES = Path(__file__).parents[2] / "docs" / "tasks"


def test_the_pages_are_those_that_make_docs_tasks_writes():
    pages = task_pages(Registry.discover({"UNISTD_PLUGINS": ""}))
    assert {path.name for path in PAGES.iterdir()} == pages.keys()
    stale = [name for name, text in pages.items() if (PAGES / name).read_text(encoding="utf-8") != text]
    assert stale == [], "run `make docs-tasks`"

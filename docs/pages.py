"""Writes every page of ``docs/`` that is made from the code: ``python -P docs/pages.py`` from the top folder."""

from __future__ import annotations

from pathlib import Path

from unistd.cli.commands_page import commands_page
from unistd.cli.main import unistd
from unistd.cli.tasks import task_pages
from unistd.core.testing.page import contracts_page
from unistd.plugins.metrics.page import metrics_page
from unistd.registry.components_page import components_page
from unistd.registry.errors_page import errors_page
from unistd.registry.hooks_page import hooks_page
from unistd.registry.registry import Registry
from unistd.registry.spec_page import card_page, pretrain_spec_page, run_spec_page

DOCS = Path(__file__).parent


def pages() -> dict[str, str]:
    """Return the text of each page by its path below ``docs/``; plug-ins of others play no part."""
    registry = Registry.discover({"UNISTD_PLUGINS": ""})
    return {
        "metrics.md": metrics_page(),
        "reference/card.md": card_page(),
        "reference/commands.md": commands_page(unistd),
        "reference/components.md": components_page(registry),
        "reference/contracts.md": contracts_page(),
        "reference/errors.md": errors_page(registry),
        "reference/hooks.md": hooks_page(),
        "reference/pretrain-spec.md": pretrain_spec_page(),
        "reference/run-spec.md": run_spec_page(),
        **{f"tasks/{name}": text for name, text in task_pages(registry).items()},
    }


if __name__ == "__main__":
    for name, text in pages().items():
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

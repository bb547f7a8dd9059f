"""The pages of every key of a spec and of an import card, made of their models."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from pydantic import BaseModel

from unistd.core.importing.card import ImportCard
from unistd.core.markdown import page, table
from unistd.registry.component import KINDS, TaskConfig
from unistd.registry.field_rows import FieldRow, field_rows
from unistd.registry.pretrain_spec import PretrainSpec
from unistd.registry.run_spec import RunSpec

MADE = "Made from the code by `make docs-pages`; a test compares."
LEGEND = """\
Keys are written as after `-o`: `-o training.optimizer.lr=3e-4` changes one value. `NAME` is a name of yours. A default
that is empty is explained in the text, or stands with the keys inside. What takes a component is its bare name, or a
mapping with the name as `kind` beside its options. An unknown key is an error, and so is one without effect.
"""
_SLOTS = re.compile(rf"(?<!')\b({'|'.join(KINDS)})\b(?!')")


def run_spec_page() -> str:
    """Return the page of what ``unistd train`` takes."""
    rows = field_rows(RunSpec)
    tasks = [row for row in rows if row.key == "tasks"] + field_rows(TaskConfig, "tasks.NAME.")
    intro = f"{MADE}\n\nWhat `unistd train` takes. How to write one: [Specs](../specs.md).\n\n{LEGEND}"
    at = rows.index(tasks[0])
    return _page("Keys of a run's spec", intro, RunSpec, [*rows[:at], *tasks, *rows[at + 1 :]])


def pretrain_spec_page() -> str:
    """Return the page of what ``unistd pretrain`` takes."""
    intro = f"{MADE}\n\nWhat `unistd pretrain` takes. {LEGEND}"
    return _page("Keys of a pre-training spec", intro, PretrainSpec, field_rows(PretrainSpec))


def card_page() -> str:
    """Return the page of what ``unistd data import`` takes."""
    intro = f"{MADE}\n\nWhat `unistd data import` takes. Cards that work, by format: [Your own data](../import.md)."
    return _page("Keys of an import card", intro, ImportCard, field_rows(ImportCard))


def key_table(rows: Iterable[FieldRow]) -> str:
    """Return the table of keys with what each takes, its default and what it does."""
    cells = [(f"`{row.key}`", takes(row.type), row.default, _only(row) + row.description) for row in rows]
    return table(("key", "takes", "default", "what it does"), cells)


def takes(words: str) -> str:
    """Return a type in words with its literals as code, and kinds of components linked to the page that lists them."""
    linked = _SLOTS.sub(r"[\1](components.md#\1)", words)
    return re.sub(r"'([^']*)'", r"`\1`", linked)


def _only(row: FieldRow) -> str:
    return f"Of {' and '.join(f'`{kind}`' for kind in row.kinds)}. " if row.kinds else ""


def _page(title: str, intro: str, model: type[BaseModel], rows: list[FieldRow]) -> str:
    groups = {top: list(own) for top, own in groupby(rows, key=lambda row: row.key.partition(".")[0])}
    plain = [own[0] for own in groups.values()]
    parts = [f"# {title}", intro, "## At the top", key_table(_linked(plain, groups))]
    for top in model.model_fields:
        if len(groups[top]) > 1:
            parts += [f"## {top}", key_table(groups[top][1:])]
    return page(*parts)


def _linked(rows: Iterable[FieldRow], groups: dict[str, list[FieldRow]]) -> Iterator[FieldRow]:
    """Send the reader from a key with keys inside to their section."""
    for row in rows:
        below = f" [Its keys](#{row.key})." if len(groups[row.key]) > 1 else ""
        yield FieldRow(row.key, row.type, row.default, row.description + below)

"""From a file to a validated import card."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from unistd.core.importing.card import ImportCard
from unistd.registry.document import Document
from unistd.registry.explain import explain
from unistd.registry.issues import SpecError
from unistd.registry.registry import Registry


def load_card(path: Path) -> ImportCard:
    """Read and validate the card of ``unistd data import``.

    Raises:
        SpecError: Anything is wrong in the file, all of it at once.
        UsageError: The file cannot be read.
    """
    document = Document.open(path, noun="card")
    try:
        return ImportCard.model_validate(document.data)
    except ValidationError as error:
        issues = explain(document, error.errors(include_url=False), Registry.of(), ImportCard)
        raise SpecError(document.source, issues) from error

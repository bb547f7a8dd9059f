"""``unistd data``: raw files to stores, and what is in them."""

from __future__ import annotations

import click

from unistd.cli.lazy import LazyCommand, LazyGroup

COMMANDS = (LazyCommand("import", "Make a store of your own files by a card.", "unistd.cli.data_import:import_files"),)


@click.group(cls=LazyGroup, lazy=COMMANDS, epilog="Example: unistd data import CARD.yaml --out STORE")
def data() -> None:
    """Make stores of raw files, and see what is in them."""

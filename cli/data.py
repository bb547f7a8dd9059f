"""``unistd data``: raw files to stores, and what is in them."""

from __future__ import annotations

import click

from unistd.cli.lazy import LazyCommand, LazyGroup

COMMANDS = (
    LazyCommand("prepare", "Convert a task's raw files into its store.", "unistd.cli.data_prepare:prepare_task"),
    LazyCommand("import", "Make a store of your own files by a card.", "unistd.cli.data_import:import_files"),
    LazyCommand("inspect", "Show what is in a store.", "unistd.cli.data_inspect:inspect"),
    LazyCommand("check", "Find what is wrong with a store.", "unistd.cli.data_check:check"),
)


@click.group(cls=LazyGroup, lazy=COMMANDS, epilog="Example: unistd data import CARD.yaml --out STORE")
def data() -> None:
    """Make stores of raw files, and see what is in them."""

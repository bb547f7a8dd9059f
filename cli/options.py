"""Options and arguments that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

SpecPath = click.Path(path_type=Path)

overrides = click.option(
    "-o", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the spec, such as training.steps=60."
)

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

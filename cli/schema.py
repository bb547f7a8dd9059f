"""``unistd schema``: the JSON Schema that editors complete and check specs with."""

from __future__ import annotations

import json
from pathlib import Path

import click

from unistd.core.errors import UsageError
from unistd.registry.pretrain_spec import PretrainSpec
from unistd.registry.registry import Registry
from unistd.registry.run_spec import RunSpec
from unistd.registry.schema import card_schema, json_schema


@click.command(epilog="Example: unistd schema --out .unistd/spec.schema.json")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Write the schema here.")
@click.option("--pretrain", is_flag=True, help="The schema of specs for 'unistd pretrain' instead.")
@click.option("--card", is_flag=True, help="The schema of cards for 'unistd data import' instead.")
def schema(out: Path | None, *, pretrain: bool, card: bool) -> None:
    """Print the JSON Schema of a run's spec with everything installed.

    A spec names it in its first line: # yaml-language-server: $schema=.unistd/spec.schema.json
    """
    if pretrain and card:
        raise UsageError("'--pretrain' and '--card' are two schemas", help="ask for one of them")
    found = card_schema() if card else json_schema(Registry.discover(), PretrainSpec if pretrain else RunSpec)
    text = json.dumps(found, indent=2)
    if out is None:
        click.echo(text)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the schema cannot be written to '{out}': {error.strerror}") from error
    click.echo(f"wrote {out}", err=True)

"""``unistd data check``: what is wrong with a store."""

from __future__ import annotations

import json
from pathlib import Path

import click

from unistd.cli.options import as_json
from unistd.core.data.audit import audit
from unistd.core.data.store import Store


@click.command("check", epilog="Example: unistd data check stores/taxibj.zarr")
@click.argument("store", type=click.Path(path_type=Path))
@click.option(
    "--source",
    "sources",
    metavar="RAW",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of its raw files, where they lie in none that data is kept in; any number of times.",
)
@as_json
@click.pass_context
def check(ctx: click.Context, store: Path, sources: tuple[Path, ...], *, as_json: bool) -> None:
    """Look for damage, changed raw files, values the card of STORE rules out, and frames that its splits share.

    Copies that were encoded again, rounded or made a shade brighter count as shared. Exit 1 if there is any problem.
    """
    found = list(audit(Store.open(store), sources))
    if as_json:
        click.echo(json.dumps([finding._asdict() for finding in found], indent=2))
    else:
        for finding in found:
            click.echo(f"{finding.level}: {finding.what}" + (f"\n  help: {finding.help}" if finding.help else ""))
        problems = sum(finding.level == "problem" for finding in found)
        click.echo(f"{problems} problems" if problems != 1 else "1 problem")
    if any(finding.level == "problem" for finding in found):
        ctx.exit(1)

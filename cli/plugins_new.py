"""``unistd plugins new``: a package of one's own, which works before a line is edited."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import click

from unistd.cli.new_package import NewPackage
from unistd.registry.component import KINDS, Kind
from unistd.registry.registry import Registry


@click.command(epilog="Example: unistd plugins new unistd-rain --kind task")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What the package offers.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; NAME in the working folder by default.")
def new_plugin(name: str, kind: str, out: Path | None) -> None:
    """Write the package NAME with one component of a kind: code, declaration, tests, example spec, README and CI.

    The component is called NAME without 'unistd-' in front. What is written is a small example that passes its tests
    and trains, to be replaced piece by piece.
    """
    package = NewPackage(name, cast(Kind, kind))
    package.check(Registry.discover())
    folder = out or Path(name)
    package.write(folder)
    click.echo(f"wrote {folder}: {kind} '{package.component}', with tests, an example spec, README and CI")
    click.echo(f"next: cd {folder}, pip install -e '.[test]', pytest, unistd train examples/{package.component}.yaml")

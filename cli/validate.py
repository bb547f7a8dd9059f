"""``unistd validate``: every error of a spec at once, without torch."""

from __future__ import annotations

from pathlib import Path

import click

from unistd.cli.options import SpecPath, overrides
from unistd.core.errors import UnistdError
from unistd.registry.registry import Registry
from unistd.registry.spec import RunSpec, load_any


@click.command(epilog="Example: unistd validate examples/*.yaml")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True, type=SpecPath)
@overrides
@click.pass_context
def validate(ctx: click.Context, specs: tuple[Path, ...], overrides: tuple[str, ...]) -> None:
    """Find every error in each SPEC; nothing is built and no data is read."""
    registry = Registry.discover()
    worst = 0
    for path in specs:
        try:
            spec = load_any(path, registry, overrides)
        except UnistdError as error:
            click.echo(f"{error}\n", err=True)
            worst = max(worst, error.exit_code)
        else:
            parts = (
                f"tasks: {', '.join(spec.tasks)}" if isinstance(spec, RunSpec) else f"frames: {', '.join(spec.frames)}"
            )
            click.echo(f"{path}: valid, {parts}")
    ctx.exit(worst)

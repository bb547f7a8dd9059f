"""What the commands that train have in common."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from unistd.core.training.loop import Outcome


def command_line(command: str, spec: Path, overrides: Sequence[str], **options: object) -> str:
    """Return what the user typed, without ``--resume``; ``options`` that are ``None`` were not."""
    given = [part for name, value in options.items() if value is not None for part in (f"--{name}", str(value))]
    return shlex.join(["unistd", command, str(spec), *(part for each in overrides for part in ("-o", each)), *given])


def say_stopped(console: Console, outcome: Outcome, command: str) -> None:
    """Print how to go on with a run of ``command`` that a signal stopped."""
    console.print(
        f"stopped by {outcome.stopped_by} after step {outcome.step}, all of it saved; go on with\n  {command} --resume",
        highlight=False,
        soft_wrap=True,
    )

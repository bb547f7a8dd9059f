"""What the commands that train have in common."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from lightning_fabric import Fabric
from rich.console import Console

from unistd.core.training.loop import Outcome

PRECISION: dict[str, Literal["32-true", "bf16-mixed"]] = {"fp32": "32-true", "bf16": "bf16-mixed"}


def one_device(precision: Literal["fp32", "bf16"]) -> Fabric:
    """Return the device there is, with the arithmetic a spec asks for."""
    return Fabric(accelerator="auto", devices=1, precision=PRECISION[precision])


def command_line(command: str, spec: Path, overrides: Sequence[str]) -> str:
    """Return what the user typed, without ``--resume``."""
    return shlex.join(["unistd", command, str(spec), *(part for each in overrides for part in ("-o", each))])


def say_stopped(console: Console, outcome: Outcome, command: str) -> None:
    """Print how to go on with a run of ``command`` that a signal stopped."""
    console.print(
        f"stopped by {outcome.stopped_by} after step {outcome.step}, all of it saved; go on with\n  {command} --resume",
        highlight=False,
        soft_wrap=True,
    )

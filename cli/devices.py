"""``--devices`` and ``--strategy``: a command in several processes, started here unless torchrun did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import click

from unistd.cli.launch import launch, stop_with_launcher
from unistd.core.errors import UsageError
from unistd.registry.devices import Strategy, open_fabric, placement

devices_option = click.option(
    "--devices",
    type=click.IntRange(min=1),
    metavar="N",
    help="GPUs, or processes where there is none, that share every batch. 1 by default; under torchrun, what it says.",
)
strategy_option = click.option(
    "--strategy",
    type=click.Choice(get_args(Strategy)),
    help="What each of several processes has of the model; ddp: all weights, fsdp: a part of the frozen trunk's.",
)


def launched(devices: int | None, strategy: Strategy | None, args: Sequence[str]) -> int | None:
    """Run ``unistd`` with ``args`` in ``devices`` processes and return its exit code; ``None`` where this is one of
    them, or the only one, and has joined the others.

    Raises:
        UsageError: torchrun started another number of processes, or a single one has a strategy.
        UnistdError: One of the processes died.
    """
    local, world = placement()
    if world > 1 and devices not in (None, local):
        raise UsageError(
            f"'--devices {devices}', but {local} processes were started on this machine", help="leave --devices out"
        )
    count = max(world, devices or 1)
    if world == 1 and count > 1:
        return launch(args, count)
    stop_with_launcher()
    open_fabric(strategy=strategy)
    return None

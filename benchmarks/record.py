"""What every benchmark program shares: candidates timed side by side, and a record of what was measured on what."""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from unistd.core.machine import device_name

PACKAGES = ("unistd", "torch", "timm", "peft", "numpy")


def side_by_side(
    candidates: Mapping[str, Callable[[], object]], repeats: int, wait: Callable[[], object] = lambda: None
) -> dict[str, list[float]]:
    """Return the seconds of each candidate in each of ``repeats`` rounds; a round runs all of them, one after another.

    Args:
        candidates: What is timed; each runs twice before anything counts.
        repeats: Rounds; the order turns by one in each.
        wait: Called before the clock is read, to let a device finish.
    """
    names = list(candidates)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for name in [*names, *names]:
        candidates[name]()
    for turn in range(repeats):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            wait()
            start = time.perf_counter()
            candidates[name]()
            wait()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds: Mapping[str, list[float]], name: str, to: str) -> float:
    """Return the median over the rounds of the time of ``name`` ÷ that of ``to`` in the same round."""
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[to], strict=True))


def record(rows: list[dict[str, Any]], path: Path | None, **about: Any) -> None:
    """Write ``rows`` with machine, versions and command to ``path``, or nowhere."""
    if path is None:
        return
    whole = {
        "command": " ".join(["python", *sys.argv]),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "machine": {"device": device_name(), "threads": torch.get_num_threads(), "python": platform.python_version()},
        "versions": {name: _version(name) for name in PACKAGES},
        **about,
        "rows": rows,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=1) + "\n")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

"""What adding tasks did to those there were: error ÷ persistence before and after, and whether a bit changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from rich.box import SIMPLE_HEAD
from rich.table import Table

from unistd.core.data.windows import Windows
from unistd.core.forecaster import Forecaster

METRIC = "mse"
"""Is among the scores of every task."""


@torch.inference_mode()
def same_bits(before: Forecaster, after: Forecaster, windows: Windows, task: str, batch: int) -> bool:
    """Tell whether two models forecast every window of ``task`` alike, to the bit."""
    device = next(after.parameters()).device
    for first in range(0, len(windows), batch):
        past, _ = windows.read(np.arange(first, min(first + batch, len(windows))))
        one, other = (model.forecast(task, past.to(device)) for model in (before, after))
        if not torch.equal(one, other):
            return False
    return True


def compared(
    before: Mapping[str, Any], after: Mapping[str, Any], same: Mapping[str, bool], split: str
) -> dict[str, dict[str, Any]]:
    """Return for each task its error ÷ persistence ``before`` and ``after``, and whether its forecasts are the same.

    Args:
        before: The old tasks' entries of ``metrics.json``.
        after: All tasks' entries.
        same: Of each old task.
        split: What was scored.
    """
    return {
        task: {
            "before": _ratio(before[task], split) if task in before else None,
            "after": _ratio(own, split),
            "bit_equal": same.get(task),
        }
        for task, own in after.items()
    }


def _ratio(record: Mapping[str, Any], split: str) -> float:
    """Return error ÷ persistence; the plain error where persistence makes none."""
    return float(record[split][METRIC] / (record["baselines"]["persistence"][METRIC] or 1.0))


def before_after_table(rows: Mapping[str, Mapping[str, Any]], split: str) -> Table:
    """Return ``compared`` as a table."""
    title = f"Mean squared error ÷ persistence on the {split} split"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in ("task", "before", "after", "after ÷ before", "outputs"):
        table.add_column(column, justify="left" if column in ("task", "outputs") else "right")
    for task, row in rows.items():
        before, after = row["before"], row["after"]
        outputs = "new" if before is None else "bit-equal" if row["bit_equal"] else "changed"
        change = f"{after / before:.3f}" if before else "-"
        table.add_row(task, "-" if before is None else f"{before:.4f}", f"{after:.4f}", change, outputs)
    return table

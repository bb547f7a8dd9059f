"""What to do when memory runs out in a step: which task it was, and what would have fitted."""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch

from unistd.core.errors import UnistdError


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether ``error`` says that memory ran out, of a GPU or of the processor."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def fitting(windows: int, attempt: Callable[[int], object]) -> int:
    """Return the largest halving of ``windows`` that ``attempt`` has memory for, 0 if not even one."""
    while windows := windows // 2:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            attempt(windows)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        else:
            return windows
    return 0


def out_of_memory(task: str, step: int, windows: int, fits: int | None, processes: int = 1) -> UnistdError:
    """Return the error of a batch, ``windows`` for each of ``processes``, where ``fits`` fit, if that is known."""
    said = f"memory ran out at step {step}, in a batch of {windows} windows of task '{task}'"
    if fits is None:
        return UnistdError(said, help=f"start anew with a smaller tasks.{task}.batch, or a larger training.accumulate")
    if not fits:
        return UnistdError(f"{said}; not even one window fits", help="a smaller trunk or head, or a larger device")
    count = next(parts for parts in range(-(-windows // fits), windows + 1) if windows % parts == 0)
    help_ = (
        f"start anew with tasks.{task}.batch={fits * processes}, or with training.accumulate={count} for the same batch"
    )
    return UnistdError(f"{said}; {fits} fit", help=help_)

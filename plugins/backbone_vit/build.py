"""What building a trunk takes in either library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

import torch

from unistd.core.errors import ModelError


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from ``seed`` inside, and leave every global random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would also touch the accelerators
        yield


def nearest(variant: str, known: Sequence[str]) -> str:
    """Return the three names of ``known`` that are most like ``variant``."""
    return "nearest: " + ", ".join(get_close_matches(variant, known, n=3, cutoff=0.0))


def check_sizes(source: str | Path | None, depth: int | None, width: int | None, heads: int | None) -> None:
    """Refuse sizes that cannot be.

    Raises:
        ModelError: A size is below one, or weights are given for another width or number of heads.
    """
    for name, size in (("depth", depth), ("width", width), ("heads", heads)):
        if size is not None and size < 1:
            raise ModelError(f"{name} '{size}' is less than 1")
        if size is not None and source is not None and name != "depth":
            raise ModelError(
                f"{name} '{size}' cannot be had from the pre-trained weights '{source}'",
                help=f"leave out '{name}' or say 'pretrained: false'",
            )

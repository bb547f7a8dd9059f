"""What building a trunk takes in either library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

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

    Weights do not tell the number of heads, so a file of ``unistd pretrain`` says what it was made with.

    Raises:
        ModelError: A size is below one, or weights are given for another width or number of heads.
    """
    made_with = _recorded_sizes(source)
    for name, size in (("depth", depth), ("width", width), ("heads", heads)):
        if size is not None and size < 1:
            raise ModelError(f"{name} '{size}' is less than 1")
        if name == "depth" or source is None or made_with.get(name) == size:
            continue
        if name in made_with:
            raise ModelError(
                f"the weights '{source}' were pre-trained with {name} '{made_with[name]}'",
                help=f"say '{name}: {made_with[name]}'",
            )
        if size is not None:
            raise ModelError(
                f"{name} '{size}' cannot be had from the pre-trained weights '{source}'",
                help=f"leave out '{name}' or say 'pretrained: false'",
            )


def _recorded_sizes(source: str | Path | None) -> dict[str, int]:
    """Return width and heads that a weight file says it was made with; those of its variant it does not name."""
    if not isinstance(source, Path) or source.suffix != ".safetensors" or not source.is_file():
        return {}
    try:
        with safe_open(source, framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError:  # said by what reads the weights
        return {}
    return {name: int(metadata[name]) for name in ("width", "heads") if name in metadata and "unistd" in metadata}

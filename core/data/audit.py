"""What is wrong with a store: damage, changed raw files, frames that two splits share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.store import Store
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Split

_NAMED = 5  # frames that a finding names


class Finding(NamedTuple):
    """One thing found: ``problem`` or ``note``, and what it is."""

    level: str
    what: str


def audit(store: Store) -> Iterator[Finding]:
    """Give everything that is wrong with ``store`` or worth knowing of it; every frame is read once."""
    hashes, flat, whole = _read(store)
    if whole != store.digest:
        yield Finding("problem", f"the content is not what was written: its digest is '{whole}', not '{store.digest}'")
    yield from _raw_files(store)
    yield from _gaps(store)
    yield from _shared(store, hashes, flat)


def _read(store: Store) -> tuple[list[bytes], set[bytes], str]:
    """Return a hash of each frame, those of frames of one value, and that of the store as when it was written."""
    whole, hashes, flat = store.hash_of_facts(), [], set()
    for raw in store.shards():
        whole.update(hashlib.sha256(np.ascontiguousarray(raw).data).digest())
        for frame in raw:
            hashes.append(hashlib.sha256(np.ascontiguousarray(frame).data).digest())
            known = frame[frame == frame]  # without NaN
            if not known.size or (known == known[0]).all():
                flat.add(hashes[-1])
    return hashes, flat, str(whole.hexdigest())


def _raw_files(store: Store) -> Iterator[Finding]:
    gone = [file for file in store.source_files if not Path(file).is_file()]
    if gone:
        yield Finding("note", f"raw files that are no longer there: {len(gone)}, such as '{gone[0]}'")
    for file, known in store.source_files.items():
        if file not in gone:
            with Path(file).open("rb") as handle:
                if hashlib.file_digest(handle, "sha256").hexdigest() != known:
                    yield Finding("problem", f"raw file '{file}' is no longer the one that was converted")


def _gaps(store: Store) -> Iterator[Finding]:
    pieces = len(np.unique(store.sequence))
    if pieces > 1:
        yield Finding("note", f"{pieces} unbroken runs of frames; no window crosses from one to another")
    missing = 1 - store.valid.sum() / max(1, len(store) * len(store.card.channels) * store.grid[0] * store.grid[1])
    if missing:
        yield Finding("note", f"{missing:.2%} of all values are missing, {(store.valid == 0).sum()} frames altogether")


def _shared(store: Store, hashes: list[bytes], flat: set[bytes]) -> Iterator[Finding]:
    """Find frames that lie in windows of two splits; one that is the same value all over tells nothing."""
    used = {}
    for split in SPLITS:
        used[split] = _in_windows(store, split)
        if not used[split].any():
            yield Finding("note", f"split '{split}' has no window of the card's length")
    for one, other in combinations(SPLITS, 2):
        first = {hashes[i]: i for i in np.flatnonzero(used[one]) if hashes[i] not in flat}
        both = [(first[hashes[i]], i) for i in np.flatnonzero(used[other]) if hashes[i] in first]
        if both:
            named = ", ".join(f"{a} ({store.times[a]}) = {b} ({store.times[b]})" for a, b in both[:_NAMED])
            yield Finding("problem", f"splits '{one}' and '{other}' share {len(both)} frames bit for bit: {named}")


def _in_windows(store: Store, split: Split) -> NDArray[np.bool_]:
    used = np.zeros(len(store), bool)
    try:
        windows = Windows(store, split, store.card.window.past, store.card.window.future)
    except DataError:
        return used
    for start in windows.starts:
        used[start : start + windows.past + windows.future] = True
    return used

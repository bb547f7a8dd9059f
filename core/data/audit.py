"""What is wrong with a store: damage, changed raw files, values its card rules out, frames that two splits share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.checksum import checksum
from unistd.core.data.finding import AGAIN, Finding, named, named_pairs
from unistd.core.data.near import block_means, block_side, near_copies, signatures, steps_in_time
from unistd.core.data.raw import data_folders
from unistd.core.data.store import Store, decode
from unistd.core.data.values import Values
from unistd.core.data.windows import Windows
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Split

_AT_ONCE = 2**27  # bytes of physical values
_APART = "divide the frames so that what is copied lies in one split"


@dataclass(frozen=True)
class _Content:
    """What one pass over all frames gives.

    Attributes:
        digest: Of the store, as when it was written.
        hashes: Of each frame.
        flat: (time,) whether a frame has one value all over, or none.
        means: (time, S) block means of each frame.
        values: What the values are.
    """

    digest: str
    hashes: list[bytes]
    flat: NDArray[np.bool_]
    means: NDArray[np.float32]
    values: Values


def audit(store: Store, sources: Sequence[Path] = ()) -> Iterator[Finding]:
    """Give everything that is wrong with ``store`` or worth knowing of it; every frame is read once.

    The store may come from anybody, so that of the raw files it names only such are read as lie in ``sources``, in the
    folders that data is kept in, in the working folder or beside the store.

    Raises:
        DataError: It names another one, or frames cannot be read.
    """
    _check_raw_files(store, sources)
    content = _read(store)
    if content.digest != store.digest:
        what = f"the content is not what was written: its digest is '{content.digest}', not '{store.digest}'"
        yield Finding("problem", what, AGAIN)
    yield from _raw_files(store)
    yield from _gaps(store)
    yield from content.values.findings()
    yield from _stuck(store, content)
    yield from _shared(store, content)


def _read(store: Store) -> _Content:
    whole, values = store.hash_of_facts(), Values(store)
    hashes: list[bytes] = []
    flat, means = [], []
    side = block_side(len(store), len(store.card.channels))
    step = max(1, _AT_ONCE // (4 * len(store.card.channels) * store.grid[0] * store.grid[1]))
    for raw in store.shards():
        whole.update(hashlib.sha256(np.ascontiguousarray(raw).data).digest())
        for part in (raw[at : at + step] for at in range(0, len(raw), step)):
            frames = decode(part, store.card)  # whatever is held, this is what lies on the disk
            values.add(len(hashes), frames)
            means.append(block_means(frames, side))
            hashes += [hashlib.sha256(np.ascontiguousarray(frame).data).digest() for frame in part]
            flat += [_is_flat(frame) for frame in frames]
    return _Content(str(whole.hexdigest()), hashes, np.array(flat), np.concatenate(means), values)


def _is_flat(frame: NDArray[np.float32]) -> bool:
    known = frame[~np.isnan(frame)]
    return not known.size or bool((known == known[0]).all())


def _check_raw_files(store: Store, sources: Sequence[Path]) -> None:
    within = [folder.resolve() for folder in (*sources, *data_folders(), Path(), store.path.resolve().parent)]
    for file in store.source_files:
        path = None if "\0" in file else Path(file).resolve()
        if path is None or not any(path.is_relative_to(folder) for folder in within):
            message = f"the store names '{file[:200]}' as a raw file, which lies where no raw files are known to be"
            own = str(Path(file).parent) if path else "FOLDER"
            help_ = f"if it is yours, name its folder: unistd data check STORE --source {own[:200]}"
            raise DataError(message, where=str(store.path), help=help_)


def _raw_files(store: Store) -> Iterator[Finding]:
    gone = [file for file in store.source_files if not (Path(file).is_file() or Path(file).is_dir())]
    if gone:
        yield Finding("note", f"raw files that are no longer there: {len(gone)}, such as '{gone[0]}'")
    for file, known in store.source_files.items():
        if file not in gone and checksum(Path(file)) != known:
            what, old = f"raw file '{file}' is no longer the one that was converted", "file"
            if Path(file).is_dir():
                what, old = f"folder '{file}' of raw files no longer holds those that were converted", "files"
            yield Finding(
                "problem", what, f"bring the old {old} back, or remove the store's folder and prepare it again"
            )


def _gaps(store: Store) -> Iterator[Finding]:
    last = np.flatnonzero(np.diff(store.sequence))
    if len(last):
        what = f"{len(last) + 1} unbroken runs of frames; no window crosses from one to another"
        yield Finding("note", f"{what}: {named_pairs(store, [(int(i), int(i) + 1) for i in last], '|')}")


def _stuck(store: Store, content: _Content) -> Iterator[Finding]:
    again = [
        i
        for i in range(1, len(store))
        if content.hashes[i] == content.hashes[i - 1]
        and store.sequence[i] == store.sequence[i - 1]
        and not content.flat[i]
    ]
    if again:
        what = f"{len(again)} frames are bit for bit the one before them: {named(store, again)}"
        yield Finding("note", what, "if a recorder stood still there, leave these frames out of the raw files")


def _shared(store: Store, content: _Content) -> Iterator[Finding]:
    """Find frames that lie in windows of two splits; one that is the same value all over tells nothing."""
    used, hashes = {}, content.hashes
    for split in SPLITS:
        used[split] = _in_windows(store, split)
        if not used[split].any():
            yield Finding("note", f"split '{split}' has no window of the card's length")
    rows = signatures(content.means, len(store.card.channels))
    steps, reach = steps_in_time(rows, store.sequence), store.card.window.past + store.card.window.future
    for one, other in combinations(SPLITS, 2):
        mine, its = (np.flatnonzero(used[split] & ~content.flat) for split in (one, other))
        first = {hashes[i]: int(i) for i in mine}
        same = [(first[hashes[i]], int(i)) for i in its if hashes[i] in first]
        if same:
            what = f"splits '{one}' and '{other}' share {len(same)} frames bit for bit"
            yield Finding("problem", f"{what}: {named_pairs(store, same, '=')}", _APART)
        near = [(a, b) for a, b in near_copies(rows, steps, mine, its, reach) if hashes[b] not in first]
        if near:
            what = f"splits '{one}' and '{other}' share {len(near)} frames that are nearly the same"
            yield Finding("problem", f"{what}: {named_pairs(store, near, '≈')}", _APART)


def _in_windows(store: Store, split: Split) -> NDArray[np.bool_]:
    used = np.zeros(len(store), bool)
    try:
        windows = Windows(store, split, store.card.window.past, store.card.window.future)
    except DataError:
        return used
    for start in windows.starts:
        used[start : start + windows.past + windows.future] = True
    return used

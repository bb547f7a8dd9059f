"""KITTI to train on and Caltech Pedestrian to be tested on, as PredNet began and OpenSTL goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import DataError
from unistd.core.task import Channel, FrameSequence, Protocol, Split, Task, TaskCard, Window
from unistd.plugins.driving.arrays import hickle_array, hickle_words, open_npy, read_hickle, read_npy
from unistd.plugins.driving.images import in_blocks, read_image, scaled
from unistd.plugins.driving.norpix import Image, read_index

PAST, FUTURE, HEIGHT, WIDTH, STEP = 10, 1, 128, 160, 100
LENGTH = PAST + FUTURE
EVERY = 3  # Caltech's 30 frames a second to KITTI's 10
SETS = ("set06", "set07", "set08", "set09", "set10")
HICKLE, CALTECH, NPY = "kitti_hkl", "caltech", "kitticaltech_npy"
CARVED = 10  # of OpenSTL's arrays the last tenth of the training windows validates


class KittiCaltech(Task):
    """The view ahead, scaled to 128 pixels of height by a triangle filter, of which the central 160 columns are kept.

    In ``root`` lie PredNet's frames of KITTI, ``kitti_hkl/{X,sources}_{train,val}.hkl``, and Caltech Pedestrian's test
    sets as given out, ``caltech/set{06,…,10}/V<n>.seq``, of which every third frame is taken. Where ``kitti_hkl`` is
    not, OpenSTL's arrays ``kitticaltech_npy/{train,test}_{data,idx}.npy`` do for its own protocol; their colours stay
    as they come. Of the other files all frames are red, green and blue, while OpenSTL reads Caltech's as blue, green
    and red and scales them by another low-pass.

    Args:
        root: Folder of both.
        protocol: Which windows are trained on.
    """

    protocols = (
        Protocol(
            name="unistd",
            summary="Windows of 11 frames: of PredNet's training drives those that begin at every frame, of its"
            " validation drive (city 0005) and of each Caltech video non-overlapping ones counted from the end. Values"
            " in [0, 1].",
            mends="OpenSTL chooses the model on its test set, validation here is a drive of its own; and OpenSTL trains"
            " on every eleventh window only. Test windows are OpenSTL's.",
        ),
        Protocol(
            name="openstl",
            summary="Non-overlapping windows of 11 frames, counted from the end of each of PredNet's training drives"
            " and of each Caltech video. Values in [0, 1].",
            mends="OpenSTL validates on its test set. So that no choice sees the test, validation is PredNet's own"
            " (city 0005), which OpenSTL leaves unused; of OpenSTL's arrays, which lack it, the last tenth of the"
            " training windows. Training (but for that tenth) and test windows are OpenSTL's.",
        ),
    )
    card = TaskCard(
        name="kitti-caltech",
        discipline="driving",
        version="1",
        channels=tuple(Channel(name=colour, unit="1") for colour in ("red", "green", "blue")),
        step=(STEP, "ms"),
        window=Window(past=PAST, future=FUTURE),
        normalization="range",
        value_range=(0.0, 1.0),
        scale_factor=1 / 255,
        source="PredNet's kitti_data.zip (github.com/coxlab/prednet, download_data.sh);"
        " data.caltech.edu/records/f6rph-90m20, set06 to set10",
        licence="KITTI: CC BY-NC-SA 3.0; Caltech Pedestrian: as its record says",
        size="2.6 GB of hickle files and some gigabytes of .seq",
    )

    def __init__(self, *, root: Path | None = None, protocol: Literal["unistd", "openstl"] = "unistd") -> None:
        self.root = root
        self.card = replace(
            self.card, protocol=protocol, stride=(1 if protocol == "unistd" else LENGTH, LENGTH, LENGTH)
        )

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "kitti_caltech")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each drive, then each video, as a lazy sequence of (3, 128, 160) bytes; of OpenSTL's arrays each window.

        Raises:
            DataError: A file is missing, damaged or not what it should be, or ``unistd`` has only arrays.
        """
        folder = self.folder()
        if (folder / NPY).is_dir() and not (folder / HICKLE).is_dir():
            yield from self._arrays(folder / NPY)
            return
        for split in ("train", "val"):
            yield from self._drives(raw_folder(folder / HICKLE, HICKLE), split)
        caltech = raw_folder(folder / CALTECH, CALTECH)
        for name in SETS:
            yield from _videos(raw_folder(caltech / name, name))

    def _drives(self, folder: Path, split: Literal["train", "val"]) -> Iterator[FrameSequence]:
        path, names = raw_file(folder, f"X_{split}.hkl"), raw_file(folder, f"sources_{split}.hkl")
        shape, dtype = hickle_array(path)
        drives = hickle_words(names)
        if shape != (len(drives), HEIGHT, WIDTH, 3) or dtype != np.uint8:
            message = f"holds frames of shape '{shape}' and type '{dtype}', not {len(drives)} of 128×160×3 bytes"
            raise DataError(message, where=str(path))
        for drive, rows in groupby(range(len(drives)), key=lambda row: drives[row]):
            frames = list(rows)
            every = self.card.stride[0] == 1 and split == "train"
            first = frames[0] if every else from_end(len(frames)) + frames[0]
            if first <= frames[-1]:  # a drive shorter than a window has none
                rows_of_it = range(first, frames[-1] + 1)
                lazy = in_blocks(partial(read_hickle, path=path), rows_of_it, (HEIGHT, WIDTH))
                yield _sequence(f"{path.name}, {drive}", lazy, len(rows_of_it), split, (path, names))

    def _arrays(self, folder: Path) -> Iterator[FrameSequence]:
        if self.card.protocol != "openstl":
            message = f"protocol '{self.card.protocol}' needs '{HICKLE}', whose frames have names of drives"
            raise DataError(message, where=str(folder), help="protocol: openstl takes these arrays")
        paths = {name: raw_file(folder, f"{name}.npy") for name in ("train_data", "train_idx", "test_data", "test_idx")}
        train, test = _starts(paths, "train"), _starts(paths, "test")
        kept = len(train) - max(1, len(train) // CARVED)
        whole = {open_npy(paths[f"{part}_data"]).dtype for part in ("train", "test")} == {np.dtype(np.uint8)}
        parts: tuple[tuple[Split, str, NDArray[Any]], ...] = (
            ("train", "train", train[:kept]),
            ("val", "train", train[kept:]),
            ("test", "test", test),
        )
        for split, part, starts in parts:
            files = (paths[f"{part}_data"], paths[f"{part}_idx"])
            read = partial(read_npy if whole else _read_shares, path=files[0])
            for start in starts:
                rows = range(int(start), int(start) + LENGTH)
                lazy = in_blocks(read, rows, (HEIGHT, WIDTH), np.uint8 if whole else np.float32)
                yield _sequence(f"{files[0].name}, from frame {start}", lazy, LENGTH, split, files)


def from_end(count: int) -> int:
    """Return how many of ``count`` frames are left over at the beginning if windows are counted from the end."""
    return count % LENGTH


def _videos(folder: Path) -> Iterator[FrameSequence]:
    paths = sorted(folder.glob("V*.seq"))
    if not paths:
        raise DataError("no video 'V*.seq'", where=str(folder), help="unpack the set's archive again")
    for path in paths:
        images = read_index(path)[EVERY - 1 :: EVERY]
        if images := images[from_end(len(images)) :]:
            lazy = in_blocks(partial(_read_seq, path=path), images, (HEIGHT, WIDTH))
            yield _sequence(f"{folder.name}/{path.name}", lazy, len(images), "test", (path,))


def _read_seq(images: Sequence[Image], path: Path) -> NDArray[np.uint8]:
    frames = []
    with path.open("rb") as file:
        for image in images:
            file.seek(image.offset)
            picture = read_image(file.read(image.length), f"{path}, byte {image.offset}")
            frames.append(np.asarray(scaled(picture, HEIGHT, WIDTH)))
    return np.stack(frames)


def _starts(paths: dict[str, Path], part: str) -> NDArray[Any]:
    data, starts = open_npy(paths[f"{part}_data"]), np.sort(open_npy(paths[f"{part}_idx"]))
    path = paths[f"{part}_data"]
    if data.shape[1:] != (HEIGHT, WIDTH, 3) or data.dtype.kind not in "uf":
        message = f"holds frames of shape '{data.shape}' and type '{data.dtype}', not (N, {HEIGHT}, {WIDTH}, 3)"
        raise DataError(message, where=str(path))
    if starts.ndim != 1 or not len(starts) or starts[0] < 0 or starts[-1] + LENGTH > len(data):
        message = f"windows begin at '{starts}', which does not fit {len(data)} frames"
        raise DataError(message, where=str(paths[f"{part}_idx"]))
    return starts


def _read_shares(rows: range, path: Path) -> NDArray[np.float32]:
    frames = read_npy(rows, path)
    return np.asarray(frames if frames.dtype == np.uint8 else frames * 255, np.float32)  # the card divides by 255


def _sequence(name: str, frames: object, count: int, split: Split, files: Sequence[Path]) -> FrameSequence:
    times = np.datetime64(0, "ms") + STEP * np.arange(count)
    return FrameSequence(name=name, frames=frames, times=times, split=split, files=tuple(map(str, files)))

"""BAIR robot pushing: a robot's arm among objects, filmed from the side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import dask.array as da
import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray

from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Channel, FrameSequence, Protocol, Split, Task, TaskCard, Window
from unistd.plugins.motion.array_file import map_bytes
from unistd.plugins.motion.tfrecord import bytes_features, count_records, read_records

FRAMES, SIDE = 30, 64
KEY = "{frame}/image_aux1/encoded"  # the camera of all published scores
TRAJECTORIES = {"train": 43_264, "test": 256}
VAL_FILES = 20  # one of so many training files validates
CENTRED = slice(9, 21)  # PredBench's test window: the middle 12 of 30 frames, rounded down
STEP = 100  # ms

Name = Literal["unistd", "openstl", "predbench"]
WINDOWS = {"unistd": (2, 10), "openstl": (4, 12), "predbench": (2, 10)}


class Bair(Task):
    """Trajectories of 30 colour frames (3, 64, 64) from camera ``image_aux1`` (protocols §5).

    The files are those of ``softmotion30_44k``, or for predbench the arrays it was re-packed into. The 10 frames a
    second are a convention.

    Args:
        root: Folder of ``train/*.tfrecords`` and ``test/*.tfrecords``; for predbench of ``train.npy``, ``val.npy`` and
            ``test.npy``, (n, 30, 64, 64, 3) bytes each.
        protocol: Which of ``protocols``.
    """

    protocols: ClassVar = (
        Protocol(
            name="unistd",
            summary="2→10, every window of the official train and test folders; the last twentieth of the training"
            " files is val. With window 4→12 the test windows are OpenSTL's 3840",
            mends="openstl chooses the model on the test split; predbench's val and test arrays were never published",
        ),
        Protocol(
            name="openstl",
            summary="4→12, every window: 648 960 train from the official train folder, val = test = 3840 from test",
            mends="keeps its fault: the model is chosen on the test split",
        ),
        Protocol(
            name="predbench",
            summary="2→10, every window of train.npy, frames 9 to 20 of each trajectory in val.npy and test.npy",
            mends="keeps its fault: which camera and trajectories the arrays hold was never published",
        ),
    )

    def __init__(self, *, root: Path | None = None, protocol: Name = "unistd") -> None:
        self.root = root
        self.protocol = protocol

    @property
    def card(self) -> TaskCard:
        """What the frames are."""
        past, future = WINDOWS[self.protocol]
        return TaskCard(
            name="bair",
            discipline="motion",
            version="1",
            channels=tuple(Channel(name=name, unit="1") for name in ("red", "green", "blue")),
            step=(STEP, "ms"),
            window=Window(past=past, future=future),
            normalization="range",
            value_range=(0.0, 1.0),
            scale_factor=1 / 255,
            protocol=self.protocol,
            source="bair_robot_pushing_dataset_v0.tar from rail.eecs.berkeley.edu/datasets (Ebert et al. 2017)",
            licence="none stated in the archive; see the source",
            size="30 GB, 16 GB of them used",
        )

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "softmotion30_44k" if self.protocol != "predbench" else "bair")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each file as a lazy sequence of (3, 64, 64) bytes, with a gap in time after each trajectory.

        Raises:
            DataError: A file or trajectory is missing, unreadable or damaged; its frames mostly when they are computed.
        """
        folder = self.folder()
        if self.protocol == "predbench":
            for split in SPLITS:
                yield _array(raw_file(folder, f"{split}.npy"), split)
            return
        train, test = record_files(folder / "train"), record_files(folder / "test")
        val = test
        if self.protocol == "unistd":
            held_out = max(1, len(train) // VAL_FILES)
            train, val = train[:-held_out], train[-held_out:]
        for split, files in zip(SPLITS, (train, val, test), strict=True):
            for path, count in files:
                shape = (count * FRAMES, 3, SIDE, SIDE)
                frames = da.from_delayed(delayed(read_trajectories)(path, count), shape, dtype=np.uint8)  # type: ignore[no-untyped-call]
                yield _sequence(path, frames, count, FRAMES, split)


def record_files(folder: Path) -> list[tuple[Path, int]]:
    """Return the files of ``folder`` in the order of their trajectories, and how many each holds.

    Raises:
        DataError: The folder is missing, a file's records are not those of its name, or some trajectories are missing.
    """
    if not folder.is_dir():
        raise DataError(f"no folder '{folder.name}'", where=str(folder), help="unpack softmotion30_44k here")
    counts: dict[Path, int] = {}
    for path in sorted(folder.glob("*.tfrecords"), key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)]):
        match = re.fullmatch(r"traj_(\d+)_to_(\d+)\.tfrecords", path.name)
        if match is None:
            raise DataError(f"'{path.name}' is not named 'traj_<first>_to_<last>.tfrecords'", where=str(path))
        counts[path] = count_records(path)
        if counts[path] != (named := int(match[2]) - int(match[1]) + 1):
            message = f"holds '{counts[path]}' trajectories instead of the {named} of its name"
            raise DataError(message, where=str(path), help="fetch the file again")
    if (total := sum(counts.values())) != TRAJECTORIES[folder.name]:
        message = f"the files hold '{total}' trajectories together instead of {TRAJECTORIES[folder.name]}"
        names = ", ".join(path.name for path in list(counts)[-2:]) or "none"
        raise DataError(message, where=str(folder), help=f"unpack the archive again; the last files are {names}")
    return list(counts.items())


def read_trajectories(path: Path, count: int) -> NDArray[np.uint8]:
    """Read the frames (count · 30, 3, 64, 64) of one file.

    Raises:
        DataError: A record is damaged, lacks a frame, or a frame has another size; names file, record and key.
    """
    frames = np.empty((count, FRAMES, SIDE, SIDE, 3), np.uint8)
    for number, record in enumerate(read_records(path)):
        try:
            features = bytes_features(record)
        except ValueError as error:
            raise DataError(f"record '{number}' is no tf.train.Example: {error}", where=str(path)) from error
        for frame in range(FRAMES):
            key = KEY.format(frame=frame)
            if key not in features:
                raise DataError(f"record '{number}' has no frame '{key}'", where=str(path))
            if len(features[key]) != SIDE * SIDE * 3:
                message = f"'{key}' of record {number} has {len(features[key])} bytes instead of {SIDE}·{SIDE}·3"
                raise DataError(message, where=str(path))
            frames[number, frame] = np.frombuffer(features[key], np.uint8).reshape(SIDE, SIDE, 3)
    return frames.reshape(-1, SIDE, SIDE, 3).transpose(0, 3, 1, 2)


def _array(path: Path, split: Split) -> FrameSequence:
    videos = map_bytes(path, [(None, FRAMES, SIDE, SIDE, 3)])
    if split != "train":
        videos = videos[:, CENTRED]
    count, length = videos.shape[:2]
    lazy = da.from_array(videos, chunks=(256, -1, -1, -1, -1), name=False)  # type: ignore[no-untyped-call]
    return _sequence(path, lazy.reshape(-1, SIDE, SIDE, 3).transpose(0, 3, 1, 2), count, length, split)


def _sequence(path: Path, frames: Any, count: int, length: int, split: Split) -> FrameSequence:
    # A frame's time is left out after each trajectory, so that no window crosses into the next one.
    number = np.arange(count)[:, None] * (length + 1) + np.arange(length)
    times = np.datetime64(0, "ms") + STEP * number.ravel()
    return FrameSequence(name=path.name, frames=frames, times=times, split=split, files=(str(path),))

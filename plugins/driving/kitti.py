"""KITTI's raw recordings: drives around Karlsruhe, ten frames a second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Channel, FrameSequence, Protocol, Split, Task, TaskCard, Window
from unistd.plugins.driving.images import in_blocks, read_files, stretched
from unistd.plugins.driving.kitti_drives import DRIVES

STRETCHED, HEIGHT, WIDTH, STEP = (424, 128), 128, 160, 100
CAMERA = Path("image_03", "data")


class Kitti(Task):
    """The view of the right-hand colour camera, stretched to 424×128 pixels, of which the central 160 columns are kept.

    In ``root`` lies one of two trees. As KITTI gives it out, its ``_sync`` archives unpacked:
    ``<date>/<date>_drive_<number>_sync/image_03/data/<frame>.png`` with ``image_03/timestamps.txt``. Or as PredBench
    lays it out: ``{train,val,test}/<date>_drive_<number>_sync/<frame>.png``, which knows no times. Drives are those of
    PredBench's lists, 50 that train, 6 that validate, 6 that test, and each must have as many frames as listed. Which
    camera PredBench took is not known; this one is PredNet's. Pixels are interpolated bilinearly without a low-pass, as
    in PredBench.

    Args:
        root: Folder of one of the trees.
        protocol: Whether windows respect gaps in the recording and reach to the end of a drive.
    """

    protocols = (
        Protocol(
            name="unistd",
            summary="PredBench's splits, by drive. Windows of 20 frames begin at every fourth frame of a training drive"
            " and at every frame of a validation or test drive; none crosses a place where the camera's clock leaps or"
            " a number is missing. At most 9,221, 2,230 and 2,204 windows. Values in [0, 1].",
            mends="PredBench loses the last window of every drive and takes frames for neighbours whatever their time."
            " Its lists are kept: PredNet's test drives 0070 and 0104 are in its training part, and its test drives in"
            " that of kitti-caltech, so a model of both tasks has seen the test frames of this one.",
        ),
        Protocol(
            name="predbench",
            summary="PredBench's splits, by drive. Windows of 20 frames begin at every fourth frame of a training drive"
            " and at every frame of a validation or test drive, except for the last window of each drive: 9,209, 2,224"
            " and 2,198 windows. Values in [0, 1].",
            mends="Kept: times are not looked at, and the last window of a drive is lost.",
        ),
    )
    card = TaskCard(
        name="kitti",
        discipline="driving",
        version="1",
        channels=tuple(Channel(name=colour, unit="1") for colour in ("red", "green", "blue")),
        step=(STEP, "ms"),
        window=Window(past=10, future=10),
        normalization="range",
        value_range=(0.0, 1.0),
        scale_factor=1 / 255,
        stride=(4, 1, 1),
        source="cvlibs.net/datasets/kitti/raw_data.php, synced+rectified data (registration)",
        licence="CC BY-NC-SA 3.0",
        size="42,420 PNG of 0.5 megapixels, some 35 GB of the archives",
    )

    def __init__(self, *, root: Path | None = None, protocol: Literal["unistd", "predbench"] = "unistd") -> None:
        self.root = root
        self.card = replace(self.card, protocol=protocol)

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "kitti")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each drive as a lazy sequence of (3, 128, 160) bytes.

        Raises:
            DataError: A drive, frame or clock is missing, or a file is damaged; mostly when frames are computed.
        """
        root = self.folder()
        for split in SPLITS:
            for date, drives in DRIVES[split].items():
                for number, count in drives.items():
                    yield self._drive(root, split, f"{date}_drive_{number:04d}_sync", count)

    def _drive(self, root: Path, split: Split, drive: str, count: int) -> FrameSequence:
        folder = drive_folder(root, split, drive)
        paths = frame_files(folder)
        if len(paths) != count:
            message = f"the drive has '{len(paths)}' frames instead of {count}"
            raise DataError(message, where=str(folder), help="unpack the drive's archive again")
        if self.card.protocol == "predbench":
            steps = np.arange(count)
            paths, steps = paths[:-1], steps[:-1]  # without its last frame a drive has all windows but the last
        else:
            steps = steps_of(folder, paths)
        return FrameSequence(
            name=drive,
            frames=in_blocks(partial(read_files, view=_view), paths, (HEIGHT, WIDTH)),
            times=np.datetime64(0, "ms") + STEP * steps,
            split=split,
            files=tuple(map(str, paths)),
        )


_view = partial(stretched, size=STRETCHED, width=WIDTH)


def drive_folder(root: Path, split: Split, drive: str) -> Path:
    """Return the folder of a drive's frames, in KITTI's tree or in PredBench's.

    Raises:
        DataError: It is in neither.
    """
    places = (root / drive[:10] / drive / CAMERA, root / split / drive)
    for place in places:
        if place.is_dir():
            return place
    looked = " and ".join(f"'{place}'" for place in places)
    raise DataError(f"no frames of drive '{drive}': looked at {looked}", help="unpack the drive's archive there")


def frame_files(folder: Path) -> list[Path]:
    """Return the frames of a drive in order of their numbers.

    Raises:
        DataError: A file has no number for a name.
    """
    paths = list(folder.glob("*.png"))
    for path in paths:
        if not path.stem.isdigit():
            raise DataError(f"'{path.stem}' is no number of a frame", where=str(path))
    return sorted(paths, key=lambda path: int(path.stem))


def steps_of(folder: Path, paths: list[Path]) -> NDArray[np.int64]:
    """Return how many frames after the first each of ``paths`` (time,) was taken.

    By the camera's clock if ``folder`` lies in KITTI's own tree, where frames are some 103 ms apart; else by number.

    Raises:
        DataError: The clock is missing, or not one that goes forward with each frame.
    """
    numbers: NDArray[np.int64] = np.array([int(path.stem) for path in paths])
    if folder.name != CAMERA.name:
        return np.asarray(numbers - numbers[0])
    clock = raw_file(folder.parent, "timestamps.txt")
    try:
        times = np.array(clock.read_text(encoding="ascii").split("\n"), "datetime64[ns]")
        times = times[~np.isnat(times)][numbers]
    except (ValueError, IndexError, OSError) as error:
        message = f"is no clock of {len(paths)} frames: {error}"
        raise DataError(message, where=str(clock), help="unpack the drive's archive again") from error
    passed = np.diff(times) / np.timedelta64(STEP, "ms")
    if (passed <= 0).any():
        at = int((passed <= 0).argmax()) + 1
        raise DataError(f"frame {numbers[at]} has time '{times[at]}', not later than the one before", where=str(clock))
    return np.asarray(np.cumsum([0, *np.maximum(np.rint(passed), 1).astype(np.int64)]))

"""Taxi flow in Beijing, the four half-years of TaxiBJ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Channel, Cycle, FrameSequence, Protocol, Split, Task, TaskCard, Window
from unistd.plugins.traffic.clips import check_npz, npy_clips, npz_clips
from unistd.plugins.traffic.hdf5 import hdf5_array

DAY, CLIP, FRAME = 48, 8, (2, 32, 32)
FILES = tuple(f"BJ{year}_M32x32_T30_InOut.h5" for year in (13, 14, 15, 16))
VAL, TEST = np.datetime64("2016-02-15T00:00", "m"), np.datetime64("2016-03-14T00:00", "m")
EPOCH = np.datetime64("1970-01-01T00:00", "m")

UNISTD = TaskCard(
    name="taxibj",
    discipline="traffic",
    version="1",
    channels=(Channel(name="inflow", unit="trips"), Channel(name="outflow", unit="trips")),
    step=(30, "m"),
    window=Window(past=4, future=4),
    normalization="range",
    value_range=(0.0, 1292.0),
    cycles=(Cycle(name="day", steps=DAY), Cycle(name="week", steps=7 * DAY)),
    protocol="unistd",
    source="github.com/TolicWang/DeepST, data/TaxiBJ: BJ13 to BJ16 (unistd); dataset.npz of "
    "github.com/chengtan9907/OpenSTL release v0.1.0, taxibj_dataset.zip (openstl)",
    licence="none stated; cite Zhang, Zheng and Qi, AAAI 2017",
    size="some 22,000 frames, 0.2 GB as 32-bit floats",
)
CARDS = {
    "unistd": UNISTD,
    # The archive holds no counts but their map onto [-1, 1], and no times, so there is no cycle either.
    "openstl": replace(
        UNISTD,
        protocol="openstl",
        channels=(Channel(name="inflow", unit="1"), Channel(name="outflow", unit="1")),
        scale_factor=0.5,
        add_offset=0.5,
        value_range=(0.0, 1.0),
        cycles=(),
    ),
    "predbench": replace(UNISTD, protocol="predbench", value_range=(0.0, 1250.0), cycles=()),
}


class TaxiBj(Task):
    """Taxis that enter (inflow) and leave (outflow) each of 32×32 cells of Beijing, per half hour.

    1292 is the largest flow that DeepST's scaler finds in the four files, and stands for 1 in its numbers.

    Args:
        root: Folder of the four ``BJ??_M32x32_T30_InOut.h5``; of ``dataset.npz`` for ``openstl``; of ``train.npy``,
            ``val.npy`` and ``test.npy`` for ``predbench``.
        protocol: Name of one of ``protocols``.
    """

    protocols = (
        Protocol(
            name="unistd",
            summary="4→4 at every half hour of the official files; the last four weeks (from 2016-03-14) test, "
            "the four before them validate, all else trains; flows ÷ 1292.",
            mends="OpenSTL validates on its test set and PredBench's cut is unknown: here validation is a part "
            "of its own, an embargo of 8 half hours lies between splits, and no window crosses missing "
            "half hours.",
        ),
        Protocol(
            name="openstl",
            summary="4→4 windows as cut in dataset.npz, mapped from [-1, 1] to [0, 1]; its test windows test, and"
            " the last of its training windows, as many as those, validate.",
            mends="OpenSTL chooses the model on the test windows: here the test windows are the same, but it is"
            " chosen on training windows taken out for that, and the 7 before these are left out, as "
            "windows in order of time would share frames. How train and test were cut is unknown.",
        ),
        Protocol(
            name="predbench",
            summary="4→4 windows as cut in train.npy, val.npy and test.npy (clips of 8 frames of counts); flows ÷"
            " 1250. A flow above 1250 is an error.",
            mends="How the three were cut was never published, so whether they share frames is unknown.",
        ),
    )

    def __init__(
        self, *, root: Path | None = None, protocol: Literal["unistd", "openstl", "predbench"] = "unistd"
    ) -> None:
        self.root = root
        self.protocol = protocol

    @property
    def card(self) -> TaskCard:
        """What the frames are under the protocol."""
        return CARDS[self.protocol]

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "taxibj")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each official file as one sequence of (2, 32, 32), or all clips of a split as one with gaps in time.

        Raises:
            DataError: A file is missing, unreadable, or not what the protocol says.
        """
        folder = self.folder()
        if self.protocol == "unistd":
            yield from map(read_record, [raw_file(folder, name) for name in FILES])
        elif self.protocol == "openstl":
            yield from openstl_clips(raw_file(folder, "dataset.npz"))
        else:
            for path, split in [(raw_file(folder, f"{split}.npy"), split) for split in SPLITS]:
                yield clip_sequence(npy_clips(path, CLIP, FRAME), split, path)


def read_record(path: Path) -> FrameSequence:
    """Read one official file.

    Raises:
        DataError: It is unreadable, its dates are none, or it does not hold one frame for each date.
    """
    with hdf5_array(path, "date", "data") as (dates, data):
        times = half_hours(dates[:], path)
        if data.shape != (len(times), *FRAME):
            raise DataError(f"'data' has shape '{data.shape}' instead of {(len(times), *FRAME)}", where=str(path))
        flow = data[:]
    split = np.select([times >= TEST, times >= VAL], ["test", "val"], "train")
    return FrameSequence(name=path.name, frames=flow, times=times, split=split, files=(str(path),))


def half_hours(dates: NDArray[Any], path: Path) -> NDArray[np.datetime64]:
    """Return when each half hour of ``dates`` (n,) begins, written as yyyymmdd and 01 to 48.

    Raises:
        DataError: One is written another way; names it.
    """
    times = np.empty(len(dates), "datetime64[m]")
    for number, date in enumerate(dates):
        text = date.decode("ascii", "replace") if isinstance(date, bytes) else str(date)
        try:
            slot = int(text[8:])
            times[number] = np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:8]}", "m") + 30 * (slot - 1)
        except ValueError:
            slot = 0
        if len(text) != 10 or not 1 <= slot <= DAY:
            raise DataError(f"date {number} is '{text}', no day and half hour 01 to {DAY} of it", where=str(path))
    return times


def openstl_clips(path: Path) -> Iterator[FrameSequence]:
    """Give the windows of OpenSTL's archive, validation carved from its training windows.

    Raises:
        DataError: It is damaged, or holds fewer training windows than that takes.
    """
    check_npz(path)
    train, test = (npz_clips(path, (f"X_{part}", f"Y_{part}"), FRAME) for part in ("train", "test"))
    for name, clips in (("train", train), ("test", test)):
        if clips.shape[1] != CLIP:
            raise DataError(f"windows of '{name}' have '{clips.shape[1]}' frames, not {CLIP}", where=str(path))
    kept = len(train) - len(test) - (CLIP - 1)
    if kept < 1:
        message = f"'{len(train)}' training windows are too few to validate on as many as the {len(test)} of the test"
        raise DataError(message, where=str(path))
    yield clip_sequence(train[:kept], "train", path)
    yield clip_sequence(train[len(train) - len(test) :], "val", path)
    yield clip_sequence(test, "test", path)


def clip_sequence(clips: Any, split: Split, path: Path) -> FrameSequence:
    """Return ``clips`` (n, T, C, H, W) as one sequence; a step left out after each keeps windows inside it."""
    count, length = clips.shape[:2]
    steps = np.arange(count)[:, None] * (length + 1) + np.arange(length)
    return FrameSequence(
        name=f"{path.name}, {split}",
        frames=clips.reshape(count * length, *clips.shape[2:]),
        times=EPOCH + 30 * steps.ravel(),
        split=split,
        files=(str(path),),
    )

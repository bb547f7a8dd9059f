"""KTH actions: people who walk, jog, run, box, wave and clap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import dask.array as da
import numpy as np
from dask.delayed import delayed

from unistd.core.data.raw import raw_folder
from unistd.core.errors import DataError, UsageError
from unistd.core.task import SPLITS, Channel, FrameSequence, Protocol, Split, Task, TaskCard, Window
from unistd.plugins.motion.kth_videos import FAST, SIDE, Video, avi_videos, image_videos

FAST_STRIDE = 3
PAST, STEP = 10, 40  # frames, ms
OPENSTL_WINDOWS: dict[Split, int] = {"train": 5200, "val": 3167, "test": 3167}  # of 10→20

Name = Literal["unistd", "openstl", "predbench"]
PEOPLE: dict[str, dict[Split, range]] = {
    "unistd": {"train": range(1, 15), "val": range(15, 17), "test": range(17, 26)},
    "openstl": {"train": range(1, 17), "val": range(17, 26), "test": range(17, 26)},
    "predbench": {"train": range(1, 15), "val": range(15, 17), "test": range(17, 26)},
}
PREDBENCH_STRIDE: dict[Split, int] = {"train": 20, "val": 10, "test": 30}


class Kth(Task):
    """Windows of grey frames (1, 128, 128) at 25 frames a second, 10→20 (protocols §7).

    Frames are resized by pillow's bilinear filter and rounded to whole bytes; the benchmarks' libraries do not average
    where they make a frame smaller.

    Args:
        root: Folder of the six actions' folders, or of the videos and ``00sequences.txt``.
        protocol: Which of ``protocols``.
        future: Frames to forecast after 10; ``None`` for 20, in predbench 10. 40 is the benchmark's kth40.
        frames: ``jpg`` for the images both benchmarks use, ``avi`` for the official videos.

    Raises:
        UsageError: ``avi`` in a benchmark's protocol.
    """

    protocols: ClassVar = (
        Protocol(
            name="unistd",
            summary="people 1–14 train, 15 and 16 val, 17–25 test; OpenSTL's windows: as far apart as they are long,"
            " every third frame in jogging and running; from avi the frames that 00sequences.txt names",
            mends="openstl chooses the model on the test split; its test windows are kept and two of its training"
            " people validate. Scores on avi are not comparable with the benchmarks': they use other frames",
        ),
        Protocol(
            name="openstl",
            summary="people 1–16 train, val = test = 17–25; windows as far apart as they are long, every third frame in"
            " jogging and running: 5200 and 3167 of 10→20",
            mends="keeps its fault: the model is chosen on the test split",
        ),
        Protocol(
            name="predbench",
            summary="10→10; people 1–14 train, 15 and 16 val, 17–25 test; windows 20, 10 and 30 frames apart, every"
            " third frame in jogging and running",
            mends="keeps its fault: which test windows there are depends on the order of folders; here they are sorted",
        ),
    )

    def __init__(
        self,
        *,
        root: Path | None = None,
        protocol: Name = "unistd",
        future: int | None = None,
        frames: Literal["jpg", "avi"] = "jpg",
    ) -> None:
        if frames == "avi" and protocol != "unistd":
            raise UsageError(
                f"protocol '{protocol}' is defined on the images, not on the videos: 'frames: avi' gives other windows",
                help="fetch kth_action.zip, or use protocol: unistd",
            )
        self.root = root
        self.protocol = protocol
        self.future = future or (10 if protocol == "predbench" else 20)
        self.frames = frames

    @property
    def card(self) -> TaskCard:
        """What the frames are."""
        return TaskCard(
            name="kth",
            discipline="motion",
            version="1",
            channels=(Channel(name="brightness", unit="1"),),
            step=(STEP, "ms"),
            window=Window(past=PAST, future=self.future),
            normalization="range",
            value_range=(0.0, 1.0),
            scale_factor=1 / 255,
            protocol=self.protocol,
            stride=(PAST + self.future,) * 3,  # a window is a sequence of its own, because strides differ by action
            source="kth_action.zip of github.com/chengtan9907/OpenSTL, release v0.1.0 (images); csc.kth.se/cvap/actions"
            " (videos and 00sequences.txt; Schuldt et al. 2004)",
            licence="non-commercial use",
            size="videos 1.1 GB in six zips",
        )

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "kth")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each window as a lazy sequence (10 + future, 1, 128, 128) of bytes; a video is read as a whole.

        Raises:
            DataError: A folder, video or list is missing or not whole; when frames are computed, one is damaged.
            MissingRequirement: Videos cannot be read on this machine.
        """
        folder, length = self.folder(), PAST + self.future
        videos = list(image_videos(folder) if self.frames == "jpg" else avi_videos(folder))
        times = np.datetime64(0, "ms") + STEP * np.arange(length)
        for split in SPLITS:
            chosen = [video for video in videos if video.person in PEOPLE[self.protocol][split]]
            stride = PREDBENCH_STRIDE[split] if self.protocol == "predbench" else length
            starts = clip_starts(chosen, length, stride)
            self._check_count(split, sum(map(len, starts)), folder)
            for video, inside in zip(chosen, starts, strict=True):
                shape = (len(video.numbers), 1, SIDE, SIDE)
                frames = da.from_delayed(delayed(video.read)(), shape, dtype=np.uint8)  # type: ignore[no-untyped-call]
                for start in inside:
                    yield FrameSequence(
                        name=f"{video.name}, frame {video.numbers[start]}",
                        frames=frames[start : start + length],
                        times=times,
                        split=split,
                        files=video.files,
                    )

    def _check_count(self, split: Split, count: int, folder: Path) -> None:
        if self.protocol == "openstl" and self.future == 20 and count != OPENSTL_WINDOWS[split]:
            message = (
                f"the images give '{count}' windows of 10→20 in split '{split}' instead of {OPENSTL_WINDOWS[split]}"
            )
            advice = "unpack kth_action.zip again, or use protocol: unistd if these are other images"
            raise DataError(message, where=str(folder), help=advice)


def clip_starts(videos: Sequence[Video], length: int, stride: int) -> list[list[int]]:
    """Return where windows of ``length`` frames begin in each video, by the benchmarks' scan from the last frame back.

    Windows are ``stride`` frames apart, those of jogging and running 3, and hold consecutive numbers. The scan runs on
    from one video into the one before, so a stride longer than a window can skip the end of that one.
    """
    owner = np.repeat(np.arange(len(videos)), [len(video.numbers) for video in videos])
    number = np.concatenate([np.asarray(video.numbers) for video in videos]) if videos else np.empty(0, int)
    first = np.searchsorted(owner, np.arange(len(videos)))
    starts: list[list[int]] = [[] for _ in videos]
    at = len(owner) - length
    while at >= 0:
        last = at + length - 1
        if owner[at] == owner[last] and number[last] - number[at] == length - 1:
            starts[owner[at]].append(int(at - first[owner[at]]))
            at -= FAST_STRIDE if videos[owner[at]].action in FAST else stride
        else:
            at -= 1
    return [inside[::-1] for inside in starts]

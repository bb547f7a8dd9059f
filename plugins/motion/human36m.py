"""Human3.6M: actors in a studio, seen by four cameras."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import dask.array as da
import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray
from PIL import Image

from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Channel, FrameSequence, Protocol, Split, Task, TaskCard, Window
from unistd.core.untrusted import leads_out, read_list as read_text
from unistd.plugins.motion.images import BICUBIC, BILINEAR, read_rgb

FRAMES, STEP, SIDE = 8, 5, 256
SPAN = (FRAMES - 1) * STEP  # from the first frame of a window to its last
LISTED = 70  # end − start of every line
OPENSTL, PREDBENCH = ("train.txt", "test.txt"), ("human_train.txt", "human_val.txt", "human_test.txt")
WINDOWS = dict(zip((*OPENSTL, *PREDBENCH), (73_404, 8_582, 66_063, 7_341, 8_582), strict=True))
VAL_TAKES = 10  # one of so many takes validates

Name = Literal["unistd", "openstl", "predbench"]


class Clip(NamedTuple):
    """A window's video, such as ``images/S1_Directions.54138969_``, and the number of its first frame."""

    prefix: str
    start: int


class Human36m(Task):
    """Windows of 8 colour frames (3, 256, 256), every fifth of the video, 4→4 (protocols §6).

    Args:
        root: Folder of ``images/`` and the lists: ``train.txt`` and ``test.txt`` as OpenSTL ships them, for predbench
            ``human_train.txt``, ``human_val.txt`` and ``human_test.txt``.
        protocol: Which of ``protocols``.
    """

    protocols: ClassVar = (
        Protocol(
            name="unistd",
            summary="OpenSTL's 8582 test windows; of its training windows those that overlap none of them, every tenth"
            " take (all cameras) as val: 51 747 train, 7040 val. RGB, resized bilinearly by pillow if not 256×256",
            mends="openstl and predbench share frames between train and test, openstl chooses the model on the test"
            " split and swaps red and blue; still, every subject and take is in test as well as elsewhere, as in both",
        ),
        Protocol(
            name="openstl",
            summary="73 404 train windows, val = test = 8582, channels in the order blue, green, red, resized"
            " bicubically",
            mends="keeps its faults: the model is chosen on the test split, and 98.8 % of the test windows share frames"
            " with training windows",
        ),
        Protocol(
            name="predbench",
            summary="66 063 train, 7341 val and 8582 test windows, RGB, resized bilinearly",
            mends="keeps its fault: test and val windows share frames with training windows",
        ),
    )

    def __init__(self, *, root: Path | None = None, protocol: Name = "unistd") -> None:
        self.root = root
        self.protocol = protocol

    @property
    def card(self) -> TaskCard:
        """What the frames are."""
        colours = ("blue", "green", "red") if self.protocol == "openstl" else ("red", "green", "blue")
        return TaskCard(
            name="human36m",
            discipline="motion",
            version="1",
            channels=tuple(Channel(name=name, unit="1") for name in colours),
            step=(20 * STEP, "ms"),  # of 50 frames a second
            window=Window(past=4, future=4),
            normalization="range",
            value_range=(0.0, 1.0),
            scale_factor=1 / 255,
            protocol=self.protocol,
            stride=(FRAMES,) * 3,  # one window a clip, also where a spec asks for a shorter one
            source="vision.imar.ro/human3.6m, its frames as images/<subject>_<action>.<camera>_<number>.jpg; lists from"
            " github.com/chengtan9907/OpenSTL (tools/prepare_data/meta/human) or github.com/OpenEarthLab/PredBench"
            " (data/annotations/human)",
            licence="academic use only, after registration at the source",
            size="7 subjects, 838 videos; 67 000 windows of 1.6 MB before compression once converted",
        )

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "human")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each window as a lazy sequence (8, 3, 256, 256) of bytes.

        Raises:
            DataError: A list is missing or not whole, or an image is missing; when frames are computed, one is damaged.
        """
        folder = self.folder()
        names = PREDBENCH if self.protocol == "predbench" else OPENSTL
        paths = [raw_file(folder, name) for name in names]
        lists = [read_list(path, WINDOWS[path.name]) for path in paths]
        if self.protocol == "unistd":
            lists = [*apart(*lists), lists[1]]
        if self.protocol == "openstl":
            lists = [lists[0], lists[1], lists[1]]
        check_images(folder, chain(*lists))
        times = np.datetime64(0, "ms") + 20 * STEP * np.arange(FRAMES)
        files = tuple(str(path) for path in paths)
        for split, clips in zip(SPLITS, lists, strict=True):
            for clip in clips:
                yield self._sequence(folder, clip, split, times, files)

    def _sequence(
        self, folder: Path, clip: Clip, split: Split, times: NDArray[np.datetime64], files: tuple[str, ...]
    ) -> FrameSequence:
        swapped = self.protocol == "openstl"
        read = delayed(read_clip)(folder, clip, BICUBIC if swapped else BILINEAR, swapped)
        frames = da.from_delayed(read, (FRAMES, 3, SIDE, SIDE), dtype=np.uint8)  # type: ignore[no-untyped-call]
        return FrameSequence(
            name=f"{clip.prefix}{clip.start:06d}.jpg",
            frames=frames,
            times=times,
            split=split,
            files=(*files, str((folder / clip.prefix).parent)),
        )


def read_list(path: Path, count: int) -> list[Clip]:
    """Read the windows of a list of lines ``prefix,start,end``.

    Raises:
        DataError: A line is something else, or there are other than ``count`` of them; names file and line.
    """
    clips = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        fields = line.strip().split(",")
        if len(fields) != 3 or not all(field.isdigit() for field in fields[1:]):
            raise DataError(f"'{line}' is not 'prefix,start,end'", where=f"{path}:{number}")
        start, end = int(fields[1]), int(fields[2])
        if end - start != LISTED:
            raise DataError(
                f"'{line}' is a window of {end - start} frames instead of {LISTED}", where=f"{path}:{number}"
            )
        if leads_out(fields[0]):
            raise DataError(f"'{fields[0]}' leads out of the folder", where=f"{path}:{number}")
        clips.append(Clip(fields[0], start))
    if len(clips) != count:
        message = f"lists '{len(clips)}' windows instead of {count}"
        raise DataError(message, where=str(path), help="fetch the list again from where `unistd tasks` says")
    return clips


def check_images(folder: Path, clips: Iterable[Clip]) -> None:
    """See that every image of ``clips`` is there, before hours are spent on reading some.

    Raises:
        DataError: One is not; names it.
    """
    held: dict[str, set[str]] = {}
    for clip in clips:
        inside, _, start = clip.prefix.rpartition("/")
        if inside not in held:
            held[inside] = {entry.name for entry in raw_folder(folder / inside, inside).iterdir()}
        for number in _numbers(clip):
            if (name := f"{start}{number:06d}.jpg") not in held[inside]:
                raw_file(folder / inside, name)


def _numbers(clip: Clip) -> range:
    return range(clip.start, clip.start + SPAN + 1, STEP)


def apart(train: Sequence[Clip], test: Sequence[Clip]) -> tuple[list[Clip], list[Clip]]:
    """Return training and validation windows out of ``train`` that lie apart from ``test`` and from one another."""
    tested: dict[str, list[int]] = defaultdict(list)
    for clip in test:
        tested[clip.prefix].append(clip.start)
    free = [clip for clip in train if all(abs(clip.start - start) > SPAN for start in tested[clip.prefix])]
    # A take is what four cameras saw at once; a part of its videos would give away the others.
    held_out = set(sorted({_take(clip) for clip in train})[VAL_TAKES - 1 :: VAL_TAKES])
    return [clip for clip in free if _take(clip) not in held_out], [clip for clip in free if _take(clip) in held_out]


def _take(clip: Clip) -> str:
    return clip.prefix.rpartition("/")[2].partition(".")[0]


def read_clip(folder: Path, clip: Clip, resample: Image.Resampling, swapped: bool) -> NDArray[np.uint8]:
    """Read the frames (8, 3, 256, 256) of one window, red first, or blue first if ``swapped``.

    Raises:
        DataError: An image is missing or damaged; names it.
    """
    paths = [folder / f"{clip.prefix}{number:06d}.jpg" for number in _numbers(clip)]
    frames = np.stack([read_rgb(path, SIDE, resample) for path in paths])
    return frames[:, ::-1] if swapped else frames

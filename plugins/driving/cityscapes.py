"""Cityscapes: snippets of 30 frames of the streets of German cities, each split of cities of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from unistd.core.data.hdf5 import check_self_contained
from unistd.core.data.raw import raw_folder
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Channel, FrameSequence, Protocol, Split, Task, TaskCard, Window
from unistd.plugins.driving.images import in_blocks, read_files, read_image, square

FRAMES, SIDE, STEP = 30, 128, 59
PNG_TREE, HDF5_TREE = "leftImg8bit_sequence", "Cityscapes128_h5"
CAMERA = "leftImg8bit.png"


class Cityscapes(Task):
    """The view of the left camera: the central square of each frame, resized by Lanczos' filter to 128×128.

    In ``root`` lies one of two trees. As Cityscapes gives it out:
    ``leftImg8bit_sequence/{train,val,test}/<city>/<city>_<sequence>_<frame>_leftImg8bit.png``, 2048×1024 pixels, 30
    frames with consecutive numbers a snippet. Or as MCVD converts it, which gives the same frames:
    ``Cityscapes128_h5/{train,val,test}/shard_<n>.hdf5``, in each the group ``len`` with the frames of every video and
    one group a video with ``0``, ``1``, … of 128×128×3 bytes. The camera takes 17 frames a second; times are rounded to
    59 ms a frame.

    Args:
        root: Folder of one of the trees, or the tree itself.
        protocol: Which windows validate.
    """

    protocols = (
        Protocol(
            name="unistd",
            summary="Cityscapes' own splits, by city. Windows of 20 frames begin at frames 0, 5 and 10 of each training"
            " snippet (8,925 windows of the whole set) and at frame 0 of each validation and test snippet (500 and"
            " 1,525). Values in [0, 1].",
            mends="A model is chosen by what it is tested on, the first 20 frames of a snippet; PredBench validates on"
            " three windows that share most of their frames. Training and test windows are PredBench's. A missing PNG"
            " is an error; it shifts the frames of later snippets in MCVD's conversion.",
        ),
        Protocol(
            name="predbench",
            summary="Cityscapes' own splits, by city. Windows of 20 frames begin at frames 0, 5 and 10 of each training"
            " and validation snippet (8,925 and 1,500 windows of the whole set) and at frame 0 of each test snippet"
            " (1,525). Values in [0, 1].",
            mends="Kept: a validation window shares up to 15 of its 20 frames with another.",
        ),
    )
    card = TaskCard(
        name="cityscapes",
        discipline="driving",
        version="1",
        channels=tuple(Channel(name=colour, unit="1") for colour in ("red", "green", "blue")),
        step=(STEP, "ms"),
        window=Window(past=10, future=10),
        normalization="range",
        value_range=(0.0, 1.0),
        scale_factor=1 / 255,
        source="cityscapes-dataset.com, leftImg8bit_sequence_trainvaltest.zip (login), or the HDF5 files that"
        " github.com/voletiv/mcvd-pytorch links",
        licence="Cityscapes licence: non-commercial, no redistribution",
        size="324 GB as PNG; 7.4 GB at most as HDF5 of 128×128",
    )

    def __init__(self, *, root: Path | None = None, protocol: Literal["unistd", "predbench"] = "unistd") -> None:
        self.root = root
        # A stride of a whole snippet leaves its first window.
        self.card = replace(self.card, protocol=protocol, stride=(5, FRAMES if protocol == "unistd" else 5, FRAMES))

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "cityscapes")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each snippet as a lazy sequence of (30, 3, 128, 128) bytes.

        Raises:
            DataError: There is no tree or two of them, or a file is missing, damaged or of another size.
        """
        tree = _tree(self.folder())
        for split in SPLITS:
            folder = raw_folder(tree / split, split)
            yield from _from_hdf5(folder, split) if sorted(folder.glob("*.hdf5")) else _from_png(folder, split)


def _tree(folder: Path) -> Path:
    trees = [folder / name for name in (PNG_TREE, HDF5_TREE) if (folder / name).is_dir()]
    if len(trees) > 1:
        help_ = f"give one of them as 'root': {trees[0]} or {trees[1]}"
        raise DataError(f"'{PNG_TREE}' and '{HDF5_TREE}' are both there", where=str(folder), help=help_)
    return trees[0] if trees else folder


def _from_png(folder: Path, split: Split) -> Iterator[FrameSequence]:
    paths = sorted(folder.glob(f"*/*_{CAMERA}"))
    if not paths:
        wanted = f"<city>/<city>_<sequence>_<frame>_{CAMERA}"
        raise DataError(f"no frame '{wanted}' and no '*.hdf5'", where=str(folder))
    size = read_image(paths[0], str(paths[0])).size
    read = partial(read_files, view=partial(square, side=SIDE), size=size)
    for snippet in snippets(paths):
        name = snippet[0].name.removesuffix(f"_{CAMERA}")
        yield _sequence(name, in_blocks(read, snippet, (SIDE, SIDE)), split, snippet)


def snippets(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    """Cut the sorted ``paths`` into snippets of 30 consecutive frames of one recording.

    Raises:
        DataError: A frame is missing; names the one before.
    """
    for _, frames in groupby(paths, key=lambda path: path.name.split("_")[:-2]):
        recording = list(frames)
        for at in range(0, len(recording), FRAMES):
            snippet = recording[at : at + FRAMES]
            numbers = [_number(path) for path in snippet]
            whole = next((i for i, n in enumerate(numbers) if n != numbers[0] + i), len(numbers))
            if whole < FRAMES:
                message = f"a snippet ends after '{whole}' frames instead of {FRAMES}"
                raise DataError(message, where=str(snippet[whole - 1]), help="unpack the archive again")
            yield snippet


def _number(path: Path) -> int:
    number = path.name.split("_")[-2]
    if not number.isdigit():
        raise DataError(f"'{number}' is no number of a frame", where=str(path))
    return int(number)


def _from_hdf5(folder: Path, split: Split) -> Iterator[FrameSequence]:
    for path in sorted(folder.glob("*.hdf5")):
        for video, count in _videos(path):
            frames = in_blocks(partial(_read_hdf5, path=path, video=video), range(count), (SIDE, SIDE))
            yield _sequence(f"{split}/{path.name}, video {video}", frames, split, (path,))


def _videos(path: Path) -> list[tuple[str, int]]:
    try:
        with h5py.File(path) as file:
            check_self_contained(file, path)
            found = [(video, int(count[()]), len(file[video])) for video, count in file["len"].items()]
    except (OSError, KeyError, AttributeError, ValueError) as error:
        message = f"cannot be read as MCVD's videos: {error}"
        raise DataError(message, where=str(path), help="fetch the file again") from error
    for video, count, held in found:
        if not FRAMES == count == held:
            message = f"video '{video}' holds '{held}' frames and says {count}, Cityscapes has {FRAMES}"
            raise DataError(message, where=str(path), help="fetch the file again")
    return sorted(((video, count) for video, count, _ in found), key=lambda item: (len(item[0]), item[0]))


def _read_hdf5(numbers: range, path: Path, video: str) -> NDArray[np.uint8]:
    try:
        with h5py.File(path) as file:
            check_self_contained(file, path)
            frames = [np.asarray(file[video][str(number)]) for number in numbers]
    except (OSError, KeyError) as error:
        message = f"video '{video}' cannot be read: {error}"
        raise DataError(message, where=str(path), help="fetch the file again") from error
    for number, frame in zip(numbers, frames, strict=True):
        if frame.shape != (SIDE, SIDE, 3) or frame.dtype != np.uint8:
            message = f"frame {number} of video '{video}' has shape '{frame.shape}' and type '{frame.dtype}'"
            raise DataError(message, where=str(path), help=f"MCVD's frames have {(SIDE, SIDE, 3)} bytes")
    return np.stack(frames)


def _sequence(name: str, frames: object, split: Split, files: Sequence[Path]) -> FrameSequence:
    times = np.datetime64(0, "ms") + STEP * np.arange(FRAMES)
    return FrameSequence(name=name, frames=frames, times=times, split=split, files=tuple(map(str, files)))

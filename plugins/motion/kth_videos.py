"""KTH's videos, as folders of images or as the official files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unistd.core.data.raw import raw_file
from unistd.core.errors import DataError
from unistd.core.untrusted import read_list as read_text
from unistd.plugins.motion.images import BILINEAR, fit, read_grey
from unistd.plugins.motion.video import read_grey_frames, require_video

SLOW, FAST = ("boxing", "handclapping", "handwaving", "walking"), ("jogging", "running")
SIDE = 128
MAX_FRAMES = 100_000
"""Number of a video's last frame; the longest official one has some 1,000."""
LIST = "00sequences.txt"
NAME = re.compile(r"(?P<name>person(?P<person>\d\d)_(?P<action>[a-z]+)_d\d)")


@dataclass(frozen=True)
class Video:
    """One person doing one thing in one scene.

    Attributes:
        name: Such as ``person01_boxing_d1``.
        action, person: Taken from the name.
        numbers: Numbers of the frames used, increasing, with gaps where nobody is seen.
        read: Gives these frames, (n, 1, 128, 128) bytes.
        files: The video file, or the folder of images.
    """

    name: str
    action: str
    person: int
    numbers: Sequence[int]
    read: Callable[[], NDArray[np.uint8]]
    files: tuple[str, ...]


def image_videos(folder: Path) -> Iterator[Video]:
    """Give the videos that are folders of images, action by action, sorted by name.

    Raises:
        DataError: There is no folder of a person's action, or a folder holds no image.
    """
    for action in (*SLOW, *FAST):
        if not (folder / action).is_dir():
            raise DataError(f"no folder '{action}'", where=str(folder / action), help="unpack kth_action.zip here")
        found = {path: match for path in sorted((folder / action).iterdir()) if (match := NAME.match(path.name))}
        missing = set(range(1, 26)) - {int(match["person"]) for match in found.values()}
        if missing:
            name = f"person{min(missing):02d}_{action}_d1_uncomp"
            raise DataError(f"no folder '{name}'", where=str(folder / action), help="unpack kth_action.zip again")
        for path, match in found.items():
            images = {int(m[1]): p for p in sorted(path.iterdir()) if (m := re.fullmatch(r"image_(\d+)\.\w+", p.name))}
            if not images:
                raise DataError("holds no 'image_<number>.jpg'", where=str(path), help="unpack kth_action.zip again")
            numbers = sorted(images)
            read = partial(read_images, [images[number] for number in numbers])
            yield Video(match["name"], action, int(match["person"]), numbers, read, (str(path),))


def avi_videos(folder: Path) -> Iterator[Video]:
    """Give the official videos with the frames ``00sequences.txt`` names, action by action, sorted by name.

    Raises:
        DataError: The list or a video in it is missing, or the list is not whole.
        MissingRequirement: Videos cannot be read on this machine.
    """
    require_video()
    listed = read_sequences(raw_file(folder, LIST))
    for action in (*SLOW, *FAST):
        for name, numbers in listed.items():
            match = NAME.match(name)
            if match is None or match["action"] != action or not numbers:
                continue
            file = f"{name}_uncomp.avi"
            nested = folder / action / file
            path = nested if nested.is_file() else raw_file(folder, file)
            yield Video(name, action, int(match["person"]), numbers, partial(read_video, path, numbers), (str(path),))


def read_sequences(path: Path) -> dict[str, list[int]]:
    """Read the numbers of the frames of each video in ``00sequences.txt``, none for one that it calls missing.

    Raises:
        DataError: A line cannot be read, or one of the 600 videos has none; names it.
    """
    listed: dict[str, list[int]] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        name, _, rest = line.strip().partition("\t")
        if NAME.match(name) is None:
            continue
        ranges = re.fullmatch(r"\s*frames\s+\d+-\d+(\s*,\s*\d+-\d+)*\s*", rest)
        if ranges is None and "*missing*" not in rest:
            raise DataError(f"'{line.strip()}' names no frames", where=f"{path}:{number}")
        spans = re.findall(r"(\d+)-(\d+)", rest)
        if any(int(high) > MAX_FRAMES for _, high in spans):
            raise DataError(f"'{line.strip()}' goes beyond frame {MAX_FRAMES}", where=f"{path}:{number}")
        # Some ranges of the official list overlap.
        listed[name.strip()] = sorted({n for low, high in spans for n in range(int(low), int(high) + 1)})
    for action in (*SLOW, *FAST):
        for person in range(1, 26):
            for scene in range(1, 5):
                if (name := f"person{person:02d}_{action}_d{scene}") not in listed:
                    raise DataError(f"has no line for '{name}'", where=str(path), help="fetch the file again")
    return dict(sorted(listed.items()))


def read_images(paths: Sequence[Path]) -> NDArray[np.uint8]:
    """Read images as frames (n, 1, 128, 128).

    Raises:
        DataError: One is damaged; names it.
    """
    return np.stack([read_grey(path, SIDE, BILINEAR) for path in paths])


def read_video(path: Path, numbers: Sequence[int]) -> NDArray[np.uint8]:
    """Read the frames (n, 1, 128, 128) with ``numbers`` from a video.

    Raises:
        DataError: It is damaged or too short; names it.
    """
    frames = read_grey_frames(path, numbers)
    return np.stack([np.asarray(fit(Image.fromarray(frame), SIDE, BILINEAR)) for frame in frames])[:, None]

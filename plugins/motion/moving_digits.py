"""Digits that bounce in a box: the generator of Moving MNIST over MNIST's test digits."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import DataError
from unistd.core.task import SPLITS, Channel, FrameSequence, Split, Task, TaskCard, Window

FILE = "t10k-images-idx3-ubyte.gz"
CANVAS, DIGIT = 64, 28
FREE = CANVAS - DIGIT
STEP = 0.1
MAX_BYTES = 2**29
"""Of the images of digits, unpacked; EMNIST's 814,255, the largest such set, would be 2**29 ÷ 0.84."""
# Out of ten digits in a row. Taken in turn, not in blocks: the second half of MNIST's test file is the harder one.
PARTS: dict[Split, tuple[int, ...]] = {"train": (0, 1, 2, 3, 4, 5, 6, 7), "val": (8,), "test": (9,)}


class MovingDigits(Task):
    """Sequences drawn by the rule of Moving MNIST (protocols §4), reproducible one by one.

    The digits are those of MNIST's test file, and each split draws from its own tenths of it (choice), so scores cannot
    be set beside published ones on Moving MNIST. The 10 frames a second are a convention.

    Args:
        root: Folder of ``t10k-images-idx3-ubyte.gz``.
        train, val, test: Sequences of each split; more of them leave the first ones as they were.
        frames: Frames in a sequence.
        digits: Digits in a sequence, drawn with replacement.
        seed: Which sequences are drawn.
    """

    card = TaskCard(
        name="moving-digits",
        discipline="motion",
        version="1",
        channels=(Channel(name="brightness", unit="1"),),
        step=(100, "ms"),
        window=Window(past=10, future=10),
        normalization="range",
        value_range=(0.0, 1.0),
        scale_factor=1 / 255,
        source="MNIST test images, moved by the generator of Moving MNIST",
        licence="CC BY-SA 3.0",
    )

    def __init__(
        self,
        *,
        root: Path | None = None,
        train: int = 800,
        val: int = 60,
        test: int = 100,
        frames: int = 20,
        digits: int = 2,
        seed: int = 0,
    ) -> None:
        self.root = root
        self.counts: dict[Split, int] = {"train": train, "val": val, "test": test}
        self.frames = frames
        self.digits = digits
        self.seed = seed

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "mnist")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each sequence (frames, 1, 64, 64) of bytes.

        Raises:
            DataError: The file of digits is missing, unreadable or too short.
        """
        path = raw_file(self.folder(), FILE)
        images = read_digits(path)
        times = np.datetime64(0, "ms") + 100 * np.arange(self.frames)
        for number, split in enumerate(SPLITS):
            pool = images[np.isin(np.arange(len(images)) % 10, PARTS[split])]
            for index in range(self.counts[split]):
                rng = np.random.default_rng((self.seed, number, index))
                yield FrameSequence(
                    name=f"{split}-{index}",
                    frames=bounce(pool, rng, digits=self.digits, frames=self.frames),
                    times=times,
                    split=split,
                    files=(str(path),),
                )


def bounce(pool: NDArray[np.uint8], rng: np.random.Generator, *, digits: int, frames: int) -> NDArray[np.uint8]:
    """Draw a sequence (frames, 1, 64, 64) of digits chosen from ``pool`` (n, 28, 28) with replacement."""
    chosen = pool[rng.integers(len(pool), size=digits)]
    return draw(chosen, np.stack([walk(rng, frames) for _ in chosen]))


def walk(rng: np.random.Generator, frames: int) -> NDArray[np.int64]:
    """Return the upper left corner (frames, 2) of one digit: a straight line, mirrored where it meets the edge."""
    position = rng.random(2)
    angle = rng.random() * 2 * np.pi
    velocity = STEP * np.array([np.sin(angle), np.cos(angle)])
    corners = np.empty((frames, 2), np.int64)
    for frame in range(frames):  # the first frame, too, is drawn after a step
        position = position + velocity
        velocity = np.where((position <= 0) | (position >= 1), -velocity, velocity)
        position = position.clip(0, 1)
        corners[frame] = (FREE * position).astype(np.int64)
    return corners


def draw(digits: NDArray[np.uint8], corners: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Draw ``digits`` (n, 28, 28) at ``corners`` (n, frames, 2); the brighter pixel wins where they overlap."""
    canvas = np.zeros((corners.shape[1], 1, CANVAS, CANVAS), np.uint8)
    for digit, path in zip(digits, corners, strict=True):
        for frame, (y, x) in enumerate(path):
            patch = canvas[frame, 0, y : y + DIGIT, x : x + DIGIT]
            np.maximum(patch, digit, out=patch)
    return canvas


def read_digits(path: Path) -> NDArray[np.uint8]:
    """Read the images (n, 28, 28) of an idx file, gzipped or not.

    Raises:
        DataError: The file is damaged, no idx file of 28×28 bytes, or shorter than it says.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot be unpacked: {error}", where=str(path), help="fetch the file again") from error
    if len(content) > MAX_BYTES:
        raise DataError(f"unpacks to more than {MAX_BYTES} bytes", where=str(path), help="fetch the file again")
    header = struct.unpack(">4i", content[:16]) if len(content) >= 16 else ()
    if len(header) != 4 or header[0] != 0x803 or header[2:] != (DIGIT, DIGIT):
        raise DataError(f"no idx file of 28×28 images: it begins with '{header}'", where=str(path))
    expected = 16 + header[1] * DIGIT * DIGIT
    if len(content) != expected or header[1] < 10:
        raise DataError(
            f"holds '{len(content)}' bytes instead of the {expected} of its '{header[1]}' images (at least 10)",
            where=str(path),
            help="fetch the file again",
        )
    return np.frombuffer(content, np.uint8, offset=16).reshape(-1, DIGIT, DIGIT)

"""Moving MNIST: generated training sequences and the fixed test file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from unistd.core.data.raw import raw_file, raw_folder
from unistd.core.errors import UsageError
from unistd.core.task import Channel, FrameSequence, Protocol, Split, Task, TaskCard, Window
from unistd.plugins.motion.array_file import map_bytes
from unistd.plugins.motion.moving_digits import bounce, read_digits

DIGITS = ("train-images-idx3-ubyte.gz", "train-images-idx3-ubyte")
TEST, PREDBENCH_VAL = "mnist_test_seq.npy", "mnist_val_seq_1.npy"
FRAMES, SEQUENCES = 20, 10_000  # of the test file, and of a training epoch of both benchmarks
VAL = 1_000  # of protocol unistd
SIDE = 64

Name = Literal["unistd", "openstl", "predbench", "earthformer"]


class MovingMnist(Task):
    """Two digits of MNIST bouncing in a 64×64 box, 10→10 (protocols §4).

    Training sequences are drawn once, each from a random state of its own, while OpenSTL and PredBench draw new ones
    every epoch: the more of them, the closer to that. The 10 frames a second are a convention.

    Args:
        root: Folder of ``mnist_test_seq.npy`` and, except for earthformer, of MNIST's training images.
        protocol: Which of ``protocols``.
        train: Training sequences, 10 000 by default; earthformer generates none.
        seed: Which sequences are drawn, 0 by default; earthformer generates none.

    Raises:
        UsageError: earthformer with ``train`` or ``seed``.
    """

    protocols: ClassVar = (
        Protocol(
            name="unistd",
            summary="train and 1000 val sequences generated from MNIST's training digits, test = the 10 000 fixed ones",
            mends="openstl chooses the model on the test file; here validation draws from every tenth digit and"
            " training from the others, and the test file is OpenSTL's whole test split",
        ),
        Protocol(
            name="openstl",
            summary="train generated from MNIST's training digits, val = test = the 10 000 fixed sequences",
            mends="keeps its fault: the model is chosen on the test split",
        ),
        Protocol(
            name="predbench",
            summary=f"train generated from MNIST's training digits, val = {PREDBENCH_VAL}, test = the 10 000 fixed"
            " sequences",
            mends="keeps its fault: the validation file was never published",
        ),
        Protocol(
            name="earthformer",
            summary="the fixed file alone: its last 1000 sequences test, the first 9000 train 8100 and val 900"
            " (scikit-learn's train_test_split, random_state 123)",
            mends="keeps its fault: not comparable with scores on the whole fixed file",
        ),
    )

    def __init__(
        self, *, root: Path | None = None, protocol: Name = "unistd", train: int | None = None, seed: int | None = None
    ) -> None:
        if protocol == "earthformer":
            for option, value in (("train", train), ("seed", seed)):
                if value is not None:
                    message = f"protocol 'earthformer' generates no sequences, so '{option}: {value}' has no effect"
                    raise UsageError(message, help=f"leave out {option}, or choose another protocol")
        self.root = root
        self.protocol = protocol
        self.train = SEQUENCES if train is None else train
        self.seed = seed or 0

    @property
    def card(self) -> TaskCard:
        """What the frames are."""
        return TaskCard(
            name="moving-mnist",
            discipline="motion",
            version="1",
            channels=(Channel(name="brightness", unit="1"),),
            step=(100, "ms"),
            window=Window(past=10, future=10),
            normalization="range",
            value_range=(0.0, 1.0),
            scale_factor=1 / 255,
            protocol=self.protocol,
            stride=(FRAMES,) * 3,  # one window a sequence, also where a spec asks for a shorter one
            source=f"{TEST} from cs.toronto.edu/~nitish/unsupervised_video, {DIGITS[0]} of MNIST",
            licence="MNIST CC BY-SA 3.0; none stated for the test file",
            size="0.8 GB, and 10 MB of digits",
        )

    def folder(self) -> Path:
        """Return the folder of the raw files."""
        return raw_folder(self.root, "moving_mnist")

    def sequences(self) -> Iterator[FrameSequence]:
        """Give each sequence (20, 1, 64, 64) of bytes.

        Raises:
            DataError: A file is missing, unreadable, or does not hold what it should.
        """
        folder = self.folder()
        fixed = read_fixed(raw_file(folder, TEST), SEQUENCES)
        if self.protocol == "earthformer":
            for split, indices in earthformer_split().items():
                yield from _fixed(fixed, folder / TEST, split, indices)
            return
        path = _digits_file(folder)
        val_file = raw_file(folder, PREDBENCH_VAL) if self.protocol == "predbench" else None
        images = read_digits(path)
        held_out = np.arange(len(images)) % 10 == 9
        if self.protocol == "unistd":
            yield from self._drawn(images[~held_out], path, "train", self.train)
            yield from self._drawn(images[held_out], path, "val", VAL)
        else:
            yield from self._drawn(images, path, "train", self.train)
        if self.protocol == "openstl":
            yield from _fixed(fixed, folder / TEST, "val", np.arange(len(fixed)))
        if val_file is not None:
            val = read_fixed(val_file, None)
            yield from _fixed(val, val_file, "val", np.arange(len(val)))
        yield from _fixed(fixed, folder / TEST, "test", np.arange(len(fixed)))

    def _drawn(self, pool: NDArray[np.uint8], path: Path, split: Split, count: int) -> Iterator[FrameSequence]:
        for index in range(count):
            rng = np.random.default_rng((self.seed, int(split == "val"), index))
            yield _sequence(bounce(pool, rng, digits=2, frames=FRAMES), f"{split}-{index}", split, path)


def read_fixed(path: Path, count: int | None) -> NDArray[np.uint8]:
    """Map the sequences (n, 20, 64, 64) of a file (20, n, 64, 64), or (n, 20, 64, 64, 1) as PredBench lays it out.

    Raises:
        DataError: The file is unreadable or holds other than ``count`` sequences, any number for ``None``.
    """
    array = map_bytes(path, [(FRAMES, count, SIDE, SIDE), (count, FRAMES, SIDE, SIDE, 1)])
    return array.transpose(1, 0, 2, 3) if array.ndim == 4 else array[..., 0]


def earthformer_split() -> dict[Split, NDArray[np.int64]]:
    """Return the numbers of the fixed sequences in each split of Earthformer."""
    first = SEQUENCES - SEQUENCES // 10
    # What scikit-learn's train_test_split does with random_state=123: the head of one permutation is the test part.
    shuffled = np.random.RandomState(123).permutation(first)
    val = first // 10
    return {"train": shuffled[val:], "val": shuffled[:val], "test": np.arange(first, SEQUENCES)}


def _fixed(
    sequences: NDArray[np.uint8], path: Path, split: Split, indices: NDArray[np.int64]
) -> Iterator[FrameSequence]:
    for index in indices.tolist():
        yield _sequence(sequences[index][:, None], f"{path.name}[{index}]", split, path)


def _sequence(frames: NDArray[np.uint8], name: str, split: Split, path: Path) -> FrameSequence:
    times = np.datetime64(0, "ms") + 100 * np.arange(FRAMES)
    return FrameSequence(name=name, frames=frames, times=times, split=split, files=(str(path),))


def _digits_file(folder: Path) -> Path:
    present = [folder / name for name in DIGITS if (folder / name).is_file()]
    return present[0] if present else raw_file(folder, DIGITS[0])

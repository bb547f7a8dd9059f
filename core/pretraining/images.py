"""Folders of pictures as frames: ``<folder>/<label>/<file>``, or files alone where no label is asked for."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from unistd.core.data.normalization import Normalization
from unistd.core.errors import DataError
from unistd.core.pretraining.stills import FrameSource, Stills
from unistd.core.task import Channel, TaskCard, Window

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
HELD_OUT = 10
"""One file of so many of each folder is held out, at least one."""

CARD = TaskCard(
    name="images",
    discipline="images",
    version="1",
    channels=tuple(Channel(name=name, unit="1") for name in ("red", "green", "blue")),
    step=(1, "s"),  # stills: no time passes between them
    window=Window(past=0, future=1),
    normalization="range",
    value_range=(0.0, 1.0),
)


class ImageStills(Stills):
    """Pictures as RGB from 0 to 1: the shorter side is brought to ``size``, then a square of it is cut out.

    Args:
        files: The pictures.
        size: Pixels along each side of a frame.
        labels: (n,) which label each one has.
    """

    def __init__(self, files: Sequence[Path], size: int, labels: NDArray[np.int64]) -> None:
        self.files, self.size, self.labels = files, size, labels

    def __len__(self) -> int:
        return len(self.files)

    def read(self, indices: NDArray[np.int64], at: NDArray[np.float64]) -> Tensor:
        """Return frames (B, 3, size, size).

        Raises:
            DataError: A file is no picture; names it.
        """
        squares = [self._square(self.files[index], *place) for index, place in zip(indices, at, strict=True)]
        return torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).float() / 255

    def _square(self, file: Path, y: float, x: float) -> NDArray[np.uint8]:
        try:
            with Image.open(file) as opened:
                image = _rgb(opened, file)
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise DataError(f"'{file.name}' cannot be read as a picture: {error}", where=str(file)) from error
        share = self.size / min(image.size)
        width, height = (max(self.size, round(side * share)) for side in image.size)
        left, top = round(x * (width - self.size)), round(y * (height - self.size))
        resized = image.resize((width, height), Image.Resampling.BICUBIC)
        return np.asarray(resized.crop((left, top, left + self.size, top + self.size)))


def _rgb(opened: Image.Image, file: Path) -> Image.Image:
    """Return a picture in 8 bits; Pillow would cut off all that is above 255."""
    if opened.mode.startswith("I;16"):
        opened = Image.fromarray((np.asarray(opened) // 257).astype(np.uint8))
    elif opened.mode in ("I", "F"):
        message = f"'{file.name}' has values of mode '{opened.mode}', whose range nobody knows"
        raise DataError(message, where=str(file), help="write pictures of 8 or 16 bits")
    return opened.convert("RGB")


def image_source(name: str, folder: Path, patch: int, size: int) -> FrameSource:
    """Return the source ``name`` of the pictures in ``folder``; a tenth of each label's files is held out.

    Which ones is a function of their names. Values are brought from [0, 1] to [−1, 1] (choice: a fixed map needs no
    pass over the folder, and gives other folders the same meaning).

    Raises:
        DataError: The folder is not there, or a label in it has fewer than two pictures.
    """
    by_label = _by_label(name, folder)
    parts: tuple[list[tuple[Path, int]], list[tuple[Path, int]]] = ([], [])
    for label, files in enumerate(by_label.values()):
        held_out = max(1, len(files) // HELD_OUT)
        shuffled = sorted(files, key=lambda file: hashlib.sha256(str(file.relative_to(folder)).encode()).digest())
        for number, file in enumerate(shuffled):
            parts[number < held_out].append((file, label))
    train, val = (
        ImageStills([file for file, _ in part], size, np.array([label for _, label in part])) for part in parts
    )
    half = Normalization(torch.full((3,), 0.5), torch.full((3,), 0.5))
    labels = tuple(label for label in by_label if label)
    return FrameSource(train, val, CARD, half, patch, _digest(folder, by_label), labels)


def _by_label(name: str, folder: Path) -> dict[str, list[Path]]:
    """List the pictures by the folder just below ``folder`` they are in, those beside such folders under ''."""
    if not folder.is_dir():
        raise DataError(f"there is no folder '{folder}' with the images of '{name}'", where=str(folder.absolute()))
    found: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in SUFFIXES and file.is_file():
            parts = file.relative_to(folder).parts
            found[parts[0] if len(parts) > 1 else ""].append(file)
    few = [label for label, files in found.items() if len(files) < 2]
    if few or not found:
        where = f"'{few[0]}' in it" if few and few[0] else "it"
        raise DataError(
            f"the folder of '{name}' gives no frames to learn from and to hold out: {where} has fewer than 2 pictures",
            where=str(folder),
            help=f"pictures end in {', '.join(SUFFIXES)}",
        )
    return dict(found)


def _digest(folder: Path, by_label: dict[str, list[Path]]) -> str:
    """Hash names and sizes, not contents: there may be a million files."""
    listed = (f"{f.relative_to(folder)} {f.stat().st_size}\n" for files in by_label.values() for f in files)
    return hashlib.sha256("".join(listed).encode()).hexdigest()

"""A discipline's package of one task: raw files in, frames with a protocol out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class Channel:
    """Name and unit of one channel, such as ``inflow`` in ``trips``; ``1`` is the unit of a pure number."""

    name: str
    unit: str


@dataclass(frozen=True, kw_only=True)
class Window:
    """How many frames are seen (``past``, T) and forecast (``future``, T')."""

    past: int
    future: int


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """A period of the data, such as ``day`` of 48 half-hours; gives the period-lag and climatology baselines."""

    name: str
    steps: int


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A named way to divide a task's data and cut windows from it.

    Attributes:
        name: ``unistd``, or the benchmark whose numbers it can be set beside: ``openstl``, ``predbench``, …
        summary: Splits, windows and normalisation, in a sentence.
        mends: Which fault of other protocols it does not repeat, or which of its own it keeps; empty for none.
    """

    name: str
    summary: str
    mends: str = ""


@dataclass(frozen=True, kw_only=True)
class TaskCard:
    """What a task's frames are, in everything a reader of its numbers has to know.

    Attributes:
        name: The task's name, as in the registry.
        discipline: ``traffic``, ``motion``, ``driving``, ``weather`` or a plug-in's own.
        version: Version of the protocol; a change makes old stores invalid.
        channels: In the order of the channel axis.
        step: Count and unit of the time between frames: ``s`` ``m`` ``h`` ``D`` ``M`` (numpy's letters) or ``ms``.
        window: The protocol's own T and T'; a spec may ask for others.
        missing: ``error`` if the protocol promises complete frames, ``mask`` if missing pixels (NaN, or
            ``fill_value`` in the raw type) take no part in loss and metrics.
        normalization: ``standard`` (mean and deviation of the training split) or ``range`` (``value_range`` onto [0,
            1]).
        value_range: Smallest and largest value in physical units; PSNR and SSIM need it, ``None`` for unbounded data.
        scale_factor, add_offset, fill_value: physical = stored · scale_factor + add_offset, except fill_value (CF
            convention).
        cycles: Periods of the data, shortest first.
        mirrors: Axes along which a mirrored sequence is as likely as the sequence itself; training windows are mirrored
            at random, so that few events teach no direction. ``diagonal`` swaps y and x, of pixels as high as wide.
        protocol: Name of the protocol these fields are those of; empty where the task has only one.
        stride: Frames from the start of one window to that of the next in the training, validation and test split.
        embargo: Whether the first frames of a split that continues another begin no window; benchmarks that do
            without are only comparable without.
        source, licence: Where the raw files come from and on what terms.
        size: How much there is to fetch, in words.
    """

    name: str
    discipline: str
    version: str
    channels: tuple[Channel, ...]
    step: tuple[int, str]
    window: Window
    missing: Literal["error", "mask"] = "error"
    normalization: Literal["standard", "range"] = "standard"
    value_range: tuple[float, float] | None = None
    scale_factor: float = 1.0
    add_offset: float = 0.0
    fill_value: float | None = None
    cycles: tuple[Cycle, ...] = ()
    mirrors: tuple[Literal["y", "x", "diagonal"], ...] = ()
    protocol: str = ""
    stride: tuple[int, int, int] = (1, 1, 1)
    embargo: bool = True
    source: str = ""
    licence: str = ""
    size: str = ""


@dataclass(frozen=True, kw_only=True)
class FrameSequence:
    """An unbroken or gappy run of frames: a video, an event, a whole record.

    Attributes:
        name: Named in messages; the file it comes from, where there is one.
        frames: (time, channel, y, x) in the source's own type; a lazy dask array where it does not fit memory.
        times: (time,) datetime64; windows never cross a place where the step differs from the card's.
        split: The split of the whole sequence, or (time,) one name per frame.
        y, x: Coordinates (H,) and (W,) of the grid with their attributes (``units``, ``standard_name``), when it has
            any.
        files: Raw files it was read from; their checksums are kept in the store. A folder stands for all files in it,
            where their checksums would outweigh all else that is known.
    """

    name: str
    frames: Any
    times: NDArray[np.datetime64]
    split: Split | NDArray[np.str_]
    y: tuple[NDArray[np.floating[Any]], dict[str, str]] | None = None
    x: tuple[NDArray[np.floating[Any]], dict[str, str]] | None = None
    files: tuple[str, ...] = field(default=())


class Task(ABC):
    """Reads a discipline's raw files, or makes them up, and states the protocol they are used under.

    Attributes:
        protocols: The protocols that the task's option ``protocol`` chooses from, the default first; empty for one.
    """

    protocols: ClassVar[tuple[Protocol, ...]] = ()

    @property
    @abstractmethod
    def card(self) -> TaskCard:
        """What the frames are; known without reading a file."""

    def folder(self) -> Path | None:
        """Return the folder of the raw files, ``None`` for generated frames; other folders give other stores.

        Raises:
            DataError: It is not there.
        """
        return None

    @abstractmethod
    def sequences(self) -> Iterable[FrameSequence]:
        """Give all frames, sequence by sequence, in order of time.

        Raises:
            DataError: A file is missing, unreadable or not what it should be; names the file.
        """

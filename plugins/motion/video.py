"""Frames of video files, by PyAV, an optional extra."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unistd.core.errors import DataError
from unistd.registry.errors import MissingRequirement


def require_video() -> None:
    """See that videos can be read at all.

    Raises:
        MissingRequirement: PyAV is not installed, or broken.
    """
    try:
        importlib.import_module("av")
    except ImportError as error:
        raise MissingRequirement(
            f"videos need 'av', which cannot be imported: {error}",
            help="pip install 'unistd[video]', or fetch the images and leave out frames: avi",
        ) from error


def read_grey_frames(path: Path, numbers: Sequence[int]) -> NDArray[np.uint8]:
    """Read the grey frames (n, H, W) with the increasing ``numbers``, counted from 1.

    Raises:
        DataError: The file is damaged, or ends before the last of them; names it.
    """
    import av

    wanted, frames = set(numbers), []
    count = 0
    try:
        with av.open(str(path)) as container:
            for count, frame in enumerate(container.decode(video=0), start=1):
                if count in wanted:
                    frames.append(frame.to_ndarray(format="gray"))
                if count == numbers[-1]:
                    break
    except (av.FFmpegError, IndexError) as error:
        raise DataError(f"cannot be read as video: {error}", where=str(path), help="fetch the file again") from error
    if len(frames) < len(wanted):
        raise DataError(
            f"ends after '{count}' frames, its list of sequences goes to frame {numbers[-1]}",
            where=str(path),
            help="fetch the video again; if it is whole, shorten its line in '00sequences.txt'",
        )
    return np.stack(frames)

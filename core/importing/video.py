"""Video: frames of mp4, avi and the like, by their place in the stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unistd.core.errors import DataError
from unistd.core.importing.card import ImportCard
from unistd.core.importing.field import EXTRA, Field, Pieces


def open_video(path: Path, keys: Sequence[str], card: ImportCard) -> dict[str, Field]:
    """Find the frames (time, y, x, channel) of a video: grey for one channel, red, green and blue for three.

    Raises:
        DataError: The card has another number of channels, or there is no picture in the file.
    """
    av = _av(path)
    indices = [channel.index for channel in card.channels.values()]
    bands = 1 if len(indices) == 1 and indices[0] is None else 3
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise DataError("there is no picture in the file", where=str(path))
            stream = container.streams.video[0]
            height, width = stream.codec_context.height, stream.codec_context.width
            stamps = _stamps(container, stream)
    except av.FFmpegError as error:
        raise ValueError(str(error)) from error
    shape = (len(stamps), height, width, bands)
    load = partial(_load_video, path, tuple(stamps), bands)
    dims = ("time", "y", "x", "channel")
    found = Field(path=path, key="", shape=shape, dtype=np.dtype(np.uint8), load=load, dims=dims)
    return dict.fromkeys(keys, found)


def _av(path: Path) -> Any:
    try:
        import av
    except ImportError as error:
        raise DataError("video needs the package 'av'", where=str(path), help=EXTRA) from error
    return av


def _stamps(container: Any, stream: Any) -> list[int]:
    """Return the time stamp of each frame, in order, without decoding any.

    A video that was cut without being made again begins with packets that players only need to decode the next ones.
    """
    packets = [packet for packet in container.demux(stream) if packet.size and not packet.is_discard]
    return sorted(packet.dts if packet.pts is None else packet.pts for packet in packets)


def _load_video(path: Path, stamps: tuple[int, ...], bands: int, selection: Pieces) -> NDArray[Any]:
    """Decode from the key frame before the first frame asked for."""
    av = _av(path)
    wanted = range(*selection[0].indices(len(stamps)))
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if wanted.start:
                container.seek(stamps[wanted.start], stream=stream, backward=True)
            frames = list(_decode(container, stream, stamps[wanted.start : wanted.stop], bands))
    except av.FFmpegError as error:
        raise ValueError(str(error)) from error
    if len(frames) != len(wanted):
        message = f"holds '{len(frames)}' of the frames {wanted.start} to {wanted.stop}"
        raise DataError(message, where=str(path), help="the video is cut short or damaged; make it again")
    return np.stack(frames)[:, selection[1], selection[2], selection[3]]


def _decode(container: Any, stream: Any, stamps: Sequence[int], bands: int) -> Iterator[NDArray[np.uint8]]:
    """Give the frames that have these stamps."""
    count = len(stamps)
    for frame in container.decode(stream):
        if frame.pts is not None and frame.pts < stamps[0]:
            continue
        if frame.pts is not None and frame.pts != stamps[-count]:
            what = f"a frame has the time stamp '{frame.pts}' where its packets have {stamps[-count]}"
            raise DataError(what, where=str(container.name), help="make the video again, not by copying its stream")
        pixels: NDArray[np.uint8] = frame.to_ndarray(format="gray" if bands == 1 else "rgb24")
        yield pixels[:, :, None] if bands == 1 else pixels
        count -= 1
        if not count:
            return

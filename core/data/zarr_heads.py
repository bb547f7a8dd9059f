"""What a zarr group says of its arrays, read and checked before zarr acts on it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unistd.core.untrusted import MAX_JSON, check_size, json_object

HEADS = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")
CODECS = frozenset(
    {
        *("bytes", "transpose", "sharding_indexed", "crc32c", "vlen-utf8", "vlen-bytes"),
        *("gzip", "zlib", "zstd", "blosc", "lz4", "bz2", "lzma"),
        *("shuffle", "delta", "fixedscaleoffset", "quantize", "bitround", "packbits", "astype", "adler32", "crc32"),
        *("fletcher32", "jenkins_lookup3", "base64", "scale_offset", "cast_value"),
    }
)
"""Codecs that only compute; ``pickle`` would run code, and ``json2``, ``msgpack2`` and others make objects."""
MAX_CHUNK = 2**31
"""Bytes of one chunk, which is unpacked as a whole; the limit of the compressors themselves."""
MAX_AXES = 32
"""Axes of an array; xarray and numpy end at 64."""


def check_heads(path: Path) -> None:
    """See that no array of the zarr group at ``path`` asks for code, a size no file can hold or a chunk none can take.

    Raises:
        ValueError: One does, or what it says cannot be read; names the file.
        DataError: An array is larger than what is stored of it can be.
    """
    files = sorted(path.rglob("*"))
    if links := [file for file in files if file.is_symlink()]:
        raise _bad(links[0], "is a link; a group holds all of its files itself")
    for head in [file for file in files if file.name in HEADS and file.is_file()]:
        if (size := head.stat().st_size) > MAX_JSON:
            raise _bad(head, f"has {size} bytes, the limit is {MAX_JSON}")
        try:
            said = json_object(head.read_bytes())
        except ValueError as error:
            raise _bad(head, f"cannot be read: {error}") from error
        if head.name == ".zarray" or said.get("node_type") == "array":
            _check_array(said, head)


def _check_array(said: dict[str, Any], head: Path) -> None:
    for codec in _codecs(said):
        if codec.removeprefix("numcodecs.") not in CODECS:
            raise _bad(head, f"asks for codec '{codec}', which may run code from the file or is not known")
    shape = _lengths(said.get("shape"), head, least=0)
    grid = said.get("chunk_grid")
    if grid is not None and not (isinstance(grid, dict) and grid.get("name") in ("regular", None)):
        raise _bad(head, f"has a chunk grid '{grid}' instead of a regular one")
    configured = grid.get("configuration") if grid else None
    outer = _lengths(configured.get("chunk_shape") if isinstance(configured, dict) else said.get("chunks"), head)
    inner = [_lengths(own, head) for own in _inner_chunks(said)]
    for chunks in (outer, *inner):
        if len(chunks) != len(shape):
            raise _bad(head, f"has shape '{shape}' in chunks of '{chunks}'")
    if (size := math.prod(inner[0] if inner else outer)) > MAX_CHUNK:
        raise _bad(head, f"has chunks of '{size}' values; {MAX_CHUNK} bytes is the limit")
    # Whatever is not stored is the fill value, so the largest array of one-byte values is what the files can hold.
    stored = sum(file.stat().st_size for file in head.parent.rglob("*") if file.is_file())
    check_size(shape, 1, stored, head)


def _codecs(said: dict[str, Any]) -> Iterator[str]:
    """Give the names of all codecs, those within shards too."""
    for place in ("codecs", "index_codecs", "filters", "compressor"):
        found = said.get(place)
        for codec in found if isinstance(found, list) else [found]:
            if isinstance(codec, dict):
                yield str(codec.get("name", codec.get("id")))
                if isinstance(inner := codec.get("configuration"), dict):
                    yield from _codecs(inner)
            elif codec is not None:
                yield str(codec)


def _inner_chunks(said: dict[str, Any]) -> list[Any]:
    """Return the shapes of the chunks within shards."""
    codecs = said.get("codecs")
    found = (
        [codec.get("configuration") for codec in codecs if isinstance(codec, dict)] if isinstance(codecs, list) else []
    )
    return [own["chunk_shape"] for own in found if isinstance(own, dict) and "chunk_shape" in own]


def _lengths(found: Any, head: Path, least: int = 1) -> tuple[int, ...]:
    whole = isinstance(found, list) and len(found) <= MAX_AXES
    if not whole or not all(type(length) is int and least <= length < 2**62 for length in found):
        raise _bad(
            head, f"has lengths '{str(found)[:60]}' that are no list of up to {MAX_AXES} whole numbers from {least}"
        )
    return tuple(found)


def _bad(head: Path, what: str) -> ValueError:
    return ValueError(f"'{head.parent.name}/{head.name}' {what}")

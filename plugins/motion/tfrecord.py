"""TFRecord files of ``tf.train.Example`` messages, read without TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from unistd.core.errors import DataError

_HEAD, _FOOT = 12, 4  # bytes: length and its checksum; checksum of the record
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def count_records(path: Path) -> int:
    """Count the records of a file from their headers alone.

    Raises:
        DataError: A header's checksum is wrong or the file ends within a record; names file and record.
    """
    size, count, at = path.stat().st_size, 0, 0
    with path.open("rb") as file:
        while at < size:  # ``at`` may leap far beyond the end, where no file can be sought
            file.seek(at)
            at += _HEAD + _length(file, path, count) + _FOOT
            count += 1
    if at > size:
        raise _cut(path, count - 1)
    return count


def read_records(path: Path) -> Iterator[bytes]:
    """Give the records of a file one by one, each compared with its checksum.

    Raises:
        DataError: A checksum is wrong or the file ends within a record; names file and record.
    """
    with path.open("rb") as file:
        number = 0
        while file.peek(1):
            length = _length(file, path, number)
            if length > path.stat().st_size - file.tell():  # never ask for memory that a damaged head claims
                raise _cut(path, number)
            record = file.read(length)
            foot = file.read(_FOOT)
            if len(foot) < _FOOT:
                raise _cut(path, number)
            _check(record, foot, path, number)
            yield record
            number += 1


def bytes_features(record: bytes) -> dict[str, bytes]:
    """Return the features of an ``Example`` that hold one string of bytes, by name; others are left out.

    Raises:
        ValueError: The record is no such message.
    """
    found = {}
    for features in _parts(memoryview(record), 1):
        for entry in _parts(features, 1):
            name = b"".join(_parts(entry, 1)).decode()
            strings = [
                text for feature in _parts(entry, 2) for items in _parts(feature, 1) for text in _parts(items, 1)
            ]
            if len(strings) == 1:
                found[name] = bytes(strings[0])
    return found


def masked_crc(content: bytes) -> int:
    """Return CRC-32C of ``content``, rotated and shifted as TFRecord stores it."""
    crc: int = google_crc32c.value(content)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _length(file: BinaryIO, path: Path, number: int) -> int:
    head = file.read(_HEAD)
    if len(head) < _HEAD:
        raise _cut(path, number)
    _check(head[:8], head[8:], path, number)
    length: int = struct.unpack("<Q", head[:8])[0]
    return length


def _check(content: bytes, foot: bytes, path: Path, number: int) -> None:
    if masked_crc(content) != struct.unpack("<I", foot)[0]:
        raise DataError(f"checksum of record '{number}' is wrong", where=str(path), help="fetch the file again")


def _cut(path: Path, number: int) -> DataError:
    return DataError(f"the file ends within record '{number}'", where=str(path), help="fetch the file again")


def _parts(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """Give the length-delimited fields ``wanted`` of a protobuf message and skip all others."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == _VARINT:
            _, at = _varint(message, at)
            continue
        if kind == _BYTES:
            length, at = _varint(message, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind} at byte {at}")
        if at + length > len(message):
            raise ValueError(f"a field of {length} bytes at byte {at} of {len(message)}")
        if kind == _BYTES and key >> 3 == wanted:
            yield message[at : at + length]
        at += length


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"a number without end at byte {at}")

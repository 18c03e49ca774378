"""
How rows lie in a file of the spool: one frame after the other, each with its own checksum.

A damaged frame costs itself only: reading goes on at the next frame whose checksum is right. The
checksum starts from the segment's salt, so no webhook body can hold what looks like a frame.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAGIC: Final = b"\xf5Qsp"
ROW_MAX_BYTES: Final = 2 * 1024 * 1024
_HEAD: Final = struct.Struct(">4sII")  # magic, bytes of the row, checksum


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a segment: a row, or bytes that cannot be read (*row* is None)."""

    row: bytes | None
    start: int
    end: int


def to_frame(row: bytes, salt: int) -> bytes:
    """Return the row as it is written."""
    assert len(row) <= ROW_MAX_BYTES
    return _HEAD.pack(MAGIC, len(row), _to_checksum(row, salt)) + row


def scan_frames(data: bytes, salt: int, start: int = 0) -> Iterator[Piece]:
    """Read a segment's bytes from *start* on; every byte lies in exactly one piece."""
    position = start
    while position < len(data):
        row = _read_frame(data, salt, position)
        if row is None:
            end = _find_frame(data, salt, position + 1)
            yield Piece(None, position, end)
        else:
            end = position + _HEAD.size + len(row)
            yield Piece(row, position, end)
        position = end


def _read_frame(data: bytes, salt: int, start: int) -> bytes | None:
    if not data.startswith(MAGIC, start) or start + _HEAD.size > len(data):
        return None
    _, row_bytes, checksum = _HEAD.unpack_from(data, start)
    end = start + _HEAD.size + row_bytes
    if row_bytes > ROW_MAX_BYTES or end > len(data):
        return None
    row = data[start + _HEAD.size : end]
    return row if _to_checksum(row, salt) == checksum else None


def _find_frame(data: bytes, salt: int, start: int) -> int:
    while (start := data.find(MAGIC, start)) >= 0:
        if _read_frame(data, salt, start) is not None:
            return start
        start += 1
    return len(data)


def _to_checksum(row: bytes, salt: int) -> int:
    return zlib.crc32(row, zlib.crc32(len(row).to_bytes(4, "big"), salt))

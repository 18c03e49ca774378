"""Reading the body of an answer without ever holding more of it than is allowed."""

import zlib
from typing import Final

from runtime.errors import PimAnswerTooLarge, PimUnavailable

ACCEPT_ENCODING: Final = "gzip"
_GZIP: Final = zlib.MAX_WBITS | 16
_STEP_BYTES: Final = 1 << 20
"""What is unpacked at once: a small chunk may hold a thousand times its size."""


class BodyReader:
    """
    Collects a body chunk by chunk, unpacked, up to *max_bytes* unpacked bytes.

    Raises:
        PimAnswerTooLarge: more bytes came, or would have come out of a compressed chunk.
        PimUnavailable: the compression is broken, cut short, or not the one that was asked for.
    """

    def __init__(self, *, encoding: str, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._body = bytearray()
        match encoding.strip().lower():
            case "" | "identity":
                self._unpacker = None
            case "gzip" | "x-gzip":
                self._unpacker = zlib.decompressobj(_GZIP)
            case _:
                raise PimUnavailable("the PIM answered in a compression that was not asked for")

    @property
    def size_bytes(self) -> int:
        """How much is held."""
        return len(self._body)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes from the wire."""
        if self._unpacker is None:
            self._take(chunk)
            return
        while chunk:
            if self._unpacker.eof:  # gzip may come in several parts, one after the other
                self._unpacker = zlib.decompressobj(_GZIP)
            try:
                self._take(self._unpacker.decompress(chunk, _STEP_BYTES))
            except zlib.error as error:
                raise PimUnavailable("the PIM's answer cannot be decompressed") from error
            chunk = self._unpacker.unconsumed_tail or self._unpacker.unused_data

    def finish(self) -> bytes:
        """Return the whole body."""
        if self._unpacker is not None and not self._unpacker.eof:
            raise PimUnavailable("the PIM's compressed answer is cut short")
        return bytes(self._body)

    def clear(self) -> None:
        """Let go of what was read: whoever holds the error of a failed request holds us, too."""
        self._body = bytearray()

    def _take(self, unpacked: bytes) -> None:
        if len(self._body) + len(unpacked) > self._max_bytes:
            raise PimAnswerTooLarge(f"the PIM's answer is larger than {self._max_bytes} bytes")
        self._body += unpacked

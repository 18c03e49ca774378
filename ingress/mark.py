"""
The last rung: a mark that says "reconcile since T", for when not even a row can be stored.

Its file is allocated when the process starts, so that setting it needs no free space. While it is
set, calls need no write of their own: what was announced after T is looked at by the reconcile.
"""

import asyncio
import os
import threading
import zlib
from pathlib import Path
from typing import Final

from ingress.segments import sync_folder
from runtime.logs import get_logger

FILE_BYTES: Final = 4_096
MARGIN_S: Final = 900.0
"""A call may be the third try, ten minutes after the change it announces."""
_NAME: Final = "mark"

log = get_logger(__name__)


class Mark:
    """The mark of one process's spool folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._since_s: float | None = None
        self._times_set = 0
        self._setting: asyncio.Future[None] | None = None
        self.is_known = False
        self.is_allocated = False
        self.is_failing = False

    def open(self) -> None:
        """
        Allocate the file, or read what an earlier process left in it.

        Raises:
            OSError: the folder cannot be written.
        """
        if self._descriptor is None:
            self._read()
        if not self.is_allocated:
            self._allocate()

    def _read(self) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            content = os.pread(descriptor, FILE_BYTES, 0)
        except OSError:
            os.close(descriptor)  # what cannot be read must not be overwritten by a later moment
            raise
        self._descriptor, self._since_s, self.is_known = descriptor, _parse(content), True
        self.is_allocated = len(content) == FILE_BYTES

    def _allocate(self) -> None:
        # What it says by now: on a later try, it may have been set or cleared meanwhile.
        self._write(b"" if self._since_s is None else _to_content(self._since_s))
        sync_folder(self._path.parent)
        self.is_allocated = True

    def reopen(self) -> None:
        """
        Do what `open` could not, if it failed; this blocks.

        Raises:
            OSError: it still cannot.
        """
        with self._lock:
            if not self.is_allocated:
                self.open()
                self.is_failing = False
                log.warning("mark.available_again")

    def close(self) -> None:
        """Let go of the file; a mark that is set stays set in it."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    @property
    def since_s(self) -> float | None:
        """Since when notifications may be lost, unix seconds; None: nothing is."""
        return self._since_s

    @property
    def times_set(self) -> int:
        """Grows with each `set`: hand it to `clear`."""
        return self._times_set

    async def set(self, received_s: float) -> None:
        """
        Return once the mark says that what was received at *received_s* may be lost.

        Raises:
            OSError: it says no such thing.
        """
        self._times_set += 1
        since_s = received_s - MARGIN_S
        if self._covers(since_s):
            return
        try:
            while not self._covers(since_s):
                # A disk that hangs must hold one thread only: others are needed to end in order.
                if self._setting is None or self._setting.done():
                    self._setting = self._start_setting(since_s)
                # Died here: the mark is set or not; the caller has no answer, and tries again.
                await asyncio.shield(self._setting)
        except OSError:
            self.is_failing = True
            raise
        self.is_failing = False

    def _covers(self, since_s: float) -> bool:
        return self._since_s is not None and self._since_s <= since_s

    def _start_setting(self, since_s: float) -> asyncio.Future[None]:
        setting = asyncio.get_running_loop().run_in_executor(None, self.set_since, since_s)
        # Whoever waited for it may have given up: then nobody else asks what became of it.
        setting.add_done_callback(lambda it: it.cancelled() or it.exception())
        return setting

    def set_since(self, since_s: float) -> None:
        """Move the mark back to *since_s*, unless it is there already; this blocks."""
        with self._lock:
            self._times_set += 1
            if self._since_s is None or since_s < self._since_s:
                self._write(_to_content(since_s))
                self._since_s = since_s

    async def clear(self, times_set: int) -> bool:
        """
        Forget the mark once Kafka has it.

        Does nothing and returns False if it was set again meanwhile: the reconcile may already
        be past what that call announced.
        """
        if times_set != self._times_set:
            return False
        self._since_s = None  # from here on a call that needs the mark writes it anew
        # Died here: the mark is appended once more, and so is its reconcile.
        await asyncio.to_thread(self._blank)
        return True

    def _blank(self) -> None:
        with self._lock:
            if self._since_s is None:
                self._write(b"")

    def _write(self, content: bytes) -> None:
        if self._descriptor is None:
            raise OSError("the mark is closed")
        os.pwrite(self._descriptor, content.ljust(FILE_BYTES), 0)
        os.fdatasync(self._descriptor)


def read_mark(folder: Path) -> float | None:
    """
    Return since when the mark that another process left says that notifications may be lost.

    Raises:
        OSError: nobody knows what it says.
    """
    try:
        return _parse((folder / _NAME).read_bytes())
    except FileNotFoundError:
        return None


def _to_content(since_s: float) -> bytes:
    text = f"{since_s:.3f}".encode()
    return b"reconcile since %s %d\n" % (text, zlib.crc32(text))


def _parse(content: bytes) -> float | None:
    words = content.split()
    if not words:
        return None
    try:
        text, check = words[2], int(words[3])
        if zlib.crc32(text) == check:
            return float(text)
    except (IndexError, ValueError):
        pass
    # It was set, and the moment is damaged: as long ago as a mark can be that nobody drained.
    log.error("mark.damaged", content=content[:80].decode("ascii", "replace"))
    return 0.0

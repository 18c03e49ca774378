"""
The files of one process's spool: segments that are appended to, sealed, drained and deleted.

All calls block. Beside a segment that is being drained lies a file `.done` with how far it is;
should that be damaged, the segment is drained from its beginning: duplicates are harmless.
"""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingress.frames import Piece, scan_frames, to_frame
from runtime.clock import Clock

SEGMENT_MAX_BYTES: Final = 16 * 1024 * 1024
Sync = Callable[[int], None]
"""Returns once a descriptor's bytes are on the disk, or raises OSError."""
_SUFFIX: Final = ".log"
_DONE_SUFFIX: Final = ".done"
_UNFINISHED_SUFFIX: Final = ".tmp"


@dataclass(frozen=True, slots=True)
class Segment:
    """A sealed file; its name holds its begin, its place among the others, and its salt."""

    path: Path

    @property
    def place(self) -> tuple[int, str]:
        """Grows from one to the next; a clock that is set back does not change the order."""
        return int(self.path.stem.split("-")[1]), self.path.name

    @property
    def created_s(self) -> float:
        """Unix seconds; every row in it is younger."""
        return int(self.path.stem.split("-")[0]) / 1000

    @property
    def salt(self) -> int:
        """Where the checksums of its rows start."""
        return int(self.path.stem.split("-")[2], 16)

    @property
    def size(self) -> int:
        """Bytes in it."""
        return self.path.stat().st_size

    def read_done(self) -> int:
        """Return up to where it is drained."""
        try:
            text, check = self._done_path.read_text("ascii").split()
            return int(text) if int(check) == ~int(text) else 0
        except (OSError, ValueError):
            return 0

    def write_done(self, end: int) -> None:
        """Store up to where it is drained."""
        write_durably(self._done_path, f"{end} {~end}\n".encode())

    def scan(self, start: int | None = None) -> Iterator[Piece]:
        """Read what is not drained yet; *start* None means: from where the note says."""
        start = self.read_done() if start is None else start
        return scan_frames(self.path.read_bytes(), self.salt, start)

    def read_bytes(self, start: int, size: int) -> bytes:
        """Return a stretch of it as it lies on the disk."""
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(size)

    def replace(self, rows: Sequence[bytes]) -> int:
        """
        Put a segment that holds only *rows* in its place; return that one's bytes.

        Raises:
            OSError: it is there still, and perhaps the other one beside it.
        """
        created, number, _ = self.path.stem.split("-")
        salt = secrets.randbits(32)
        path = self.path.with_name(f"{created}-{number}-{salt:08x}{_SUFFIX}")
        data = b"".join(to_frame(row, salt) for row in rows)
        if data:
            _create_durably(path, data)
        self.delete()
        return len(data)

    def delete(self) -> None:
        """Forget it; first the rows, so that a death in between leaves nothing to drain twice."""
        self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._done_path.unlink()

    @property
    def _done_path(self) -> Path:
        return self.path.with_suffix(_DONE_SUFFIX)


def list_segments(folder: Path) -> list[Segment]:
    """Return the segments of a folder, oldest first."""
    segments = (Segment(path) for path in folder.glob(f"*{_SUFFIX}"))
    return sorted(segments, key=lambda segment: segment.place)


def remove_unfinished(folder: Path) -> None:
    """Remove what a process left that died while it replaced a segment."""
    for path in folder.glob(f"*{_UNFINISHED_SUFFIX}"):
        with contextlib.suppress(OSError):  # it is in nobody's way
            path.unlink()


def holds_rows(folder: Path) -> bool:
    """Whether anything lies in a folder's segments."""
    return any(segment.size for segment in list_segments(folder))


class SegmentWriter:
    """Appends to the newest segment; what failed to reach the disk is not in it."""

    def __init__(self, folder: Path, clock: Clock, *, sync: Sync = os.fdatasync) -> None:
        self._folder, self._clock, self._sync = folder, clock, sync
        self._number: int | None = None
        self._descriptor: int | None = None
        self._size = self._salt = 0
        self.active: Segment | None = None

    @property
    def has_rows(self) -> bool:
        """Whether the segment that is appended to holds any."""
        return self._size > 0

    def append(self, rows: Sequence[bytes]) -> int:
        """
        Return the bytes appended, once they are on the disk.

        Raises:
            OSError: none of the rows counts as stored. The segment is left as it was and sealed:
                after a failed fsync nobody knows what the file's cache holds.
        """
        if self._size >= SEGMENT_MAX_BYTES:
            self.seal()
        self.prepare()
        assert self._descriptor is not None
        data = b"".join(to_frame(row, self._salt) for row in rows)
        try:
            _write_all(self._descriptor, data)
            self._sync(self._descriptor)
        except OSError:
            self._abandon()
            raise
        self._size += len(data)
        return len(data)

    def seal(self) -> None:
        """Append no more to the segment; one that holds nothing is removed."""
        descriptor, active, size = self._descriptor, self.active, self._size
        self._descriptor = self.active = None
        self._size = 0
        if descriptor is None or active is None:
            return
        with contextlib.suppress(OSError):  # a disk that went read-only: the next row will tell
            os.close(descriptor)
            if size == 0:
                active.path.unlink(missing_ok=True)

    def prepare(self) -> None:
        """
        Have a segment ready: to make a name durable takes longer than a row may have to wait.

        Raises:
            OSError: there is none.
        """
        if self._descriptor is not None:
            return
        if self._number is None:  # an earlier process may have left some
            self._number = max((it.place[0] for it in list_segments(self._folder)), default=0)
        self._number += 1
        self._salt = secrets.randbits(32)
        name = f"{int(self._clock() * 1000):015d}-{self._number:06d}-{self._salt:08x}{_SUFFIX}"
        path = self._folder / name
        self.active = Segment(path)  # before it exists: whoever lists the folder must not drain it
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            sync_folder(self._folder)
        except OSError:
            self._abandon()
            raise

    def _abandon(self) -> None:
        assert self._descriptor is not None
        with contextlib.suppress(OSError):  # then rows that failed may be drained too: harmless
            os.ftruncate(self._descriptor, self._size)
        self.seal()


def write_durably(path: Path, content: bytes) -> None:
    """Overwrite a small file in place, without a moment at which it is missing."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.pwrite(descriptor, content, 0)
        os.ftruncate(descriptor, len(content))
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def _create_durably(path: Path, content: bytes) -> None:
    unfinished = path.with_suffix(_UNFINISHED_SUFFIX)
    try:
        write_durably(unfinished, content)
        unfinished.rename(path)
        sync_folder(path.parent)
    except OSError:
        for left in (unfinished, path):  # it takes room that a full disk does not have
            with contextlib.suppress(OSError):
                left.unlink()
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]

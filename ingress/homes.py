"""
Which folder of the spool belongs to whom: one per process, locked for as long as it lives.

The kernel drops the lock of a process that died, so a folder that can be locked has no owner and
may be adopted. A folder that was drained is deleted by whoever holds its lock.
"""

import fcntl
import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ingress.mark import Mark
from ingress.segments import holds_rows, sync_folder
from runtime.errors import OperatorError
from runtime.logs import get_logger

_LOCK: Final = "lock"
_PREFIX: Final = "ingress-"

log = get_logger(__name__)


class SpoolPathUnusable(OperatorError):
    """The spool's folder cannot be written."""

    exit_code = 3


@dataclass(slots=True)
class Home:
    """A locked folder; *descriptor* holds the lock."""

    folder: Path
    descriptor: int

    def delete(self) -> None:
        """Remove the folder and unlock it; only once nothing is left in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.release()

    def release(self) -> None:
        """Unlock the folder, for another process to adopt."""
        os.close(self.descriptor)


def make_folder(path: Path) -> None:
    """Create a folder that only this user may read."""
    path.mkdir(mode=0o700)


def take_home(root: Path, *, make: Callable[[Path], None] = make_folder) -> Home:
    """
    Lock a folder that has no owner, or a new one.

    Raises:
        SpoolPathUnusable: neither can be had.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        adopted = adopt_home(root)
        if adopted is not None:
            return adopted
        home = None
        while home is None:  # until it is locked, another process may adopt it
            folder = root / f"{_PREFIX}{secrets.token_hex(4)}"
            make(folder)
            home = _lock(folder)
        sync_folder(root)  # else what is stored in the folder may be gone together with its name
    except OSError as error:
        raise SpoolPathUnusable(
            f"The spool's folder {root} cannot be used: {error}.\n"
            "The ingress answers from it while Kafka is away, so it does not start without.\n"
            "Point QUINDEX_SPOOL_PATH to a folder on a local disk that this user may write."
        ) from error
    return home


def adopt_home(root: Path) -> Home | None:
    """Lock and return a folder whose process is gone, or None."""
    for folder in sorted(root.glob(f"{_PREFIX}*")):
        home = _lock(folder)
        if home is not None:
            return home
    return None


def leave_home(home: Home, mark: Mark) -> bool:
    """
    Delete the folder if it is empty, else leave it for the next process; return whether it was.

    The disk is asked, not what was counted: a folder that is kept costs nothing. Neither may it go
    with a mark that could not be read.
    """
    try:
        is_empty = mark.is_known and mark.since_s is None and not holds_rows(home.folder)
    except OSError as error:
        log.warning("spool.unreadable", error=str(error), folder=str(home.folder))
        is_empty = False
    if is_empty:
        home.delete()
    else:
        home.release()
    return is_empty


def _lock(folder: Path) -> Home | None:
    path = folder / _LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return None  # its owner just deleted it
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(descriptor).st_ino:
            return Home(folder, descriptor)
    except (BlockingIOError, FileNotFoundError):
        pass  # it has an owner, or was deleted between the two calls
    os.close(descriptor)
    return None

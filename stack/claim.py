"""
Which process runs on a folder: a small file, locked for as long as that process lives.

The lock belongs to an open file that the process inherits, so it ends with the process, however
that ends, and cannot be confused with another process that got the same id later.
"""

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

WRITTEN_WITHIN_S = 5.0
"""From taking the claim to writing who took it."""

LOOKED_AT_WITHIN_S = 0.2
"""Whoever reads a claim holds the lock too, for a moment."""

POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Claim:
    """A running process and the port it serves."""

    pid: int
    port: int


def take_claim(path: Path) -> int | None:
    """Return a locked file descriptor to hand down to the process, or None if one runs already."""
    deadline_s = time.monotonic() + LOOKED_AT_WITHIN_S
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() > deadline_s:
                return None
            time.sleep(POLL_S)
            continue
        if _is_still(path, descriptor):
            os.truncate(descriptor, 0)
            return descriptor
        os.close(descriptor)  # another process removed it between our two calls


def write_claim(descriptor: int, claim: Claim) -> None:
    os.pwrite(descriptor, json.dumps(asdict(claim)).encode(), 0)


def read_claim(path: Path) -> Claim | None:
    """Return who runs, or None if nobody does."""
    deadline_s = time.monotonic() + WRITTEN_WITHIN_S
    while (content := _locked_content(path)) is not None:
        if content:
            return _parse(json.loads(content))
        if time.monotonic() > deadline_s:
            return None
        time.sleep(POLL_S)
    return None


def drop_claim(path: Path) -> None:
    """Remove the file unless a process runs."""
    if not path.exists():
        return
    descriptor = take_claim(path)
    if descriptor is not None:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _locked_content(path: Path) -> bytes | None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(descriptor, 4096)
    else:
        return None
    finally:
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _parse(content: Mapping[str, int]) -> Claim:
    return Claim(pid=content["pid"], port=content["port"])

"""
Labelled points, at which a test makes a process die.

QUINDEX_FAULT_POINT=debounce.taken:3 kills the process (SIGKILL: no handler, no flush) the third
time that it reaches the point. Unset, a point costs one comparison.
"""

import os
import signal
from collections.abc import Mapping
from typing import Final

VARIABLE: Final = "QUINDEX_FAULT_POINT"

POINTS: Final = (
    "debounce.taken",
    "due.before",
    "due.after",
    "quota.granted",
    "pim.before",
    "pim.after",
    "snapshot.before",
    "snapshot.after",
    "bulk.before",
    "bulk.after",
    "commit.before",
    "commit.after",
)

_armed: dict[str, int] = {}


def arm(environ: Mapping[str, str]) -> None:
    """
    Read which point is meant to kill this process.

    Raises:
        ValueError: there is no such point, or what follows it is no number.
    """
    _armed.clear()
    if wanted := environ.get(VARIABLE):
        point, _, times = wanted.partition(":")
        if point not in POINTS:
            raise ValueError(f"{VARIABLE}: no point is called {point!r}; there are {POINTS}")
        if not (times or "1").isdecimal():
            raise ValueError(f"{VARIABLE}: {times!r} is not how often")
        _armed[point] = int(times or 1)


def reach(point: str) -> None:
    """Die here, if that was asked for."""
    if _armed and point in _armed:
        _armed[point] -= 1
        if _armed[point] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

"""Waiting for another process."""

import time
from collections.abc import Callable

POLL_S = 0.05


def eventually(condition: Callable[[], object], *, within_s: float) -> None:
    """Return once *condition* holds; fail if it does not in time."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s"
        time.sleep(POLL_S)

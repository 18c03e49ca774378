"""Waiting for another process."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ops.installation import UNANSWERED
from runtime.errors import SinkUnavailable

POLL_S = 0.05
ANSWERS_WITHIN_S = 60.0
NO_ANSWER = (*UNANSWERED, SinkUnavailable)
"""What is raised if something is too slow: it may answer the next time."""

Answer = TypeVar("Answer")


def eventually(condition: Callable[[], object], *, within_s: float) -> None:
    """Return once *condition* holds; fail if it does not in time."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, f"not within {within_s:g} s"
        time.sleep(POLL_S)


async def patiently(
    ask: Callable[[], Awaitable[Answer]], *, within_s: float = ANSWERS_WITHIN_S
) -> Answer:
    """Return the first answer; while there is none it asks again, and raises in the end."""
    deadline_s = time.monotonic() + within_s
    while True:
        try:
            return await ask()
        except NO_ANSWER:
            if time.monotonic() > deadline_s:
                raise
        await asyncio.sleep(POLL_S)

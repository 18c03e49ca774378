"""Waiting for something to happen, or for time to pass; a test passes its own."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

Pause = Callable[[asyncio.Event, float | None], Awaitable[None]]
"""Returns once the event is set or so many seconds have passed; None: only once it is set."""


async def pause(event: asyncio.Event, within_s: float | None) -> None:
    """Wait by the real time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()

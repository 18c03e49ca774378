"""
Reading ahead in `due` while the fetch stage is full: a live edit never waits behind a bulk.

What is found ahead is fetched at once. Its record itself is acknowledged when the stage comes to
it: by then it is done, or it coalesces with what still waits.

If the process dies: nothing that was found ahead was acknowledged, so it is read and fetched again.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Final, Protocol

from aiokafka.errors import KafkaError

from runtime.logs import get_logger
from topics.due import Lane
from topics.records import Received
from topics.scans import is_scan

LOOK_EVERY_S: Final = 0.5
AHEAD_MAX: Final = 20_000
"""Live records that were found ahead; further ones wait for their turn."""
_IS_LIVE: Final = f'"lane":"{Lane.LIVE.value}"'.encode()

log = get_logger(__name__)

ReadAhead = Callable[[int], AsyncGenerator[Sequence[Received], None]]
"""Yields the records of `due` from an offset on, and what is appended later, for ever."""


class Fetches(Protocol):
    """The fetch stage."""

    @property
    def is_full(self) -> bool:
        """Whether it takes no more for now."""

    async def take(self, received: Received) -> None:
        """Queue a due record, once there is room."""

    async def take_now(self, received: Received) -> None:
        """Queue a due record beyond all others."""


class Scout:
    """Hands records to the fetch stage, live ones before their turn."""

    def __init__(self, fetcher: Fetches, read_ahead: ReadAhead) -> None:
        self._fetcher, self._read_ahead = fetcher, read_ahead
        self._drops = 0
        self._reached = -1  # the newest record that the stage was handed in its turn
        self._ahead: dict[int, bool] = {}  # records that were found ahead: whether they are done

    @property
    def ahead(self) -> int:
        """How many records were found ahead, and not come to yet."""
        return len(self._ahead)

    async def take(self, received: Received) -> None:
        """Accept the next record, in its turn."""
        self._reached = received.offset
        if self._ahead.pop(received.offset, False):
            received.acknowledge()
            return
        await self._fetcher.take(received)

    async def run(self) -> None:
        """Read ahead whenever the stage is full, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._fetcher.is_full:
                continue
            try:
                await self._look_ahead()
            except KafkaError as error:
                log.warning("scout.failed", error=repr(error))

    def drop(self) -> None:
        """Forget everything: the records will be delivered again, here or elsewhere."""
        self._ahead.clear()
        self._drops += 1

    async def _look_ahead(self) -> None:
        """Go on until the stage has come to where the scout is."""
        position, drops = self._reached + 1, self._drops
        log.info("scout.started", offset=position)
        async with aclosing(self._read_ahead(position)) as batches:
            async for batch in batches:
                for received in batch:
                    if self._drops != drops:
                        break
                    position = received.offset + 1
                    await self._find(received)
                if self._drops != drops or self._reached >= position - 1:
                    break
        log.info("scout.ended", offset=position)

    async def _find(self, received: Received) -> None:
        if received.offset <= self._reached or len(self._ahead) >= AHEAD_MAX:
            return
        if is_scan(received.key) or received.value is None or _IS_LIVE not in received.value:
            return
        offset = received.offset
        self._ahead[offset] = False
        await self._fetcher.take_now(replace(received, acknowledge=partial(self._note, offset)))

    def _note(self, offset: int) -> None:
        """What was found ahead is done; its record comes later, unless the stage has had it."""
        if offset in self._ahead:
            self._ahead[offset] = True

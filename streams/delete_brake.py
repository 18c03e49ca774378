"""
The brake on unannounced deletes: a PIM that suddenly denies everything must not empty the index.

What went through, and what was parked, lies in the topic `control`, so that a successor goes on
counting.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from runtime.clock import Clock
from runtime.errors import SinkUnavailable
from runtime.logs import get_logger
from streams.log_reader import Read
from topics.control import BRAKED, UNANNOUNCED, fold_deletes, to_delete_key, to_delete_value
from topics.records import Publisher

SPAN_S: Final = 3_600.0
RELOAD_AFTER_S: Final = 5.0
"""A person may have decided meanwhile; reading `control` whole takes some milliseconds."""
LIMIT_MIN: Final = 50
LIMIT_SHARE: Final = 0.01

ReadControl = Callable[[], Awaitable[list[Read]]]

log = get_logger(__name__)


class DeleteBrake:
    """
    Lets at most *limit* unannounced deletes through in an hour.

    *limit_given* None means: the larger of 50 and one in a hundred of the live resources, which
    *count_live* counts. *read_control* returns all records of `control`.
    """

    def __init__(
        self,
        *,
        publisher: Publisher,
        topic: str,
        read_control: ReadControl,
        count_live: Callable[[], Awaitable[int]],
        limit_given: int | None,
        clock: Clock,  # time.time
    ) -> None:
        self._publisher, self._topic, self._clock = publisher, topic, clock
        self._read_control, self._count_live = read_control, count_live
        self._limit_given = limit_given
        self.limit = LIMIT_MIN if limit_given is None else limit_given
        self._passed: dict[str, float] | None = None  # key: when; None: not read yet
        self._braked: dict[str, float] = {}
        self._loaded_s = 0.0
        self._deciding = asyncio.Lock()  # many deletes of one answer are judged side by side

    async def admit(self, key: str) -> bool:
        """
        Return whether the unannounced delete of a resource may go through now.

        Raises:
            KafkaUnavailable: nobody knows now.
        """
        async with self._deciding:
            return await self._decide(key)

    async def release(self, key: str) -> None:
        """
        Note that a resource lives: its parked delete is of no account any more.

        Raises:
            KafkaUnavailable: nobody knows now.
        """
        async with self._deciding:
            if self._passed is None:
                await self._load()
            if key not in self._braked:
                return
            await self._publisher.append(self._topic, key=to_delete_key(BRAKED, key), value=None)
            del self._braked[key]

    def forget(self) -> None:
        """Read everything anew before the next decision: someone else may have decided meanwhile."""
        self._passed = None

    async def _decide(self, key: str) -> bool:
        passed = await self._load()
        now_s = self._clock()
        for old in [each for each, at_s in passed.items() if at_s <= now_s - SPAN_S]:
            if not self._braked:  # else a person may want to know what went before
                await self._publisher.append(
                    self._topic, key=to_delete_key(UNANNOUNCED, old), value=None
                )
            del passed[old]
        if key in passed:
            return True
        if self._limit_given is None:
            with contextlib.suppress(SinkUnavailable):  # then the limit stays what it was
                self.limit = max(LIMIT_MIN, int(await self._count_live() * LIMIT_SHARE))
        admitted = len(passed) < self.limit
        prefix, held = (UNANNOUNCED, passed) if admitted else (BRAKED, self._braked)
        await self._publisher.append(
            self._topic, key=to_delete_key(prefix, key), value=to_delete_value(now_s)
        )
        held[key] = now_s
        if not admitted:
            log.error("deletes.braked", key=key, limit=self.limit, parked=len(self._braked))
        return admitted

    async def _load(self) -> dict[str, float]:
        if self._passed is None or self._clock() - self._loaded_s >= RELOAD_AFTER_S:
            asked_s, records = self._clock(), await self._read_control()
            self._passed, self._braked = fold_deletes((each.key, each.value) for each in records)
            self._loaded_s = asked_s
        return self._passed

"""
Where a call's record is stored before it is answered: the first rung that holds.

| Answer | Where the notification lies | Why it cannot be lost |
|---|---|---|
| 202, kafka | on the in-sync replicas of its partition (acks=all) | Kafka keeps it 7 days |
| 202, spool | in a segment on this disk, after fdatasync | the drain deletes it only once Kafka has it; if this process is gone for good, another adopts its folder |
| 202, mark | nowhere; the mark says "reconcile since before it" | the mark goes only once Kafka has it as a notification; the reconcile compares PIM and index since then |
| 503 | with Quable, which tries again | nothing was promised; one alarm says so |
| none (the process died, the caller left) | with Quable, which tries again; it may also lie in one of the places above | a notification may come twice: harmless |
| 401, 400, 404 | with the caller | it was not Quable's |

A record that was not stored in time may still arrive, so it may lie on two rungs: harmless too.
Each rung has a deadline, counted from the call's begin, and the last is below the 5 s that Quable
waits: what Kafka did not use up (its breaker is open), a slow disk has.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from ingress.accepted import Accepted
from ingress.breaker import Breaker
from ingress.judgement import to_dead_letter
from ingress.spool import SpoolUnavailable
from runtime.clock import Clock
from runtime.errors import KafkaRefused, KafkaUnavailable, RecordTooLarge
from runtime.logs import get_logger
from runtime.metrics import breaker_open, webhook_marks
from topics.names import TopicNames
from topics.records import Publisher

KAFKA_DEADLINE_S: Final = 1.5
SPOOL_DEADLINE_S: Final = 3.0
MARK_DEADLINE_S: Final = 4.4
"""All three from the call's begin."""
HEAD_BYTES: Final = 4 * 1024

log = get_logger(__name__)


class Rung(StrEnum):
    """Where a record was stored."""

    KAFKA = "kafka"
    SPOOL = "spool"
    MARK = "mark"
    NOWHERE = "nowhere"


class Store(Protocol):
    """The spool, as the ladder sees it."""

    async def store(self, accepted: Accepted) -> None:
        """
        Return once the record is on the disk.

        Raises:
            SpoolUnavailable: it is not stored.
        """


class Marker(Protocol):
    """The mark, as the ladder sees it."""

    async def set(self, received_s: float) -> None:
        """
        Return once the mark covers a call received at *received_s*.

        Raises:
            OSError: it does not.
        """


@dataclass(slots=True)
class Ladder:
    """Stores what was accepted on the first rung that holds."""

    publisher: Publisher
    is_ready: Callable[[], bool]  # whether the publisher found Kafka
    spool: Store
    mark: Marker
    breaker: Breaker
    names: TopicNames
    monotonic: Clock
    clock: Clock  # time.time
    kafka_deadline_s: float = KAFKA_DEADLINE_S
    spool_deadline_s: float = SPOOL_DEADLINE_S
    mark_deadline_s: float = MARK_DEADLINE_S
    _waiting: set[asyncio.Timeout] = field(default_factory=set, init=False)
    _is_refusing: bool = field(default=False, init=False)

    async def store(self, accepted: Accepted) -> Rung:
        """Return where the record is now durable. Died at any await below: see the table."""
        began_s = asyncio.get_running_loop().time()
        rung, error = await self._climb(accepted, began_s)
        if (rung is Rung.NOWHERE) != self._is_refusing:
            self._is_refusing = not self._is_refusing
            if self._is_refusing:  # one alarm, however many calls are refused
                log.critical("calls.refused", error=error)
            else:
                log.warning("calls.accepted_again", stored=rung.value)
        return rung

    async def _climb(self, accepted: Accepted, began_s: float) -> tuple[Rung, str]:
        if self.is_ready() and not self.breaker.is_open:
            try:
                if await self._append(accepted):
                    return Rung.KAFKA, ""
            except RecordTooLarge as too_large:
                accepted = cut(accepted, self.names, now_s=self.clock(), error=too_large)
        if await self._spool(accepted, began_s):
            return Rung.SPOOL, ""
        error = await self._set_mark(began_s)
        return (Rung.NOWHERE, error) if error else (Rung.MARK, "")

    async def _append(self, accepted: Accepted) -> bool:
        try:
            async with asyncio.timeout(self.kafka_deadline_s) as deadline:
                self._waiting.add(deadline)
                try:
                    await self.publisher.append(
                        accepted.topic,
                        key=accepted.key,
                        value=accepted.value,
                        headers=accepted.headers,
                    )
                finally:
                    self._waiting.discard(deadline)
        except RecordTooLarge:
            raise
        except (KafkaUnavailable, KafkaRefused, TimeoutError) as error:
            if isinstance(error, KafkaRefused) and accepted.topic != self.names.notifications:
                return False  # one topic's trouble says nothing of Kafka
            self._note_failure(str(error) or "no answer in time")
            return False
        except Exception as error:  # noqa: BLE001 (whatever broke, the next rung may hold)
            _report(Rung.KAFKA, error)
            return False
        self.breaker.succeeded()
        return True

    def _note_failure(self, error: str) -> None:
        if self.breaker.failed(self.monotonic()):
            breaker_open.set(1)
            log.warning("kafka.given_up", error=error, calls=len(self._waiting))
            now_s = asyncio.get_running_loop().time()
            for deadline in self._waiting:  # why should they wait any longer
                if not deadline.expired():
                    deadline.reschedule(now_s)

    async def _spool(self, accepted: Accepted, began_s: float) -> bool:
        try:
            async with asyncio.timeout_at(began_s + self.spool_deadline_s):
                await self.spool.store(accepted)
        except (SpoolUnavailable, TimeoutError):
            return False
        except Exception as error:  # noqa: BLE001 (whatever broke, the next rung may hold)
            _report(Rung.SPOOL, error)
            return False
        return True

    async def _set_mark(self, began_s: float) -> str:
        """Return what hindered it, or nothing."""
        try:
            async with asyncio.timeout_at(began_s + self.mark_deadline_s):
                await self.mark.set(self.clock())
        except (OSError, TimeoutError) as error:
            return f"the mark was not written: {str(error) or 'the disk did not answer in time'}"
        webhook_marks.inc()
        return ""


def _report(rung: Rung, error: Exception) -> None:
    log.critical("rung.broken", rung=rung.value, error=f"{type(error).__name__}: {error}")


def cut(accepted: Accepted, names: TopicNames, *, now_s: float, error: RecordTooLarge) -> Accepted:
    """Return the dead letter of a record that its topic does not take: at most half of it."""
    head = accepted.value[: min(HEAD_BYTES, len(accepted.value) // 2)]
    return to_dead_letter(head, names, now_s=now_s, reason=error.reason, error=str(error)).accepted

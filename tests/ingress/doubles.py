"""Fakes of the rungs."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from ingress.accepted import Accepted
from ingress.spool import SpoolUnavailable
from runtime.errors import KafkaRefused, RecordTooLarge
from topics.memory import MemoryPublisher


@dataclass
class Kafka(MemoryPublisher):
    """A publisher that can also be stuck, take small values only, or nothing of some topics."""

    is_stuck: bool = False
    refused: set[str] = field(default_factory=set)
    value_max_bytes: int = 10**9
    waiting: int = 0

    async def append(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, bytes] | None = None,
        partition: int | None = None,
    ) -> int:
        """Append, fail, or never answer."""
        if self.is_stuck:
            self.waiting += 1
            await asyncio.Event().wait()
        if topic in self.refused:
            raise KafkaRefused(f"not authorized to write to {topic}")
        if len(value or b"") > self.value_max_bytes:
            raise RecordTooLarge("too large for this topic")
        return await super().append(
            topic, key=key, value=value, headers=headers, partition=partition
        )


@dataclass
class MemorySpool:
    """Keeps what it is given, unless it *is_failing*, *is_stuck* or has a *defect*."""

    accepted: list[Accepted] = field(default_factory=list)
    is_failing: bool = False
    is_stuck: bool = False
    defect: Exception | None = None

    async def store(self, accepted: Accepted) -> None:
        """Keep it."""
        if self.is_stuck:
            await asyncio.Event().wait()
        if self.defect is not None:
            raise self.defect
        if self.is_failing:
            raise SpoolUnavailable("full")
        self.accepted.append(accepted)


@dataclass
class MemoryMark:
    """Remembers when it was set, unless it *is_failing*, *is_stuck* or has a *defect*."""

    times_s: list[float] = field(default_factory=list)
    is_failing: bool = False
    is_stuck: bool = False
    defect: Exception | None = None

    async def set(self, received_s: float) -> None:
        """Remember it."""
        if self.is_stuck:
            await asyncio.Event().wait()
        if self.defect is not None:
            raise self.defect
        if self.is_failing:
            raise OSError(30, "Read-only file system")
        self.times_s.append(received_s)

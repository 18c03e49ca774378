"""
The form of a record, whatever carries it: Kafka in production, memory in tests.

A stage takes `Received` records, appends through a `Publisher`, and acknowledges last.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """A record that a stage was handed; its effect must be durable before it is acknowledged."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    appended_s: float  # when Kafka stored it, unix seconds
    acknowledge: Callable[[], object]
    headers: Mapping[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Any, acknowledge: Callable[[], object]) -> Self:
        """Return a record of aiokafka's consumer as a stage knows it."""
        return cls(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            appended_s=record.timestamp / 1000,
            acknowledge=acknowledge,
            headers={name: value or b"" for name, value in record.headers or ()},
        )


class Publisher(Protocol):
    """Appends records to topics."""

    async def append(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, bytes] | None = None,
        partition: int | None = None,
    ) -> int:
        """
        Return the record's offset once it is stored durably.

        *partition* None means: by the key.

        Raises:
            KafkaUnavailable: it may or may not be stored.
            RecordTooLarge: the topic does not take a record of this size.
            KafkaRefused: the topic takes none from us: a right is missing, or the topic is.
        """

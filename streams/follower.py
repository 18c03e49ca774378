"""Reads `reference` or `control` whole, then follows it: outside of the group, in every worker."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

_WAIT_MAX_MS: Final = 500


class Follows(Protocol):
    """What takes in the records of a topic, one by one."""

    def apply(self, key: bytes | None, value: bytes | None) -> object:
        """Take in a record."""


class Follower:
    """Feeds *follows*; from `start` on it holds all that the topic held then."""

    def __init__(self, follows: Follows, topic: str, options: Mapping[str, Any]) -> None:
        self._follows, self._options = follows, options
        self._where = TopicPartition(topic, 0)
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """
        Connect, and read to the end as of now.

        Raises:
            KafkaError: the brokers do not answer.
        """
        self._consumer = consumer = AIOKafkaConsumer(
            **self._options, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        first = (await consumer.beginning_offsets([self._where]))[self._where]
        end = (await consumer.end_offsets([self._where]))[self._where]
        consumer.assign([self._where])
        consumer.seek(self._where, first)
        while await consumer.position(self._where) < end:
            await self._read()

    async def run(self) -> None:
        """Follow, until cancelled."""
        while True:
            await self._read()

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def _read(self) -> None:
        assert self._consumer is not None, "start() comes first"
        batch = await self._consumer.getmany(self._where, timeout_ms=_WAIT_MAX_MS)
        for record in batch.get(self._where, []):
            self._follows.apply(record.key, record.value)

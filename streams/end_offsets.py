"""End offsets, from the brokers: what a fetch that starts now covers, how far a log reaches."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from runtime.errors import KafkaUnavailable

_TIMEOUT_S: Final = 10.0


class KafkaEndOffsets:
    """Asks the brokers, every time."""

    def __init__(self, topic: str, options: Mapping[str, Any]) -> None:
        self._topic, self._options = topic, options
        self._consumer: AIOKafkaConsumer | None = None
        self._partitions: list[int] = []

    async def start(self) -> None:
        """
        Connect, and learn the topic's partitions once: the worker ends when their count changes.

        Raises:
            KafkaUnavailable: there is no such topic.
            KafkaError: no broker answers.
        """
        self._consumer = AIOKafkaConsumer(**self._options, enable_auto_commit=False)
        await self._consumer.start()
        cluster = await self._consumer._client.fetch_all_metadata()  # noqa: SLF001  # the public call reads a cache
        self._partitions = sorted(cluster.partitions_for_topic(self._topic) or ())
        if not self._partitions:
            await self._consumer.stop()
            raise KafkaUnavailable(f"there is no topic {self._topic}")

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()

    async def read(self) -> Mapping[int, int]:
        """Ask the leaders of all partitions, in one request to each broker."""
        assert self._consumer is not None, "start() comes first"
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                found = await self._consumer.end_offsets(
                    [TopicPartition(self._topic, number) for number in self._partitions]
                )
        except (KafkaError, TimeoutError) as error:
            raise KafkaUnavailable(f"no end offsets of {self._topic}: {error!r}") from error
        return {where.partition: int(end) for where, end in found.items()}

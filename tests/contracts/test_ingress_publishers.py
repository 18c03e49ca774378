"""The ingress's publisher and its fake do the same, on the real Kafka and in memory."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient

from ingress.publisher import KafkaPublisher
from runtime.errors import KafkaRefused, KafkaUnavailable, RecordTooLarge
from stack.choose import Servers
from tests.ingress.doubles import Kafka
from tests.ingress.processes import read_topic
from topics.memory import Appended
from topics.partitions import to_partition
from topics.records import Publisher

PARTITIONS = 12
VALUE_MAX_BYTES = 100_000
ENOUGH_S = 20.0
MISSING = "contract-missing"


class Subject(Protocol):
    """A publisher, a topic, and what lies in it."""

    @property
    def publisher(self) -> Publisher:
        """What is tried."""

    @property
    def topic(self) -> str:
        """Where it appends."""

    async def read(self) -> list[Appended]:
        """Return all records of the topic."""


@dataclass
class InMemory:
    """The fake."""

    publisher: Kafka
    topic: str = "t"

    async def read(self) -> list[Appended]:
        """Return all records of the topic."""
        return self.publisher.of(self.topic)


@dataclass
class Real:
    """The real one."""

    publisher: KafkaPublisher
    topic: str
    bootstrap: str

    async def read(self) -> list[Appended]:
        """Return all records of the topic."""
        return await asyncio.to_thread(read_topic, self.bootstrap, self.topic)


Open = Callable[[], AbstractAsyncContextManager[Subject]]


@asynccontextmanager
async def in_memory() -> AsyncIterator[Subject]:
    kafka = Kafka(partitions=PARTITIONS, value_max_bytes=VALUE_MAX_BYTES, refused={MISSING})
    yield InMemory(kafka)


@pytest.fixture(
    params=["memory", pytest.param("kafka", marks=pytest.mark.stack)],
)
def open_subject(request: pytest.FixtureRequest) -> Open:
    if request.param == "memory":
        return in_memory
    servers: Servers = request.getfixturevalue("servers")

    @asynccontextmanager
    async def real() -> AsyncIterator[Subject]:
        topic = f"contract-{uuid4().hex[:8]}"
        await asyncio.to_thread(create_topic, servers.kafka, topic)
        publisher = KafkaPublisher({"bootstrap_servers": servers.kafka}, [topic])
        await publisher.start()
        try:
            async with asyncio.timeout(ENOUGH_S):
                while not publisher.is_ready:  # noqa: ASYNC110 (it looks for Kafka in a thread)
                    await asyncio.sleep(0.05)
            yield Real(publisher, topic, servers.kafka)
        finally:
            await publisher.close()

    return real


def create_topic(bootstrap: str, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        configs = {"max.message.bytes": str(VALUE_MAX_BYTES)}
        admin.create_topics(
            {topic: {"num_partitions": PARTITIONS, "replication_factor": 1, "configs": configs}}
        )
    finally:
        admin.close()


def test_a_record_lies_in_the_partition_of_its_key_as_it_was(open_subject: Open) -> None:
    async def test() -> None:
        async with open_subject() as subject:
            headers = {"source": b"webhook", "received_at": b"1.000"}
            value = bytes(range(256))
            await subject.publisher.append(
                subject.topic, key="clé".encode(), value=value, headers=headers
            )

            [record] = await subject.read()
            assert (record.key, record.value) == ("clé".encode(), value)
            assert record.headers == headers
            assert record.partition == to_partition("clé".encode(), PARTITIONS)

    asyncio.run(test())


def test_a_partition_may_be_named(open_subject: Open) -> None:
    async def test() -> None:
        async with open_subject() as subject:
            offsets = [
                await subject.publisher.append(subject.topic, key=b"k", value=b"v", partition=7)
                for _ in range(2)
            ]

            assert [record.partition for record in await subject.read()] == [7, 7]
            assert offsets == [0, 1]

    asyncio.run(test())


def test_a_value_that_is_too_large_is_refused_and_the_next_is_taken(open_subject: Open) -> None:
    async def test() -> None:
        async with open_subject() as subject:
            incompressible = b"".join(uuid4().bytes for _ in range(VALUE_MAX_BYTES // 8))
            with pytest.raises(RecordTooLarge):
                await subject.publisher.append(subject.topic, key=None, value=incompressible)
            await append_in_the_end(subject)

            assert [record.value for record in await subject.read()] == [b"v"]

    asyncio.run(test())


async def append_in_the_end(subject: Subject) -> None:
    """Append a small record; the real one first has to replace its producer."""
    async with asyncio.timeout(ENOUGH_S):
        while True:
            try:
                await subject.publisher.append(subject.topic, key=b"k", value=b"v")
            except KafkaUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


@pytest.mark.parametrize("key", [b"k", None])
def test_a_topic_that_is_not_there_is_refused_and_the_next_is_taken(
    open_subject: Open, key: bytes | None
) -> None:
    async def test() -> None:
        async with open_subject() as subject:
            for _ in range(2):
                with pytest.raises(KafkaRefused):
                    await subject.publisher.append(MISSING, key=key, value=b"v")
            await subject.publisher.append(subject.topic, key=b"k", value=b"v")

            assert [record.value for record in await subject.read()] == [b"v"]

    asyncio.run(test())


@pytest.mark.stack
def test_only_the_first_topic_must_be_there_and_another_is_found_once_it_is(
    servers: Servers,
) -> None:
    async def test() -> None:
        needed, later = (f"contract-{uuid4().hex[:8]}" for _ in range(2))
        await asyncio.to_thread(create_topic, servers.kafka, needed)
        publisher = KafkaPublisher({"bootstrap_servers": servers.kafka}, [needed, later])
        await publisher.start()
        try:
            subject = Real(publisher, needed, servers.kafka)
            await append_in_the_end(subject)
            with pytest.raises(KafkaRefused):
                await publisher.append(later, key=b"k", value=b"v")
            await publisher.append(needed, key=b"k", value=b"v")

            await asyncio.to_thread(create_topic, servers.kafka, later)
            async with asyncio.timeout(ENOUGH_S):
                while not await is_taken(publisher, later):  # noqa: ASYNC110 (it asks in a thread)
                    await asyncio.sleep(0.05)
        finally:
            await publisher.close()

    asyncio.run(test())


async def is_taken(publisher: KafkaPublisher, topic: str) -> bool:
    """Append a record, unless the topic is refused."""
    try:
        await publisher.append(topic, key=b"k", value=b"v")
    except KafkaRefused:
        return False
    return True


def test_many_at_once_are_all_stored(open_subject: Open) -> None:
    async def test() -> None:
        async with open_subject() as subject:
            values = [str(number).encode() for number in range(1_000)]
            await asyncio.gather(
                *(subject.publisher.append(subject.topic, key=v, value=v) for v in values)
            )

            assert sorted(record.value or b"" for record in await subject.read()) == sorted(values)

    asyncio.run(test())


def test_without_kafka_it_starts_says_so_and_closes() -> None:
    async def test() -> None:
        publisher = KafkaPublisher({"bootstrap_servers": "127.0.0.1:1"}, ["t"])
        await publisher.start()
        assert not publisher.is_ready
        with pytest.raises(KafkaUnavailable):
            await publisher.append("t", key=b"k", value=b"v")
        await publisher.close()

    asyncio.run(test())


def test_it_needs_no_thread_that_a_disk_may_hold() -> None:
    async def test() -> None:
        is_free = threading.Event()
        for _ in range(64):  # more than the loop has
            asyncio.get_running_loop().run_in_executor(None, is_free.wait)
        try:
            publisher = KafkaPublisher({"bootstrap_servers": "127.0.0.1:1"}, ["t"])
            await publisher.start()
            async with asyncio.timeout(ENOUGH_S):
                await publisher.close()
        finally:
            is_free.set()

    asyncio.run(test())

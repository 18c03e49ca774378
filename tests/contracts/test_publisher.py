"""The stages' publisher and the one in memory do the same."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from random import Random
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient

from runtime.errors import RecordTooLarge
from stack.choose import Servers
from streams.publisher import KafkaPublisher
from tests.ingress.processes import read_topic
from tests.simulated.log import Log, LogPublisher
from tests.simulated.network import Line
from tests.virtual_time import run_virtually
from topics.memory import Appended, MemoryPublisher
from topics.partitions import to_partition
from topics.records import Publisher

PARTITIONS = 12
VALUE_MAX_BYTES = 100_000
ENOUGH_S = 30.0


@dataclass(frozen=True)
class Subject:
    """A publisher, a topic, and what lies in it, partition by partition."""

    publisher: Publisher
    topic: str
    read: Callable[[], Awaitable[list[Appended]]]


Open = Callable[[], AbstractAsyncContextManager[Subject]]


@asynccontextmanager
async def open_memory() -> AsyncIterator[Subject]:
    publisher = MemoryPublisher(PARTITIONS)

    async def read() -> list[Appended]:
        return sorted(publisher.of("t"), key=lambda record: record.partition)

    yield Subject(publisher, "t", read)


@asynccontextmanager
async def open_simulated() -> AsyncIterator[Subject]:
    log, random = Log(lambda: 0.0), Random(1)  # noqa: S311  # delays, not secrets
    log.create("t", PARTITIONS)

    async def read() -> list[Appended]:
        return [
            Appended("t", each.key, each.value, each.headers, each.partition)
            for each in log.of("t")
        ]

    yield Subject(LogPublisher(log, Line(random), random, repeated_share=0.0), "t", read)


@pytest.fixture(params=["memory", "simulated", pytest.param("kafka", marks=pytest.mark.stack)])
def open_subject(request: pytest.FixtureRequest) -> Open:
    if request.param == "memory":
        return open_memory
    if request.param == "simulated":
        return open_simulated
    servers: Servers = request.getfixturevalue("servers")

    @asynccontextmanager
    async def open_kafka() -> AsyncIterator[Subject]:
        topic = f"contract-{uuid4().hex[:8]}"
        await asyncio.to_thread(_create, servers.kafka, topic)
        publisher = KafkaPublisher({"bootstrap_servers": servers.kafka})
        await publisher.start()
        try:
            yield Subject(publisher, topic, lambda: _read(servers.kafka, topic))
        finally:
            await publisher.stop()

    return open_kafka


def _create(bootstrap: str, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        admin.create_topics(
            {
                topic: {
                    "num_partitions": PARTITIONS,
                    "replication_factor": 1,
                    "configs": {"max.message.bytes": str(VALUE_MAX_BYTES)},
                }
            },
            wait_for_metadata=True,
        )
    finally:
        admin.close()


async def _read(bootstrap: str, topic: str) -> list[Appended]:
    found = await asyncio.to_thread(read_topic, bootstrap, topic)
    return sorted(found, key=lambda record: record.partition)


def run(scenario: Callable[[Subject], Awaitable[None]], open_subject: Open) -> None:
    async def limited() -> None:
        async with asyncio.timeout(ENOUGH_S), open_subject() as subject:
            await scenario(subject)

    run_virtually(limited()) if open_subject is open_simulated else asyncio.run(limited())


def test_a_record_lies_where_its_key_belongs(open_subject: Open) -> None:
    async def scenario(subject: Subject) -> None:
        for number in range(30):
            key = f"document:é{number}".encode()
            await subject.publisher.append(subject.topic, key=key, value=b"v")

        found = await subject.read()
        assert len(found) == 30
        for record in found:
            assert record.partition == to_partition(record.key or b"", PARTITIONS)

    run(scenario, open_subject)


def test_offsets_count_up_partition_by_partition(open_subject: Open) -> None:
    async def scenario(subject: Subject) -> None:
        async def append(partition: int) -> int:
            return await subject.publisher.append(
                subject.topic, key=b"k", value=b"v", partition=partition
            )

        assert [await append(partition) for partition in (3, 3, 4, 3)] == [0, 1, 0, 2]

    run(scenario, open_subject)


def test_records_appended_one_after_the_other_keep_their_order(open_subject: Open) -> None:
    async def scenario(subject: Subject) -> None:
        appends = [
            subject.publisher.append(subject.topic, key=b"k", value=str(number).encode())
            for number in range(50)
        ]
        offsets = await asyncio.gather(*appends)

        assert offsets == list(range(50))
        assert [record.value for record in await subject.read()] == [
            str(number).encode() for number in range(50)
        ]

    run(scenario, open_subject)


def test_headers_nulls_and_every_byte_come_through(open_subject: Open) -> None:
    headers = {"source": b"trigger", "é": b"\xff\x00"}

    async def scenario(subject: Subject) -> None:
        await subject.publisher.append(
            subject.topic, key=None, value=bytes(range(256)), headers=headers, partition=1
        )
        await subject.publisher.append(subject.topic, key=b"\xff", value=None, partition=2)

        assert await subject.read() == [
            Appended(subject.topic, None, bytes(range(256)), headers, 1),
            Appended(subject.topic, b"\xff", None, {}, 2),
        ]

    run(scenario, open_subject)


@pytest.mark.stack
def test_a_record_that_the_topic_does_not_take_is_an_error_and_stops_nothing(
    servers: Servers,
) -> None:
    """In memory there is no limit; tests set *failure* instead."""

    async def scenario() -> None:
        topic = f"contract-{uuid4().hex[:8]}"
        await asyncio.to_thread(_create, servers.kafka, topic)
        publisher = KafkaPublisher({"bootstrap_servers": servers.kafka})
        await publisher.start()
        try:
            # Random bytes, since a record is measured when it is compressed.
            noise = b"".join(uuid4().bytes for _ in range(2 * VALUE_MAX_BYTES // 16))
            async with asyncio.timeout(ENOUGH_S):
                await publisher.append(topic, key=b"k", value=b"before")
                with pytest.raises(RecordTooLarge):
                    await publisher.append(topic, key=b"k", value=noise)
                await publisher.append(topic, key=b"k", value=b"after")
            assert publisher.waits_for is None
        finally:
            await publisher.stop()

        assert [record.value for record in await _read(servers.kafka, topic)] == [
            b"before",
            b"after",
        ]

    asyncio.run(scenario())

"""A stage that takes no more holds up nobody else: one consumer feeds all three."""

import asyncio
from uuid import uuid4

import pytest
from kafka.admin import KafkaAdminClient

from runtime.settings import Settings
from stack.choose import Servers
from streams.app import Stages, create_app
from streams.publisher import KafkaPublisher
from streams.worker import Worker
from tests.streams.toys import Toy
from topics.creation import ensure_topics
from topics.layout import to_layouts
from topics.names import TopicNames

pytestmark = pytest.mark.stack

SNAPSHOTS = 6_000  # 500 of a partition come at once, far more than the stage's queue has room for
NOTIFICATIONS = 50
WITHIN_S = 60.0


def test_a_blocked_index_stage_holds_up_neither_debounce_nor_fetch(servers: Servers) -> None:
    names = TopicNames(f"pressure-{uuid4().hex[:8]}")
    admin = KafkaAdminClient(bootstrap_servers=servers.kafka)
    try:
        ensure_topics(admin, to_layouts(names, replication_factor=1), replication_factor=1)
    finally:
        admin.close()
    settings = Settings(kafka=servers.kafka, topic_prefix=names.prefix)

    async def scenario() -> None:
        publisher = KafkaPublisher({"bootstrap_servers": servers.kafka})
        await publisher.start()
        debounce, fetch, index = Toy(), Toy(), Toy(blocked=True)
        stages = Stages(debounce, fetch, index)
        worker = Worker(create_app(settings, stages), stages)

        async def append(topic: str, count: int) -> None:
            async with asyncio.TaskGroup() as group:
                for number in range(count):
                    key = f"document:{number}".encode()
                    group.create_task(publisher.append(topic, key=key, value=b"{}"))

        running = asyncio.create_task(worker.run())
        try:
            await append(names.snapshots, SNAPSHOTS)
            await index.until(1, within_s=WITHIN_S)
            for _ in range(3):  # whatever was under way when the queue filled
                await append(names.notifications, NOTIFICATIONS)
                await append(names.due, NOTIFICATIONS)
                await asyncio.sleep(0.5)
            await debounce.until(3 * NOTIFICATIONS, within_s=WITHIN_S)
            await fetch.until(3 * NOTIFICATIONS, within_s=WITHIN_S)
            assert len(index.taken) == 1

            index.blocked = False
            index.released.set()
            await index.until(SNAPSHOTS, within_s=WITHIN_S)  # and all partitions are read on
        finally:
            index.released.set()
            worker.stop()
            await running
            await publisher.stop()

    asyncio.run(scenario())

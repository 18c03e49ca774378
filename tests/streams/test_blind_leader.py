"""A group whose leader knew of no partitions gives nobody any; it must not stay so for minutes."""

import asyncio
from uuid import uuid4

import pytest
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

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

JOINED_WITHIN_S = 60.0
TAKEN_WITHIN_S = 60.0
"""Far less than the five minutes after which aiokafka would look again by itself."""


def test_a_leader_that_a_broker_told_of_no_partitions_looks_again_soon(servers: Servers) -> None:
    names = TopicNames(f"blind-{uuid4().hex[:8]}")
    settings = Settings(kafka=servers.kafka, topic_prefix=names.prefix)
    admin = KafkaAdminClient(bootstrap_servers=servers.kafka)

    def has_joined() -> bool:
        try:
            group = admin.describe_groups([names.group])[names.group]
        except KafkaError:  # no group has met yet
            return False
        return bool(group["group_state"] == "Stable" and group["members"])

    async def scenario() -> None:
        debounce = Toy()
        stages = Stages(debounce, Toy(), Toy())
        worker = Worker(create_app(settings, stages), stages)
        running = asyncio.create_task(worker.run())
        publisher = KafkaPublisher({"bootstrap_servers": servers.kafka})
        try:
            async with asyncio.timeout(JOINED_WITHIN_S):
                while not await asyncio.to_thread(has_joined):  # noqa: ASYNC110  # the broker tells no event
                    await asyncio.sleep(0.2)
            # A broker that has just started may know a topic a moment later than the group.
            layouts = to_layouts(names, replication_factor=1)
            await asyncio.to_thread(ensure_topics, admin, layouts, replication_factor=1)
            await publisher.start()
            await publisher.append(names.notifications, key=b"document:1", value=b"{}")
            await debounce.until(1, within_s=TAKEN_WITHIN_S)
        finally:
            worker.stop()
            await running
            await publisher.stop()

    try:
        asyncio.run(scenario())
    finally:
        admin.close()

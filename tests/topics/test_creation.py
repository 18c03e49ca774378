"""Creating topics on the real Kafka."""

from collections.abc import Iterator
from typing import cast
from uuid import uuid4

import pytest
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaTimeoutError

from runtime.errors import Refused
from stack.choose import Servers
from tests.eventually import eventually
from topics.creation import describe, ensure_topics
from topics.layout import TopicLayout, to_layouts
from topics.names import TopicNames

pytestmark = pytest.mark.stack


@pytest.fixture
def admin(servers: Servers) -> Iterator[KafkaAdminClient]:
    client = KafkaAdminClient(bootstrap_servers=servers.kafka)
    yield client
    client.close()


@pytest.fixture
def names() -> TopicNames:
    return TopicNames(f"creation-{uuid4().hex[:8]}")


def layouts_of(names: TopicNames) -> tuple[TopicLayout, ...]:
    return to_layouts(names, replication_factor=1)


def ensure(admin: KafkaAdminClient, names: TopicNames) -> list[str]:
    return ensure_topics(admin, layouts_of(names), replication_factor=1)


def create(admin: KafkaAdminClient, name: str, partitions: int) -> None:
    admin.create_topics(
        {name: {"num_partitions": partitions, "replication_factor": 1}}, wait_for_metadata=True
    )


def test_what_is_missing_is_created_and_the_second_time_nothing_is_to_do(
    admin: KafkaAdminClient, names: TopicNames
) -> None:
    layouts = layouts_of(names)
    assert describe(admin, [names.due]) == {}

    assert ensure(admin, names) == [
        f"created topic {layout.name} ({layout.partitions} partitions)" for layout in layouts
    ]
    found = describe(admin, [layout.name for layout in layouts])
    assert {name: state.partitions for name, state in found.items()} == {
        layout.name: layout.partitions for layout in layouts
    }
    assert len({state.topic_id for state in found.values()}) == len(layouts)
    eventually(lambda: ensure(admin, names) == [], within_s=10)


def test_only_what_is_missing_is_created(admin: KafkaAdminClient, names: TopicNames) -> None:
    ensure(admin, names)
    before = describe(admin, [names.due])[names.due]
    admin.delete_topics([names.audit])
    eventually(lambda: not describe(admin, [names.audit]), within_s=10)

    assert ensure(admin, names) == [f"created topic {names.audit} (12 partitions)"]
    assert describe(admin, [names.due])[names.due] == before


def test_a_changed_setting_is_corrected_and_named_and_the_others_stay(
    admin: KafkaAdminClient, names: TopicNames
) -> None:
    ensure(admin, names)
    spoilt = ConfigResource(
        ConfigResourceType.TOPIC,
        names.notifications,
        configs={"retention.ms": "1000", "segment.bytes": "2000000"},
    )
    admin.alter_configs([spoilt])
    expected = f"set retention.ms of topic {names.notifications} to 604800000 (was 1000)"

    eventually(lambda: expected in ensure(admin, names), within_s=10)
    eventually(lambda: ensure(admin, names) == [], within_s=10)
    (described,) = admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, names.notifications)], config_filter="all"
    ).values()
    kept = described[names.notifications]["segment.bytes"]
    assert str(kept["value"] if isinstance(kept, dict) else kept) == "2000000"  # an operator's own


@pytest.mark.parametrize("partitions", [6, 18])
def test_other_partitions_of_snapshots_are_refused(
    admin: KafkaAdminClient, names: TopicNames, partitions: int
) -> None:
    create(admin, names.snapshots, partitions)

    with pytest.raises(Refused, match=f"has {partitions} partitions instead of 12"):
        ensure(admin, names)
    assert describe(admin, [names.due]) == {}  # nothing was begun


def test_more_partitions_of_notifications_are_an_operators_choice(
    admin: KafkaAdminClient, names: TopicNames
) -> None:
    create(admin, names.notifications, 18)

    ensure(admin, names)
    assert describe(admin, [names.notifications])[names.notifications].partitions == 18


def test_fewer_partitions_of_notifications_are_refused(
    admin: KafkaAdminClient, names: TopicNames
) -> None:
    create(admin, names.notifications, 6)

    with pytest.raises(Refused, match="has 6 partitions"):
        ensure(admin, names)


class BusyBroker:
    """Shows new topics after half a minute, three times as long as kafka-python waits by itself."""

    SHOWN_AFTER_MS = 30_000

    def describe_topics(self, names: list[str]) -> list[dict[str, object]]:
        return [{"name": name, "error_code": 3} for name in names]

    def create_topics(self, topics: object, *, wait_for_metadata: bool = False) -> None:
        assert topics
        if wait_for_metadata:
            raise KafkaTimeoutError("Topics not ready after 10000ms")

    def wait_for_topics(self, names: list[str], timeout_ms: int = 10_000) -> None:
        assert names
        if timeout_ms < self.SHOWN_AFTER_MS:
            raise KafkaTimeoutError(f"Topics not ready after {timeout_ms}ms")


def test_a_busy_broker_is_waited_for(names: TopicNames) -> None:
    layouts = layouts_of(names)
    changes = ensure_topics(cast(KafkaAdminClient, BusyBroker()), layouts, replication_factor=1)

    assert len(changes) == len(layouts)

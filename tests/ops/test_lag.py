"""How far the workers are behind, asked for while they work."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

from ops.lag import Position, read_positions, to_lag
from topics.names import TopicNames

NAMES = TopicNames("t")


@dataclass(frozen=True, slots=True)
class Offset:
    """What the brokers say of one partition."""

    offset: int


@dataclass
class BusyBrokers:
    """Whatever is asked first: before the second answer a notification has become a due record."""

    ends: dict[str, int] = field(default_factory=lambda: {NAMES.notifications: 1})
    committed: dict[str, int] = field(default_factory=dict)

    def describe_topics(self, names: Iterable[str]) -> list[dict[str, object]]:
        """Return all of them, with one partition each."""
        return [
            {"name": name, "error_code": 0, "topic_id": name, "partitions": [0]} for name in names
        ]

    def list_partition_offsets(
        self, asked: Mapping[TopicPartition, Any]
    ) -> dict[TopicPartition, Offset]:
        """Return the ends."""
        found = {where: Offset(self.ends.get(where.topic, 0)) for where in asked}
        self._pass_on()
        return found

    def list_group_offsets(
        self, asked: Mapping[str, Iterable[TopicPartition]]
    ) -> dict[str, dict[TopicPartition, Offset]]:
        """Return where the groups stand."""
        found = {
            group: {where: Offset(self.committed.get(where.topic, -1)) for where in places}
            for group, places in asked.items()
        }
        self._pass_on()
        return found

    def _pass_on(self) -> None:
        self.ends[NAMES.due] = self.committed[NAMES.notifications] = 1


def test_a_record_that_is_passed_on_meanwhile_never_counts_as_nothing() -> None:
    positions = read_positions(cast(KafkaAdminClient, BusyBrokers()), NAMES)

    assert to_lag(positions) > 0


def test_lag_is_what_is_not_acknowledged() -> None:
    assert Position(end=5, committed=3).lag == 2
    assert Position(end=5, committed=None).lag == 5
    assert Position(end=0, committed=3).lag == 0  # the log was wiped

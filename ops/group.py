"""The consumer group as the brokers see it: topics, offsets, members. Blocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import CoordinatorNotAvailableError

from ops.facts import WorkerFacts
from ops.seen import Place
from runtime.kafka_options import to_kafka_python_options
from runtime.settings import Settings
from topics.creation import describe
from topics.layout import to_layouts
from topics.names import TopicNames

_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """Where a partition begins and ends, and where the group stands; None: nowhere yet."""

    first: int
    end: int
    committed: int | None

    @property
    def next(self) -> int:
        """The offset that the group reads next."""
        return (
            self.first if self.committed is None else min(self.end, max(self.first, self.committed))
        )

    @property
    def lag(self) -> int:
        """Records not acknowledged; compacted away ones count until the group has passed them."""
        return self.end - self.next


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """What the brokers tell; *missing* are topics that are not there."""

    missing: Sequence[str]
    positions: Mapping[Place, QueuePosition]
    workers: Sequence[WorkerFacts]
    state: str


def read_group(settings: Settings, within_s: float) -> GroupFacts:
    """
    Return topics, offsets and members.

    Raises:
        KafkaError: no broker answers within about *within_s*.
    """
    names = TopicNames(settings.topic_prefix)
    admin = KafkaAdminClient(
        **to_kafka_python_options(settings),
        client_id="quindex",
        request_timeout_ms=int(within_s * _MS),
        bootstrap_timeout_ms=int(within_s * _MS / 2),
    )
    try:
        wanted = [layout.name for layout in to_layouts(names, replication_factor=1)]
        there = describe(admin, wanted)
        read = [names.notifications, names.due, names.snapshots]
        missing = [name for name in wanted if name not in there]
        if missing:  # then no group has met yet, and a new cluster would be asked for long
            return GroupFacts(missing, {}, [], "Unknown")
        counts = {name: there[name].partitions for name in read}
        try:
            positions = _read_positions(admin, names.group, counts)
            found: Any = admin.describe_groups([names.group])[names.group]
        except CoordinatorNotAvailableError:  # no group has ever met on this cluster
            positions = _read_positions(admin, None, counts)
            found = {"group_state": "without a coordinator"}
    finally:
        admin.close()
    return GroupFacts(
        missing=missing,
        positions=positions,
        workers=[to_worker(member) for member in found.get("members") or ()],
        state=str(found.get("group_state") or "Unknown"),
    )


def _read_positions(
    admin: KafkaAdminClient, group: str | None, topics: Mapping[str, int]
) -> dict[Place, QueuePosition]:
    places = [
        TopicPartition(name, number) for name, count in topics.items() for number in range(count)
    ]
    if not places:
        return {}
    firsts = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.EARLIEST))
    # Committed before the end: so nothing that is done counts as waiting.
    ends = admin.list_partition_offsets(dict.fromkeys(places, OffsetSpec.LATEST))
    committed = {} if group is None else admin.list_group_offsets({group: places})[group]
    return {
        (place.topic, place.partition): QueuePosition(
            firsts[place].offset, ends[place].offset, _to_committed(committed.get(place))
        )
        for place in places
    }


def to_worker(member: Mapping[str, Any]) -> WorkerFacts:
    """Return a member of the group as the brokers describe it."""
    assignment = member.get("member_assignment")
    assigned: Any = (
        assignment.get("assigned_partitions", ())
        if isinstance(assignment, Mapping)
        else getattr(assignment, "assigned_partitions", None)
        or getattr(assignment, "assignment", ())
    )
    partitions: dict[str, list[int]] = {}
    for each in assigned or ():
        topic, numbers = (
            (each["topic"], each["partitions"]) if isinstance(each, Mapping) else (each[0], each[1])
        )
        partitions[str(topic)] = sorted(int(number) for number in numbers)
    return WorkerFacts(
        str(member.get("client_id", "?")),
        str(member.get("client_host", "?")).lstrip("/"),
        partitions,
    )


def _to_committed(found: object) -> int | None:
    offset = getattr(found, "offset", -1)
    return int(offset) if offset >= 0 else None

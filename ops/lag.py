"""How far the workers are behind: end offsets less committed offsets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import stamina
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
)

from topics.creation import describe
from topics.names import TopicNames

_MOVING: Final = (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    NotCoordinatorError,
)
"""A broker that has just come back is still reading where the groups stand."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition ends, and where the group stands; *committed* None: nowhere yet."""

    end: int
    committed: int | None

    @property
    def lag(self) -> int:
        """Records not acknowledged; compacted away ones count until the group has passed them."""
        return max(0, self.end - (self.committed or 0))  # a log that was wiped ends before


@stamina.retry(on=_MOVING, attempts=None, timeout=15.0, wait_initial=0.1, wait_max=1.0)
def read_positions(admin: KafkaAdminClient, names: TopicNames) -> Mapping[TopicPartition, Position]:
    """Return the position of the workers in every partition that they read."""
    topics = describe(admin, [names.notifications, names.due, names.snapshots])
    partitions = [
        TopicPartition(name, number)
        for name, state in topics.items()
        for number in range(state.partitions)
    ]
    # In this order: what comes in between counts as waiting. The other way round, a record that was
    # passed on meanwhile would count as done, and the one that it became would not be seen.
    committed = admin.list_group_offsets({names.group: partitions})[names.group]
    ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    return {
        where: Position(ends[where].offset, _to_committed(committed.get(where)))
        for where in partitions
    }


def to_lag(positions: Mapping[TopicPartition, Position]) -> int:
    """Return how many records are not acknowledged in all."""
    return sum(position.lag for position in positions.values())


def _to_committed(found: object) -> int | None:
    offset = getattr(found, "offset", -1)
    return offset if offset >= 0 else None

"""Partitions and settings of all topics: what `quindex setup` creates and compares."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from topics.names import TopicNames

NOTIFICATIONS_PARTITIONS: Final = 12
SNAPSHOTS_PARTITIONS: Final = 12
DUE_PARTITION: Final = 0
DEAD_LETTERS_PARTITIONS: Final = 3

_REPLICAS_FOR_MIN_ISR_2: Final = 3
_MIB: Final = 1024 * 1024
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS
NOTIFICATION_MAX_BYTES: Final = _MIB * 5 // 4
SNAPSHOT_MAX_BYTES: Final = 8 * _MIB


@dataclass(frozen=True, slots=True)
class TopicLayout:
    """One topic as it should be."""

    name: str
    partitions: int
    settings: Mapping[str, str]


def to_layouts(names: TopicNames, *, replication_factor: int) -> tuple[TopicLayout, ...]:
    """Return all topics; with fewer than 3 replicas one may be down to one without refusing."""
    min_isr = "2" if replication_factor >= _REPLICAS_FOR_MIN_ISR_2 else "1"

    def layout(name: str, partitions: int, **settings: object) -> TopicLayout:
        dotted = {key.replace("_", "."): str(value) for key, value in settings.items()}
        return TopicLayout(name, partitions, {"min.insync.replicas": min_isr, **dotted})

    return (
        layout(
            names.notifications,
            NOTIFICATIONS_PARTITIONS,
            cleanup_policy="delete",
            retention_ms=7 * _DAY_MS,
            message_timestamp_type="LogAppendTime",
            max_message_bytes=NOTIFICATION_MAX_BYTES,
        ),
        layout(names.due, 1, cleanup_policy="compact,delete", retention_ms=7 * _DAY_MS),
        layout(
            names.snapshots,
            SNAPSHOTS_PARTITIONS,
            cleanup_policy="compact",
            max_message_bytes=SNAPSHOT_MAX_BYTES,
        ),
        layout(names.reference, 1, cleanup_policy="compact"),
        layout(
            names.audit,
            SNAPSHOTS_PARTITIONS,
            cleanup_policy="delete",
            retention_ms=7 * _DAY_MS,
            max_message_bytes=SNAPSHOT_MAX_BYTES,
        ),
        layout(
            names.dead_letters,
            DEAD_LETTERS_PARTITIONS,
            cleanup_policy="delete",
            retention_ms=30 * _DAY_MS,
            max_message_bytes=SNAPSHOT_MAX_BYTES,
        ),
        layout(
            names.quota,
            1,
            cleanup_policy="delete",
            retention_ms=25 * _HOUR_MS,
            message_timestamp_type="LogAppendTime",  # one clock for all owners
        ),
        layout(names.control, 1, cleanup_policy="compact"),
        layout(names.processes, 1, cleanup_policy="compact,delete", retention_ms=_HOUR_MS),
    )

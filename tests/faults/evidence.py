"""What a run really did to the pipeline, from what lies in its topics and logs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from kafka import KafkaConsumer, TopicPartition

from ops.installation import Installation


@dataclass(frozen=True, slots=True)
class Lying:
    """A record where it lies."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]

    @property
    def json(self) -> Any:
        """The value; an empty object if there is none."""
        return orjson.loads(self.value) if self.value else {}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Counts; a run that was meant to show something had to make it happen."""

    duplicates: int  # notifications that lie in the log more than once
    reorderings: int  # notifications that overtook an earlier one of their resource
    repeats: int  # due records and snapshots that a step repeated
    triggers: int  # looks again that we asked for ourselves
    snapshots: int
    dead_letters: Counter[str] = field(default_factory=Counter)  # by reason

    def __str__(self) -> str:
        return (
            f"{self.duplicates} duplicates, {self.reorderings} reorderings, {self.repeats} repeats,"
            f" {self.triggers} triggers, {self.snapshots} snapshots,"
            f" {self.dead_letters.total()} dead letters"
        )


def read_topic(installation: Installation, topic: str) -> list[Lying]:
    """Return all records of a topic, in order within each partition; blocks."""
    consumer = KafkaConsumer(bootstrap_servers=installation.kafka, enable_auto_commit=False)
    try:
        parts = [TopicPartition(topic, it) for it in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(parts)
        consumer.seek_to_beginning(*parts)
        ends = consumer.end_offsets(parts)
        found: list[Lying] = []
        while any(consumer.position(part) < ends[part] for part in parts):
            for records in consumer.poll(timeout_ms=500).values():
                found += [
                    Lying(it.partition, it.offset, it.key, it.value, dict(it.headers))
                    for it in records
                ]
    finally:
        consumer.close()
    return sorted(found, key=lambda each: (each.partition, each.offset))


def gather(
    installation: Installation, notifications: list[Lying], published: Mapping[str, float]
) -> Evidence:
    """Return what the topics show; *published* is when the PIM published each uuid; blocks."""
    topics = installation.topics
    due = read_topic(installation, topics.due)
    snapshots = [each for each in read_topic(installation, topics.snapshots) if each.value]
    letters = read_topic(installation, topics.dead_letters)
    repeats = count_repeats(
        (each.key, each.json.get("partition"), each.json.get("offset")) for each in due
    ) + count_repeats(
        (each.key, each.json["notified_at"], each.json["newest_at"]) for each in snapshots
    )
    return Evidence(
        duplicates=count_repeats(each.json.get("uuid") for each in notifications),
        reorderings=count_reorderings(notifications, published),
        repeats=repeats,
        triggers=sum(each.headers.get("source") == b"trigger" for each in notifications),
        snapshots=len(snapshots),
        dead_letters=Counter(each.headers["reason"].decode() for each in letters),
    )


def count_repeats(values: Iterable[object]) -> int:
    """Return how many are not the first of their like."""
    return sum(count - 1 for count in Counter(values).values())


def count_reorderings(notifications: list[Lying], published: Mapping[str, float]) -> int:
    """Return how many were published before one of the same resource that lies before them."""
    latest: dict[bytes | None, float] = {}
    found = 0
    for each in notifications:
        moment = published.get(str(each.json.get("uuid")))
        if moment is not None:
            found += moment < latest.get(each.key, 0.0)
            latest[each.key] = max(moment, latest.get(each.key, 0.0))
    return found

"""What a run really did to the pipeline, from what lies in its topics and logs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from kafka import KafkaConsumer, TopicPartition

from ops.installation import Installation
from topics.versions import to_end

CLOCK_S: Final = 0.002
"""Kafka's times are rounded to milliseconds."""


@dataclass(frozen=True, slots=True)
class Lying:
    """A record where it lies."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]
    appended_s: float  # by the broker's clock, or by the producer's, as the topic is set

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
    triggers: int  # looks again that a late snapshot had us ask for
    snapshots: int
    overclaims: list[str]  # snapshots that say to cover what was appended after their request
    behind: list[str]  # resources whose last snapshot in the log is not their newest
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
                    Lying(
                        *(it.partition, it.offset, it.key, it.value, dict(it.headers)),
                        it.timestamp / 1_000,
                    )
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
        triggers=sum(_is_healing(each) for each in notifications),
        snapshots=len(snapshots),
        overclaims=find_overclaims(snapshots, notifications),
        behind=find_behind(snapshots),
        dead_letters=Counter(each.headers["reason"].decode() for each in letters),
    )


def find_overclaims(snapshots: list[Lying], notifications: list[Lying]) -> list[str]:
    """
    Return the snapshots whose request was sent before what they say to cover was appended.

    Both moments are of one machine's clock, in milliseconds.
    """
    appended_s = {(each.partition, each.offset): each.appended_s for each in notifications}
    found = []
    for each in snapshots:
        body = each.json
        covered = appended_s.get((body["partition"], to_end(body["version"]) - 1))
        if covered is not None and covered > body["fetched_at"] + CLOCK_S:
            late_s = covered - body["fetched_at"]
            found.append(f"{each.key!r} covers what came {late_s:.3f} s after its request")
    return found


def find_behind(snapshots: list[Lying]) -> list[str]:
    """Return the resources of which compaction would keep an older snapshot than the newest."""
    newest: dict[bytes | None, int] = {}
    last: dict[bytes | None, int] = {}
    for each in snapshots:
        last[each.key] = each.json["version"]
        newest[each.key] = max(last[each.key], newest.get(each.key, 0))
    return [f"{key!r}" for key in last if last[key] < newest[key]]


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


def _is_healing(notification: Lying) -> bool:
    by = notification.json.get("created_by") if notification.value else None
    return notification.headers.get("source") == b"trigger" and by == "quindex: late snapshot"

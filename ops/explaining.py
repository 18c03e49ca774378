"""Gathers what is known of one resource from Kafka, Elasticsearch and, if asked to, the PIM."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from elasticsearch import AsyncElasticsearch, NotFoundError

from ops.collector import Collector
from ops.connections import topics_missing
from ops.facts import Facts
from ops.group import GroupFacts, read_group
from ops.letter import Letter
from ops.letters import read_letters
from ops.life import Announced, Due, Fetched, Indexed, Life, Waits
from ops.ranges import RangeReader, open_ranges
from ops.seen import Place, Seen
from ops.verdict import living
from ops.whole_logs import read_whole
from pim.kinds import Kind, to_key
from pim.notifications import Notification, parse_notification
from runtime.errors import MalformedNotification, MalformedRecord
from runtime.kafka_options import to_aiokafka_options
from runtime.settings import Settings
from sinks.fields import to_alias, to_id
from streams.debounce import PROCESS_DELAY_MAX_S, PROCESS_QUIET_S
from topics.control import fold_deletes, fold_stops
from topics.due import DueRecord
from topics.layout import DUE_PARTITION
from topics.names import TopicNames
from topics.notifications import to_key_bytes, to_not_before_s, to_source
from topics.partitions import to_partition
from topics.snapshots import Snapshot

READ_MAX_S: Final = 10.0
"""How long each topic is read; what is not read by then is said to be missing."""
_BEFORE_S: Final = 5.0
"""A snapshot lies in the log at most so long before it was said to be fetched, by any clock."""
_KAFKA_MAX_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Gathered:
    """A life, and the search documents it was told of, by locale."""

    life: Life
    stored: Mapping[str, Mapping[str, Any]]


@dataclass
class Explainer:
    """Explains resources; *facts* of the whole are read along, for what a stage waits for."""

    settings: Settings
    client: AsyncElasticsearch

    async def gather(self, kind: Kind, code: str, *, facts: Facts | None = None) -> Gathered:
        """
        Return what is known now; the PIM is not asked.

        Raises:
            KafkaError: the brokers do not answer.
            ApiError, TransportError: Elasticsearch does not say.
            Refused: topics are missing.
        """
        settings = self.settings
        group = await asyncio.to_thread(read_group, settings, _KAFKA_MAX_S)
        if group.missing:
            raise topics_missing(group.missing)
        stored, letters, control, facts = await asyncio.gather(
            self._read_stored(kind, code),
            read_letters(settings, self.client, keep=to_keep(kind, code)),
            read_whole(settings, TopicNames(settings.topic_prefix).control),
            _keep(facts) if facts else Collector(settings).collect(),
        )
        indexed = [to_indexed(locale, document) for locale, document in stored.items()]
        life = Life(
            now_s=time.time(),
            kind=kind,
            code=code,
            locales=settings.locales,
            waits=Waits(
                settings.lead_s,
                settings.quiet_s,
                settings.delay_max_s,
                PROCESS_QUIET_S,
                PROCESS_DELAY_MAX_S,
            ),
            indexed=indexed,
            epoch=facts.epoch,
            partial=["dead-letters"] if letters.is_partial else [],
            letters=_to_own(letters.letters, kind, code),
            parked_s=fold_deletes((each.key, each.value) for each in control)[1].get(
                to_key(kind, code)
            ),
            waits_for=_to_waits(facts),
            stopped=list(fold_stops((each.key, each.value) for each in control)),
            workers=None if facts.workers is None else len(facts.workers),
        )
        return Gathered(await self._read_logs(life, group), stored)

    async def _read_stored(self, kind: Kind, code: str) -> dict[str, dict[str, Any]]:
        """A GET ignores the alias's filter, so tombstones are found too."""
        found = {}
        for locale in self.settings.locales:
            with suppress(NotFoundError):
                alias = to_alias(self.settings.index_prefix, locale)
                answer = await self.client.get(index=alias, id=to_id(kind, code))
                found[locale] = dict(answer["_source"])
        return found

    async def _read_logs(self, life: Life, group: GroupFacts) -> Life:
        topics, key = TopicNames(self.settings.topic_prefix), to_key(life.kind, life.code)
        counts = _count_partitions(group)
        code_key, key_bytes = to_key_bytes(life.code), key.encode("utf-8", "surrogatepass")
        places = (
            (topics.notifications, to_partition(code_key, counts[topics.notifications])),
            (topics.due, DUE_PARTITION),
            (topics.snapshots, to_partition(key_bytes, counts[topics.snapshots])),
        )
        options = to_aiokafka_options(self.settings)
        async with open_ranges(options, time.monotonic) as reader:
            announced, whole = await self._read(reader, group, places[0], code_key, 0.0)
            since_s = min(
                (
                    *(each.appended_s for each in announced),
                    *(each.fetched_s for each in life.indexed),
                ),
                default=0.0,
            )
            due, due_whole = await self._read(reader, group, places[1], key_bytes, since_s)
            fetched, fetched_whole = await self._read(reader, group, places[2], key_bytes, since_s)
        wholes = {"notifications": whole, "due": due_whole, "snapshots": fetched_whole}
        return replace(
            life,
            announced=[one for each in announced if (one := to_announced(each, life)) is not None],
            due=[known for each in due if (known := to_due(each)) is not None],
            fetched=[answer for each in fetched if (answer := to_fetched(each)) is not None],
            fetch_next=group.positions[places[1]].next,
            index_next=group.positions[places[2]].next,
            partial=[
                *life.partial,
                *(name for name, is_whole in wholes.items() if not is_whole),
            ],
        )

    async def _read(
        self, reader: RangeReader, group: GroupFacts, place: Place, key: bytes, since_s: float
    ) -> tuple[list[Seen], bool]:
        """Read a partition for one key: from *since_s* on, or what waits if that is earlier."""
        at = group.positions[place]
        start = at.first
        if since_s:
            offsets = await reader.offsets_since([place], since_s - _BEFORE_S)
            start = min(at.next, offsets.get(place, at.end))
        return await reader.read(
            {place: (max(at.first, start), at.end)},
            within_s=READ_MAX_S,
            keep=lambda each: each.key == key,
        )


def to_indexed(locale: str, document: Mapping[str, Any]) -> Indexed:
    """Return what a stored search document tells of its way."""
    sync = document["sync"]
    return Indexed(
        locale=locale,
        version=int(sync["version"]),
        deleted=bool(document["deleted"]),
        notified_s=_to_seconds(sync["notified_at"]),
        fetched_s=_to_seconds(sync["fetched_at"]),
        indexed_s=_to_seconds(sync["indexed_at"]),
        end_partition=int(sync["partition"]),
        inherited=tuple(document.get("inherited") or ()),
        name=document.get("name"),
    )


def to_announced(seen: Seen, life: Life) -> Announced | None:
    """Return a notification of the resource; None: of another kind with the same code."""
    try:
        notification: Notification = parse_notification(seen.value or b"")
    except MalformedNotification:
        return None
    if notification.kind is not life.kind:
        return None
    return Announced(
        partition=seen.partition,
        offset=seen.offset,
        at_s=seen.appended_s,
        event=notification.event,
        source=to_source(seen.headers).value,
        uuid=notification.uuid,
        updated=sorted(notification.locales_updated),
        inherited=sorted(notification.locales_inherited - notification.locales_updated),
        in_process=notification.process_id is not None,
        not_before_s=to_not_before_s(seen.headers),
    )


def to_due(seen: Seen) -> Due | None:
    """Return a due record; None: it cannot be read, or was withdrawn."""
    try:
        record = DueRecord.parse(seen.value or b"")
    except MalformedRecord:
        return None
    return Due(
        offset=seen.offset,
        at_s=seen.appended_s,
        lane=record.lane.value,
        early=record.early,
        partition=record.partition,
        newest=record.offset,
        newest_s=record.newest_s,
        notifications=record.notifications,
        uuids=record.uuids,
    )


def to_fetched(seen: Seen) -> Fetched | None:
    """Return a snapshot; None: it cannot be read, or its tombstone was purged."""
    try:
        snapshot = Snapshot.parse(seen.value or b"")
    except MalformedRecord:
        return None
    return Fetched(
        partition=seen.partition,
        offset=seen.offset,
        version=snapshot.version,
        deleted=snapshot.deleted,
        at_s=snapshot.fetched_s,
        notified_s=snapshot.notified_s,
        lane=snapshot.lane,
        notifications=snapshot.notifications,
        end_partition=snapshot.partition,
        uuids=snapshot.uuids,
    )


def to_keep(kind: Kind, code: str) -> Callable[[Seen], bool]:
    """Return what tells by its key alone whether a dead letter may concern a resource."""
    keys = {to_key_bytes(code), to_key(kind, code).encode("utf-8", "surrogatepass")}
    return lambda seen: seen.key in keys


def _to_own(letters: Sequence[Letter], kind: Kind, code: str) -> list[Letter]:
    """A letter that names a code alone may concern any kind."""
    return [each for each in letters if each.code == code and each.kind in {kind, None}]


def _to_waits(facts: Facts) -> dict[str, str]:
    waits: dict[str, str] = {}
    for process in living(facts):
        said = process.get("waits_for")
        for stage, reason in said.items() if isinstance(said, Mapping) else ():
            if reason:
                waits[str(stage)] = str(reason)
    return waits


def _count_partitions(group: GroupFacts) -> dict[str, int]:
    counts: dict[str, int] = {}
    for topic, _ in group.positions:
        counts[topic] = counts.get(topic, 0) + 1
    return counts


def _to_seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


async def _keep(facts: Facts) -> Facts:
    return facts

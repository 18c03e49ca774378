"""Reads dead letters with their states, and keeps what a person decides about them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from elasticsearch import AsyncElasticsearch

from ops.letter import Letter, LetterState, fold_decided, mark, to_letter, to_resources
from ops.letter_reading import read_records, to_place
from ops.ranges import open_ranges
from ops.seen import Seen
from ops.whole_logs import read_whole
from pim.kinds import Kind, to_key
from runtime.kafka_options import to_aiokafka_options
from runtime.settings import Settings
from sinks.fields import to_alias, to_id
from topics.control import LETTER, LetterDecision, to_letter_key, to_letter_value
from topics.names import TopicNames
from topics.notifications import Source, to_headers, to_key_bytes, to_synthetic
from topics.records import Publisher

NEWEST_MAX: Final = 500
"""Of each partition, where only the newest are asked for."""
READ_MAX_S: Final = 30.0
MGET_MAX: Final = 500
"""Search documents in one request."""


@dataclass(frozen=True, slots=True)
class LetterLog:
    """The letters that were read, newest first; *total* are in the topic."""

    letters: Sequence[Letter]
    total: int
    firsts: Mapping[int, int]  # the first offset that each partition still holds
    is_partial: bool
    ends: Mapping[int, int] = field(default_factory=dict)  # the next offset of each

    def may_hold(self, name: str) -> bool:
        """Whether the topic may hold a letter that was not reached."""
        if not self.is_partial or (found := to_place("", name)) is None:
            return False
        (_, partition), offset = found
        is_inside = self.firsts.get(partition, 0) <= offset < self.ends.get(partition, 0)
        return is_inside and all(each.id != name for each in self.letters)

    @property
    def reached_s(self) -> float | None:
        """Until when all letters were reached, unix seconds; None where that cannot be told."""
        newest: dict[int, Letter] = {}
        for each in self.letters:
            held = newest.setdefault(each.partition, each)
            newest[each.partition] = max(held, each, key=lambda letter: letter.offset)
        cut = [
            newest.get(number)
            for number, end in self.ends.items()
            if end > self.firsts[number]
            and (number not in newest or newest[number].offset < end - 1)
        ]
        reached = [each.at_s for each in cut if each is not None]
        return min(reached) if reached and len(reached) == len(cut) else None


async def read_letters(
    settings: Settings,
    client: AsyncElasticsearch | None,
    *,
    ids: Sequence[str] = (),
    since_s: float | None = None,
    newest_max: int | None = None,
    keep: Callable[[Seen], bool] | None = None,
    within_s: float = READ_MAX_S,
) -> LetterLog:
    """
    Return the dead letters with their states; without *client* none is known to be overtaken.

    *ids*, *since_s* and *newest_max* (of each partition) say which are read, all by default; *keep*
    says which of them are returned, and have their resources looked up.

    Raises:
        KafkaError: the brokers do not answer.
        ApiError, TransportError: Elasticsearch does not say.
    """
    topics, options = TopicNames(settings.topic_prefix), to_aiokafka_options(settings)
    async with open_ranges(options, time.monotonic) as reader:
        reading = await read_records(
            reader,
            topics.dead_letters,
            ids=ids,
            since_s=since_s,
            newest_max=newest_max,
            keep=keep,
            within_s=within_s,
        )
    letters = [_to_letter(each) for each in reading.seen]
    decided: dict[str, LetterDecision] = {}
    written_s: dict[str, float] = {}
    if letters:
        control = await read_whole(settings, topics.control)
        decided = fold_decided((each.key, each.value) for each in control)
        if client is not None:
            written_s = await read_written(client, settings, to_resources(letters))
    return LetterLog(
        letters=mark(letters, decided=decided, written_s=written_s),
        total=sum(end - first for first, end in reading.bounds.values()),
        firsts={number: first for number, (first, _) in reading.bounds.items()},
        is_partial=reading.is_partial,
        ends={number: end for number, (_, end) in reading.bounds.items()},
    )


async def read_written(
    client: AsyncElasticsearch, settings: Settings, resources: Sequence[tuple[Kind, str]]
) -> dict[str, float]:
    """
    Return when each resource was last fetched for what the index holds, unix seconds.

    A resource that lacks a search document in any locale is left out; tombstones count.
    """
    aliases = [to_alias(settings.index_prefix, locale) for locale in settings.locales]
    if not aliases or not resources:
        return {}
    oldest: dict[str, str | None] = {}
    wanted = [
        (to_key(kind, code), alias, to_id(kind, code))
        for kind, code in resources
        for alias in aliases
    ]
    for start in range(0, len(wanted), MGET_MAX):
        chunk = wanted[start : start + MGET_MAX]
        found = await client.mget(
            docs=[{"_index": alias, "_id": id_} for _, alias, id_ in chunk],
            source_includes=["sync.fetched_at"],
        )
        for (key, _, _), doc in zip(chunk, found["docs"], strict=True):
            at = doc["_source"]["sync"]["fetched_at"] if doc.get("found") else None
            held = oldest.get(key, at)
            oldest[key] = None if at is None or held is None else min(held, at)
    return {key: _to_seconds(at) for key, at in oldest.items() if at is not None}


async def decide(
    publisher: Publisher,
    settings: Settings,
    letters: Sequence[Letter],
    state: LetterState,
    *,
    firsts: Mapping[int, int],
    known: Sequence[str] = (),
) -> int:
    """
    Redrive or discard letters: keep the decision, and have redriven resources looked at again.

    *known* are decisions that `control` holds; those about letters that have gone are forgotten.
    Returns how many resources are looked at again. Dies in between: what was triggered is triggered
    a second time.
    """
    topics, now_s = TopicNames(settings.topic_prefix), time.time()
    resources = to_resources(letters) if state is LetterState.REDRIVEN else []
    for kind, code in resources:
        await publisher.append(
            topics.notifications,
            key=to_key_bytes(code),
            value=to_synthetic(kind, code, now_s=now_s, reason="redrive"),
            headers=to_headers(Source.TRIGGER, now_s=now_s),
        )
    for letter in letters:
        await publisher.append(
            topics.control,
            key=to_letter_key(letter.partition, letter.offset),
            value=to_letter_value(state.value, now_s, letter_at_s=letter.at_s),
        )
    for name in known:
        partition, _, offset = name.partition("/")
        if int(offset) < firsts.get(int(partition), 0):
            await publisher.append(topics.control, key=LETTER + name.encode(), value=None)
    return len(resources)


async def read_known(settings: Settings) -> list[str]:
    """Return the ids of all letters that `control` holds a decision about."""
    topics = TopicNames(settings.topic_prefix)
    control = await read_whole(settings, topics.control)
    return list(fold_decided((each.key, each.value) for each in control))


def _to_letter(seen: Seen) -> Letter:
    return to_letter(
        seen.partition, seen.offset, seen.appended_s, seen.key, seen.value, seen.headers
    )


def _to_seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()

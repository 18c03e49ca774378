"""Reads dead letters with their states, and keeps what a person decides about them."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from elasticsearch import AsyncElasticsearch

from ops.letter import Letter, LetterState, fold_decided, mark, to_letter, to_resources
from ops.ranges import open_ranges
from ops.seen import Seen
from ops.whole_logs import read_whole
from pim.kinds import Kind, to_key
from runtime.kafka_options import to_aiokafka_options
from runtime.settings import Settings
from sinks.fields import to_alias, to_id
from topics.control import LETTER, LetterDecision, to_letter_key, to_letter_value
from topics.layout import DEAD_LETTERS_PARTITIONS
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


async def read_letters(
    settings: Settings,
    client: AsyncElasticsearch | None,
    *,
    newest_max: int | None = None,
    within_s: float = READ_MAX_S,
) -> LetterLog:
    """
    Return the dead letters with their states; without *client* none is known to be overtaken.

    *newest_max* is how many of each partition are read, all by default.

    Raises:
        KafkaError: the brokers do not answer.
        ApiError, TransportError: Elasticsearch does not say.
    """
    topics, options = TopicNames(settings.topic_prefix), to_aiokafka_options(settings)
    places = [(topics.dead_letters, number) for number in range(DEAD_LETTERS_PARTITIONS)]
    async with open_ranges(options, time.monotonic) as reader:
        bounds = await reader.bounds(places)
        ranges = {
            place: (first if newest_max is None else max(first, end - newest_max), end)
            for place, (first, end) in bounds.items()
        }
        seen, is_whole = await reader.read(ranges, within_s=within_s)
    letters = [_to_letter(each) for each in seen]
    decided: dict[str, LetterDecision] = {}
    written_s: dict[str, float] = {}
    if letters:
        control = await read_whole(settings, topics.control)
        decided = fold_decided((each.key, each.value) for each in control)
        if client is not None:
            written_s = await read_written(client, settings, to_resources(letters))
    total = sum(end - first for first, end in bounds.values())
    return LetterLog(
        letters=mark(letters, decided=decided, written_s=written_s),
        total=total,
        firsts={number: first for (_, number), (first, _) in bounds.items()},
        is_partial=not is_whole or len(letters) < total,
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

"""
Names of classifications: into each snapshot, and what follows when one of them changes.

Quable announces nothing for the documents of a classification that is renamed, moved or deleted:
they are found in the index, and a `cascade` notification is appended for each.

If the process dies:
  before the cascades are stored   `reference` still holds the old names, and the classification's
                                   due record was not acknowledged: it is compared again
  after it                         the same; what shows the new name by then is left out
  while the index stage is behind  a successor looks a second time only
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Protocol

from pim.answers import Resource
from pim.kinds import Kind
from runtime.clock import Clock
from runtime.doubling import to_doubled_s
from runtime.errors import (
    PimAnswerUnusable,
    PimFilterIgnored,
    PimUnauthorized,
    RecordTooLarge,
    TransientError,
)
from runtime.logs import get_logger
from sinks.classified import Classified, find_outdated, to_classifications
from sinks.reference import Reference
from sinks.relations import to_code
from streams.appending import append_all
from topics.due import DueRecord, Lane
from topics.end_offsets import EndOffsets
from topics.names import TopicNames
from topics.notifications import Source, to_headers, to_key_bytes, to_synthetic
from topics.records import Publisher
from topics.reference import ClassificationRecord, to_classification_key

SECOND_LOOK_S: Final = 15.0
"""After a change: what was fetched before it and not yet in the index would be missed otherwise."""
LOOK_MAX_S: Final = 120.0
"""Between looks, which wait until the index stage has come to where `snapshots` ended then."""
LOOKS_MAX: Final = 720
"""About a day. What an index stage that is paused for longer holds back is left to a reconcile."""
AGAIN_AFTER_S: Final = 5.0
ON_THEIR_WAY_S: Final = 600.0
"""How long a cascade that was appended is not appended again for the same change."""
UNREADABLE_S: Final = 600.0
"""How long a classification that the PIM does not give is not asked for again."""

log = get_logger(__name__)

FindClassified = Callable[[str, bool], AsyncIterator[Classified]]
"""Yields what the index says of a classification; True: as of now, not of a second ago."""

ReadIndexed = Callable[[], Awaitable[Mapping[int, int]]]
"""Returns how far the index stage has come in each partition of `snapshots`."""


class Change(Enum):
    """What a fetch has shown of a classification."""

    NONE = "none"
    NAMES = "names"
    PLACE = "place"
    GONE = "gone"


class Asks(Protocol):
    """Who asks the PIM for resources."""

    @property
    def pack_max(self) -> int:
        """How many codes may share a request."""

    async def ask(self, kind: Kind, lane: Lane, codes: Sequence[str]) -> Mapping[str, Resource]:
        """Return the resources by code."""


def to_record(code: str, resource: Resource) -> ClassificationRecord:
    """Return what is kept of a classification."""
    names = resource.get("name")
    return ClassificationRecord(
        code, names if isinstance(names, Mapping | str) else {}, to_code(resource.get("parent"))
    )


def judge(before: ClassificationRecord | None, now: ClassificationRecord | None) -> Change:
    """Compare two readings of a classification; None: it does not exist, or was never read."""
    if now is None:
        return Change.GONE
    if before is None or before.names != now.names:
        return Change.NAMES
    return Change.NONE if before.parent == now.parent else Change.PLACE


@dataclass(slots=True)
class _Look:
    """What the last change of a classification waits for: *ends* are those of `snapshots` then."""

    ends: Mapping[int, int]
    count: int = 0


class Classifications:
    """
    The owner of `due` knows the names; *chains* gives each locale's fallbacks, itself first.

    *types_known* returns once the types of attributes are, which the first snapshot waits for too.
    *ends* are those of `snapshots`; without *indexed* the index stage is taken to keep up.
    """

    def __init__(
        self,
        *,
        reference: Reference,
        asker: Asks,
        publisher: Publisher,
        topics: TopicNames,
        find: FindClassified,
        chains: Mapping[str, Sequence[str]],
        clock: Clock,  # time.time
        types_known: Callable[[], Awaitable[None]] | None = None,
        ends: EndOffsets | None = None,
        indexed: ReadIndexed | None = None,
    ) -> None:
        self._ends, self._indexed = ends, indexed
        self._looks: dict[str, _Look] = {}
        self._types_known = types_known
        self._reference, self._asker, self._publisher = reference, asker, publisher
        self._topics, self._find, self._chains, self._clock = topics, find, chains, clock
        # One for each lane: what waits for its turn at the quota must hold up no live edit.
        self._asking = {lane: asyncio.Lock() for lane in Lane}
        self._unreadable: dict[str, float] = {}  # code: since when
        self._held: dict[str, ClassificationRecord] = {}  # newer than `reference` says
        self._on_their_way: dict[str, tuple[float, frozenset[tuple[Kind, str]]]] = {}

    async def settle(self, record: DueRecord, resource: Resource | None) -> float | None:
        """
        Do what must be done before the snapshot is appended.

        Returns None, or until when (unix seconds) the due record must wait: something that is
        needed does not answer.
        """
        if self._types_known is not None:
            await self._types_known()
        try:
            if record.kind is Kind.CLASSIFICATION:
                await self._note(record, resource)
            elif resource is not None:
                await self._learn(record.lane, to_classifications(resource))
        except TransientError as error:
            log.warning("classifications.postponed", key=record.key, error=str(error))
            return self._clock() + AGAIN_AFTER_S
        return None

    def names_of(self, resource: Resource | None) -> Mapping[str, Any]:
        """Return the names by locale of each of the resource's classifications that has some."""
        known = ((code, self._known(code)) for code in to_classifications(resource or {}))
        return {code: record.names for code, record in known if record is not None and record.names}

    def _known(self, code: str) -> ClassificationRecord | None:
        return self._held.get(code) or self._reference.classifications.get(code)

    async def _learn(self, lane: Lane, codes: Sequence[str]) -> None:
        """Ask for what was never read: names must be there with the first document."""
        if all(map(self._is_settled, codes)):
            return
        async with self._asking[lane]:
            left = [code for code in codes if not self._is_settled(code)]
            while left:
                pack = left[: self._asker.pack_max]
                try:
                    found = await self._asker.ask(Kind.CLASSIFICATION, lane, pack)
                except (PimUnauthorized, PimAnswerUnusable) as error:
                    if isinstance(error, PimFilterIgnored) and len(pack) > 1:
                        continue  # packs are off now: each is asked for by its path
                    log.warning("classifications.unreadable", codes=pack, error=str(error))
                    found = {}
                for code in pack:
                    if code in found:
                        await self._keep(to_record(code, found[code]))
                    else:
                        self._unreadable[code] = self._clock()
                del left[: len(pack)]

    def _is_settled(self, code: str) -> bool:
        if self._known(code) is not None:
            return True
        since_s = self._unreadable.get(code)
        return since_s is not None and self._clock() - since_s < UNREADABLE_S

    async def _note(self, record: DueRecord, resource: Resource | None) -> None:
        before = self._reference.classifications.get(record.code)
        now = None if resource is None else to_record(record.code, resource)
        change = judge(before, now)
        is_look = change is Change.NONE or (before is None and now is None)
        if is_look and await self._is_too_early(record.code, is_gone=now is None):
            return
        try:
            if now is not None:  # what is fetched from here on has the new names
                self._held[record.code] = now
                self._unreadable.pop(record.code, None)
            count = await self._cascade(record.code, now, change, was_known=before is not None)
            look = self._looks.pop(record.code, None)
            if change is Change.NONE:
                return
            if before is not None or (look is not None and now is not None):
                await self._look_later(record.code, is_gone=now is None)
            if now is not None:
                await self._keep(now)
            else:
                await self._write(to_classification_key(record.code), None)
        finally:
            self._held.pop(record.code, None)
        log.info("classification.changed", key=record.key, change=change.value, cascades=count)

    async def _cascade(
        self, code: str, now: ClassificationRecord | None, change: Change, *, was_known: bool
    ) -> int:
        is_changed = was_known and change is not Change.NONE
        found = [each async for each in self._find(code, is_changed or code in self._looks)]
        if now is None or change is Change.PLACE:
            outdated = {(each.kind, each.code): None for each in found}
        else:
            outdated = find_outdated(found, now.names, self._chains)
        now_s = self._clock()
        process = f"classification:{code}:{now_s:.3f}"
        keys = list(outdated)
        if change is Change.NONE:  # a second look: most of them have only not come through yet
            since_s, on_their_way = self._on_their_way.get(code, (0.0, frozenset()))
            if now_s - since_s < ON_THEIR_WAY_S:
                keys = [key for key in keys if key not in on_their_way]
        elif keys:
            self._remember(code, keys, now_s)
        await append_all(keys, lambda key: self._append(*key, process, now_s))
        return len(keys)

    def _remember(self, code: str, keys: Sequence[tuple[Kind, str]], now_s: float) -> None:
        for old in [c for c, (s, _) in self._on_their_way.items() if now_s - s >= ON_THEIR_WAY_S]:
            del self._on_their_way[old]
        self._on_their_way[code] = (now_s, frozenset(keys))

    async def _append(self, kind: Kind, code: str, process: str, now_s: float) -> None:
        await self._publisher.append(
            self._topics.notifications,
            key=to_key_bytes(code),
            value=to_synthetic(
                kind, code, now_s=now_s, reason="classification changed", process=process
            ),
            headers=to_headers(Source.CASCADE, now_s=now_s),
        )

    async def _look_later(self, code: str, *, is_gone: bool) -> None:
        if self._ends is not None:
            self._looks[code] = _Look(await self._ends.read())
        await self._look_again(code, SECOND_LOOK_S, is_gone=is_gone)

    async def _is_too_early(self, code: str, *, is_gone: bool) -> bool:
        """Whether the index stage may still hold back what has the old name; if so, look later."""
        look = self._looks.get(code)
        if look is None or self._indexed is None:
            return False
        indexed = await self._indexed()
        if all(indexed.get(partition, 0) >= end for partition, end in look.ends.items()):
            return False
        look.count += 1
        if look.count >= LOOKS_MAX:
            log.warning("classification.not_followed", code=code, looks=look.count)
            return False
        pause_s = to_doubled_s(SECOND_LOOK_S, look.count - 1, max_s=LOOK_MAX_S)
        await self._look_again(code, pause_s, is_gone=is_gone)
        return True

    async def _look_again(self, code: str, pause_s: float, *, is_gone: bool) -> None:
        now_s = self._clock()
        await self._publisher.append(
            self._topics.notifications,
            key=to_key_bytes(code),
            value=to_synthetic(
                Kind.CLASSIFICATION, code, now_s=now_s, reason="second look", delete=is_gone
            ),
            headers=to_headers(Source.TRIGGER, now_s=now_s, not_before_s=now_s + pause_s),
        )

    async def _keep(self, record: ClassificationRecord) -> None:
        await self._write(record.key, record.to_json())

    async def _write(self, key: bytes, value: bytes | None) -> None:
        try:
            await self._publisher.append(self._topics.reference, key=key, value=value, partition=0)
        except RecordTooLarge as error:  # a successor has to ask again
            log.warning("classification.not_kept", error=str(error))
        self._reference.apply(key, value)

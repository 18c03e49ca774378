"""
The topic `quota` as its owners use it: to append is to learn who else has written.

A record counts only if its offset follows the last one that was read. In a gap, what came between
is read first; and offsets that went back mean that somebody has made the topic anew.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from aiokafka.errors import KafkaError

from runtime.errors import KafkaUnavailable, MalformedRecord, MustRestart, TransientError
from runtime.logs import get_logger
from streams.grants import REQUESTS_MAX, Written, find_rival, knows_all
from streams.log_reader import Read
from topics.grants import GrantKind, GrantRecord, find_newer_owner
from topics.records import Publisher

_NOT_THERE: Final = "the topic of grants does not hold what was just appended"

ReadQuota = Callable[[int], Awaitable[list[Read]]]
"""Returns the records of `quota` from an offset on, as far as it reaches now."""

log = get_logger(__name__)


class NotOwner(MustRestart):
    """Another worker owns the quota: this one must not send a single request more."""


class QuotaReleased(TransientError):
    """The partition of `due` has moved: whoever has it now sends the requests."""


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a record lies, what came between it and our last, and whether the topic is another."""

    offset: int
    between: list[Written]
    is_anew: bool = False


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a new owner finds: all records, when ours was appended, and whether nothing is missing."""

    written: list[Written]
    appended_s: float
    is_whole: bool


class QuotaLog:
    """One owner's view of the topic."""

    def __init__(self, publisher: Publisher, topic: str, read: ReadQuota) -> None:
        self._publisher, self._topic, self._read_from = publisher, topic, read
        self._predecessors: frozenset[str] = frozenset()
        self._last: int | None = None
        self.owner = uuid4().hex

    @property
    def is_taken_over(self) -> bool:
        """Whether all that was spent is known."""
        return self._last is not None

    def leave(self) -> None:
        """Be no owner any more; what comes next is another one's."""
        self.owner, self._last = uuid4().hex, None

    async def take_over(self, *, known_for_s: float) -> Inheritance:
        """
        Append our first record, and read what all owners of the last *known_for_s* have spent.

        Raises:
            NotOwner: another owner has taken over since.
            QuotaReleased: we are no owner any more.
            KafkaUnavailable: the topic cannot be read now, or was made anew meanwhile.
        """
        owner = self.owner
        before = await self._read(0)
        is_first = all(each.record.kind is GrantKind.CHECK for each in before)
        kind = GrantKind.FIRST if is_first else GrantKind.TAKE_OVER
        offset = await self._append(GrantRecord(kind, owner, 0))
        after = await self._read(before[-1].offset + 1 if before else 0)
        self._check(owner)
        mine = next((each for each in after if each.offset == offset), None)
        if mine is None:
            raise KafkaUnavailable(_NOT_THERE)
        written = [*before, *after]
        told = [each for each in written if each.offset < offset]
        self._predecessors = frozenset(each.record.owner for each in told) - {owner}
        self._refuse_rivals([each for each in written if each.offset > offset], owner)
        self._last = written[-1].offset
        since_s = mine.appended_s - known_for_s
        return Inheritance(written, mine.appended_s, is_first or knows_all(told, since_s=since_s))

    async def append(self, record: GrantRecord) -> Appended:
        """
        Append a record of the owner; it counts unless this raises.

        Raises:
            NotOwner, QuotaReleased, KafkaUnavailable: as for `take_over`.
        """
        owner, last = self.owner, self._last
        assert last is not None
        offset = await self._append(record)
        self._check(owner)
        if offset == last + 1:
            self._last = offset
            return Appended(offset, [])
        is_anew = offset <= last
        if is_anew:
            self._predecessors = frozenset()
        read = await self._read(0 if is_anew else last + 1)
        self._check(owner)
        between = [each for each in read if each.offset < offset]
        self._refuse_rivals(between, owner)
        self._last = offset
        return Appended(offset, between, is_anew)

    async def note_check(self, requests: int) -> Inheritance:
        """Account for requests of a worker that owns nothing; return what was spent before."""
        offset = await self._append(GrantRecord(GrantKind.CHECK, self.owner, requests))
        read = await self._read(0)
        written = [each for each in read if each.offset <= offset]
        mine = next((each for each in written if each.offset == offset), None)
        if mine is None:
            raise KafkaUnavailable(_NOT_THERE)
        return Inheritance(written, mine.appended_s, is_whole=True)

    async def _append(self, record: GrantRecord) -> int:
        return await self._publisher.append(
            self._topic, key=record.owner.encode(), value=record.to_json(), partition=0
        )

    async def _read(self, start: int) -> list[Written]:
        try:
            return to_written(await self._read_from(start))
        except KafkaError as error:
            raise KafkaUnavailable(f"the topic of grants cannot be read: {error!r}") from error

    def _check(self, owner: str) -> None:
        if self.owner != owner:
            raise QuotaReleased("the requests to the PIM are another worker's now")

    def _refuse_rivals(self, written: list[Written], owner: str) -> None:
        rival = find_rival(written, owner=owner, predecessors=self._predecessors)
        if rival is not None:
            raise NotOwner(f"the quota was taken over by {rival}")


def to_written(records: list[Read]) -> list[Written]:
    """Parse the records of the topic; one that cannot be read is left out, and logged."""
    written = []
    for each in records:
        try:
            record = GrantRecord.parse(each.value or b"")
        except MalformedRecord as error:
            log.warning("grant.unreadable", offset=each.offset, error=str(error))
            owner = find_newer_owner(each.value or b"")
            if owner is None:
                continue
            # Of a version to come: it has spent as much as a grant can hold.
            record = GrantRecord(GrantKind.GRANT, owner, REQUESTS_MAX)
        written.append(Written(each.offset, each.appended_s, record))
    return written

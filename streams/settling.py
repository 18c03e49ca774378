"""
What becomes of a resource once the PIM has answered: a snapshot, a second look, a parked delete.

If the process dies before the snapshot is stored, the due record was not acknowledged: the
resource is fetched again. After it, the same snapshot, or a newer one, is appended again.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pim.answers import Resource, to_code, to_modified_s
from pim.kinds import Kind
from runtime.clock import Clock
from runtime.errors import PermanentError, RecordTooLarge
from runtime.logs import get_logger
from runtime.metrics import snapshots, stale_answers
from runtime.points import reach
from sinks import relations
from streams.asking import Asker
from streams.classifications import Classifications
from streams.delete_brake import DeleteBrake
from streams.fetch_queue import Waiting
from streams.missing import MissingVerdict, judge_missing, to_pause_s
from streams.stale_answers import StaleAnswers
from topics.dead_letters import DeadLetters
from topics.due import DueRecord, Lane
from topics.names import TopicNames
from topics.notifications import Source, to_headers, to_key_bytes, to_synthetic
from topics.records import Publisher, Received
from topics.snapshots import Snapshot
from topics.versions import to_version

log = get_logger(__name__)

Entry = Waiting[Received]


@dataclass(frozen=True, slots=True)
class Settler:
    """Appends snapshots of one epoch, and decides about what the PIM does not have."""

    publisher: Publisher
    dead_letters: DeadLetters
    topics: TopicNames
    epoch: int
    asker: Asker
    brake: DeleteBrake
    clock: Clock  # time.time
    classifications: Classifications | None = None  # None: snapshots name none
    document_types: frozenset[str] = frozenset()  # empty: all
    deletes: Counter[Kind] = field(default_factory=Counter)  # appended by this worker
    stale: StaleAnswers = field(default_factory=StaleAnswers)

    async def settle(
        self, entry: Entry, resource: Resource | None, ends: Mapping[int, int], fetched_s: float
    ) -> float | None:
        """
        Make the answer durable; the caller acknowledges the due record.

        Returns None, or until when (unix seconds) the entry must wait for a second look.
        """
        if resource is None:
            verdict = await self._judge(entry)
            if verdict is MissingVerdict.LOOK_AGAIN:
                entry.missing_since_s = entry.missing_since_s or self.clock()
                if self.asker.denies_all:
                    entry.postpone()
                denied = entry.attempts if self.asker.denies_all else 0
                return self.clock() + to_pause_s(max(denied, entry.unproven))
            if verdict is MissingVerdict.PARK:
                await self._park(entry)
                return None
        else:
            await self.brake.release(entry.key)
        if self.classifications is not None:
            wait_until_s = await self.classifications.settle(entry.record, resource)
            if wait_until_s is not None:
                return wait_until_s
        await self._ask_for_more(entry.record, resource)
        await self._append(entry, resource, ends, fetched_s)
        return None

    def to_snapshot(
        self,
        record: DueRecord,
        resource: Resource | None,
        ends: Mapping[int, int],
        fetched_s: float,
    ) -> Snapshot:
        """
        Return what the PIM holds; *ends* were read before it was asked, at *fetched_s*.

        A document of a type that is not indexed counts as one that is not there.
        """
        if record.kind is Kind.DOCUMENT and resource is not None and self.document_types:
            document_type = relations.to_code(resource.get("documentType"))
            # One that cannot be read is no reason to take the document for one that has gone.
            kept = document_type is None or document_type in self.document_types
            resource = resource if kept else None
        return Snapshot(
            kind=record.kind,
            code=record.code,
            version=to_version(self.epoch, ends[record.partition]),
            partition=record.partition,
            deleted=resource is None,
            fetched_s=fetched_s,
            notified_s=record.notified_s,
            newest_s=record.newest_s,
            lane=record.lane.value,
            notifications=record.notifications,
            uuids=record.uuids,
            locales=record.locales,
            resource=resource or {},
            names=self.classifications.names_of(resource) if self.classifications else {},
        )

    async def trigger(
        self, record: DueRecord, *, reason: str, after_s: float | None = None
    ) -> None:
        """Append a notification of ours that says what the record says: its place in the log decides."""
        now_s = self.clock()
        await self.publisher.append(
            self.topics.notifications,
            key=to_key_bytes(record.code),
            value=to_synthetic(
                record.kind,
                record.code,
                now_s=now_s,
                reason=reason,
                process=reason if record.lane is Lane.PROCESS else None,
                delete=record.delete,
                created=record.created,
            ),
            headers=to_headers(
                Source.TRIGGER,
                now_s=now_s,
                not_before_s=None if after_s is None else now_s + after_s,
            ),
        )

    async def give_up(self, entry: Entry, *, reason: str, error: str) -> None:
        """Set a due record aside."""
        await self.dead_letters.set_aside(entry.receipt, reason=reason, error=error)

    async def store(self, snapshot: Snapshot) -> None:
        """
        Append a snapshot: it goes into the index.

        Raises:
            RecordTooLarge: `snapshots` does not take it.
            KafkaUnavailable: it may or may not be stored.
        """
        await self.publisher.append(
            self.topics.snapshots,
            key=snapshot.key.encode("utf-8", "surrogatepass"),
            value=snapshot.to_json(),
        )
        snapshots.labels(snapshot.kind.value, str(snapshot.deleted).lower()).inc()

    async def set_aside(self, snapshot: Snapshot, error: PermanentError) -> None:
        """Set a snapshot of a scan aside that `snapshots` does not take: no due record asked for it."""
        never_stored = Received(
            topic=self.topics.snapshots,
            partition=-1,
            offset=-1,
            key=snapshot.key.encode("utf-8", "surrogatepass"),
            value=snapshot.to_json(),
            appended_s=self.clock(),
            acknowledge=lambda: None,
        )
        await self.dead_letters.set_aside(never_stored, reason=error.reason, error=str(error))

    async def _judge(self, entry: Entry) -> MissingVerdict:
        verdict = judge_missing(
            announced=entry.record.delete,
            missing_since_s=entry.missing_since_s,
            now_s=self.clock(),
        )
        if verdict is MissingVerdict.LOOK_AGAIN:
            entry.denials += 1
            if entry.denials > 1 and not self.asker.denies_all:  # changed, and denied again
                await self.asker.has_live(entry.record.kind)
        if verdict is not MissingVerdict.CONFIRM:
            return verdict
        if not await self.asker.is_gone(entry.record.kind, entry.record.code):
            entry.unproven += 1
            return MissingVerdict.LOOK_AGAIN
        passes = await self.brake.admit(entry.key)
        return MissingVerdict.DELETED if passes else MissingVerdict.PARK

    async def _park(self, entry: Entry) -> None:
        await self.give_up(
            entry,
            reason="delete_braked",
            error=f"more than {self.brake.limit} unannounced deletes within an hour: "
            "quindex deletes show",
        )

    async def _ask_for_more(self, record: DueRecord, resource: Resource | None) -> None:
        """Have looked at again what the answer leaves open, before its snapshot is stored."""
        if resource is None:
            self.stale.forget(record.key)
            return
        after_s = self.stale.judge(
            record.key, changed_s=record.changed_s, modified_s=to_modified_s(resource)
        )
        if after_s is not None:
            stale_answers.inc()
            log.warning("answer.stale", key=record.key, look_again_s=after_s)
            await self.trigger(record, reason="stale answer", after_s=after_s)
        if record.kind is Kind.VARIANT and record.created:
            await self._look_at_document(to_code(resource.get("document")))

    async def _look_at_document(self, code: str | None) -> None:
        """A new variant's document shows it, and Quable is not said to announce that."""
        if not code:
            return
        now_s = self.clock()
        await self.publisher.append(
            self.topics.notifications,
            key=to_key_bytes(code),
            value=to_synthetic(Kind.DOCUMENT, code, now_s=now_s, reason="new variant"),
            headers=to_headers(Source.CASCADE, now_s=now_s),
        )

    async def _append(
        self, entry: Entry, resource: Resource | None, ends: Mapping[int, int], fetched_s: float
    ) -> None:
        snapshot = self.to_snapshot(entry.record, resource, ends, fetched_s)
        reach("snapshot.before")
        try:
            await self.store(snapshot)
        except RecordTooLarge as error:
            await self.give_up(entry, reason=error.reason, error=str(error))
            return
        reach("snapshot.after")
        self.deletes[snapshot.kind] += resource is None  # not: of a type that is not indexed
        log.info(
            "resource.fetched",
            key=snapshot.key,
            version=snapshot.version,
            coalesced=snapshot.notifications,
            deleted=snapshot.deleted,
        )

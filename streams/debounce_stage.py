"""
Notifications in, due records out.

If the process dies:
  in `take`, after the buffer has it    nothing was acknowledged but what the newest supersedes,
                                        and never what alone says that the resource is new or gone;
                                        the rest is delivered again and waits from its append time on
  in `flush`, before the append         the same
  in `flush`, after the append          the due record is there twice: the fetch stage merges them
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Final

from pim.kinds import Kind
from pim.notifications import Meaning, Notification, parse_notification
from runtime import tracing
from runtime.clock import Clock
from runtime.errors import MalformedNotification
from runtime.logs import get_logger
from runtime.metrics import due_records, notifications, pending_keys
from runtime.points import reach
from streams.appending import append_all
from streams.debounce import DebounceBuffer, Pending
from topics.dead_letters import DeadLetters
from topics.due import DueRecord
from topics.layout import DUE_PARTITION, NOTIFICATIONS_PARTITIONS
from topics.names import TopicNames
from topics.notifications import (
    Source,
    parse_since_s,
    to_headers,
    to_not_before_s,
    to_source,
)
from topics.records import Publisher, Received
from topics.scans import ScanPurpose, ScanRecord

FLUSH_INTERVAL_S: Final = 0.1

_OVERDUE_S: Final = 5.0
"""What is due for longer than this is not waiting: flush has stopped."""

log = get_logger(__name__)


class Debouncer:
    """Holds notifications for their quiet period, then passes on one due record per resource."""

    def __init__(
        self,
        *,
        buffer: DebounceBuffer[Received],
        publisher: Publisher,
        dead_letters: DeadLetters,
        topics: TopicNames,
        kinds: Collection[Kind],
        clock: Clock,
        partitions: int = NOTIFICATIONS_PARTITIONS,
        paused: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._buffer = buffer
        self._publisher = publisher
        self._dead_letters = dead_letters
        self._topics = topics
        self._kinds = frozenset(kinds)
        self._clock = clock
        self._partitions, self._paused = partitions, paused
        self._room = asyncio.Event()
        self._room.set()
        self._passing = asyncio.Lock()

    @property
    def waits_for(self) -> str | None:
        """A person, or the end of a quiet period, as long as what is due is passed on."""
        if (paused := self._paused()) is not None:
            return paused
        due_s = self._buffer.next_due_s
        if due_s is None or due_s < self._clock() - _OVERDUE_S:
            return None
        return f"quiet periods of {len(self._buffer)} resources"

    async def take(self, received: Received) -> None:
        """Buffer a notification; waits while the buffer is full."""
        while self._buffer.is_full:
            self._room.clear()
            await self._room.wait()
        try:
            notification = parse_notification(received.value or b"")
        except MalformedNotification as error:
            notifications.labels("malformed", "dead_lettered").inc()
            await self._dead_letters.set_aside(received, reason=error.reason, error=str(error))
            received.acknowledge()
            return
        try:
            outcome = await self._handle(notification, received)
        except MalformedNotification as error:  # a mark without its moment
            await self._dead_letters.set_aside(received, reason=error.reason, error=str(error))
            received.acknowledge()
            return
        notifications.labels(notification.event, outcome).inc()

    async def run(self) -> None:
        """Pass on what is due, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            await self.flush()

    async def flush(self) -> None:
        """Pass on what is due now, unless the stage is paused."""
        if self._paused() is None:
            async with self._passing:
                await self._pass_on(self._buffer.pop_due())
        pending_keys.set(len(self._buffer))
        self._room.set()

    def drop(self) -> None:
        """Forget everything held."""
        self._buffer.clear()
        self._room.set()

    async def drain(self) -> None:
        """Pass on everything held, due or not, and what is on its way already."""
        async with self._passing:
            if self._paused() is None:
                await self._pass_on(self._buffer.pop_all())

    async def _handle(self, notification: Notification, received: Received) -> str:
        if notification.meaning is Meaning.RESOURCE and notification.kind in self._kinds:
            is_known = notification.key in self._buffer
            for superseded in self._buffer.add(
                notification,
                received,
                appended_s=received.appended_s,
                partition=received.partition,
                not_before_s=to_not_before_s(received.headers),
                is_ours=to_source(received.headers) is not Source.WEBHOOK,
                trace=received.headers.get(tracing.HEADER),
            ):
                superseded.acknowledge()
            reach("debounce.taken")
            return "coalesced" if is_known else "buffered"
        if notification.meaning is Meaning.PROCESS_END:
            await self._end_process(notification, received)
        elif notification.meaning is Meaning.MARK:
            await self._ask_for_reconcile(notification, received)
        received.acknowledge()
        return notification.meaning.value

    async def _end_process(self, notification: Notification, received: Received) -> None:
        """The end lies in one partition; the buffers of all others learn of it by a marker."""
        process_id = notification.process_id or notification.code
        self._buffer.end_process(process_id)
        if to_source(received.headers) is Source.MARKER:
            return
        headers = to_headers(Source.MARKER, now_s=self._clock())
        async with asyncio.TaskGroup() as group:
            for partition in range(self._partitions):
                if partition != received.partition:
                    group.create_task(
                        self._publisher.append(
                            self._topics.notifications,
                            key=received.key,
                            value=received.value,
                            headers=headers,
                            partition=partition,
                        )
                    )

    async def _ask_for_reconcile(self, notification: Notification, received: Received) -> None:
        """
        Notifications may be lost since a moment: find out what has changed since, then everything.

        What was modified since is found quickly, but no delete: so a full scan stands behind it.
        """
        since_s = parse_since_s(received.value or b"")
        log.warning("reconcile.asked_for", since_s=since_s)
        now_s = self._clock()
        for kind in sorted(self._kinds):
            for since, name in ((since_s, "since"), (None, "full")):
                if since == 0.0:
                    continue
                scan = ScanRecord(
                    id=f"{notification.uuid[:8]}-{kind}-{name}",
                    purpose=ScanPurpose.RECONCILE,
                    kind=kind,
                    page=0,
                    since_s=since,
                    asked_by="mark",
                    began_s=now_s + (name == "full"),  # in this order
                    updated_s=now_s,
                )
                await self._publisher.append(
                    self._topics.due,
                    key=scan.key,
                    value=scan.to_json(),
                    partition=DUE_PARTITION,
                )

    async def _pass_on(self, due: list[Pending[Received]]) -> None:
        await append_all(due, self._append)

    async def _append(self, entry: Pending[Received]) -> None:
        record = to_due(entry)
        with tracing.span(
            "debounce",
            tracing.Side.CONSUMER,
            headers=entry.receipt.headers,
            links=entry.traces,
            began_s=entry.first_s,
            quindex_key=record.key,
            quindex_notifications=record.notifications,
            quindex_lane=record.lane.value,
        ):
            reach("due.before")
            await self._publisher.append(
                self._topics.due,
                key=record.key.encode("utf-8", "surrogatepass"),
                value=record.to_json(),
                partition=DUE_PARTITION,
            )
            reach("due.after")
        entry.receipt.acknowledge()
        for kept in entry.kept.receipts:
            kept.acknowledge()
        due_records.labels(record.lane.value, str(record.early).lower()).inc()
        log.debug("resource.due", key=record.key, coalesced=record.notifications)


def to_due(entry: Pending[Received]) -> DueRecord:
    """Return the due record of what waited for one resource."""
    notification = entry.newest
    assert notification.kind is not None
    return DueRecord(
        kind=notification.kind,
        code=notification.code,
        lane=entry.lane,
        early=entry.early,
        delete=entry.delete,
        ours=entry.ours,
        partition=entry.receipt.partition,
        offset=entry.receipt.offset,
        moved=entry.moved,
        notified_s=entry.first_s,
        newest_s=entry.newest_s,
        changed_s=entry.changed_s,
        created=entry.created,
        notifications=entry.count,
        uuids=tuple(entry.uuids),
        traces=tuple(each.decode("ascii", "replace") for each in entry.traces),
        locales=dict(entry.locales),
    )

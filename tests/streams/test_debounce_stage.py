"""Notifications in, due records out: what is acknowledged, and when."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from pim.kinds import Kind
from runtime.errors import KafkaUnavailable
from streams.appending import APPENDS_MAX
from streams.debounce import DebounceBuffer, Timing
from streams.debounce_stage import Debouncer
from tests.clock import FakeClock
from tests.streams.examples import Inbox, to_body
from tests.streams.publishers import WaitingPublisher, settle
from topics.dead_letters import DeadLetters
from topics.due import DueRecord, Lane
from topics.memory import MemoryPublisher
from topics.names import TopicNames
from topics.notifications import HEADER_SOURCE, Source, to_headers, to_mark
from topics.records import Received
from topics.scans import ScanPurpose, ScanRecord

TOPICS = TopicNames("t")
TIMING = Timing(lead_s=0.5, quiet_s=2, delay_max_s=15)


@dataclass
class Bench:
    """A debouncer with everything around it."""

    publisher: MemoryPublisher = field(default_factory=MemoryPublisher)
    keys_max: int = 1_000
    kinds: tuple[Kind, ...] = tuple(Kind)
    clock: FakeClock = field(default_factory=FakeClock)
    inbox: Inbox = field(default_factory=Inbox)

    def __post_init__(self) -> None:
        self.stage = Debouncer(
            buffer=DebounceBuffer[Received](TIMING, keys_max=self.keys_max, clock=self.clock),
            publisher=self.publisher,
            dead_letters=DeadLetters(self.publisher, TOPICS.dead_letters, "debounce", self.clock),
            topics=TOPICS,
            kinds=self.kinds,
            clock=self.clock,
        )

    def receive(self, code: str = "a", **fields: Any) -> Received:
        """Return the next record, stored now."""
        return self.inbox.receive(to_body(code, **fields), appended_s=self.clock())

    async def take(self, code: str = "a", **fields: Any) -> None:
        """Take the next record."""
        await self.stage.take(self.receive(code, **fields))

    async def flush_after(self, seconds: float) -> None:
        """Flush when some time has passed."""
        self.clock.advance(seconds)
        await self.stage.flush()

    @property
    def due(self) -> list[DueRecord]:
        """What was passed on."""
        return [DueRecord.parse(record.value or b"") for record in self.publisher.of(TOPICS.due)]


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Run a scenario; none of them waits for anything but itself."""

    async def limited() -> None:
        async with asyncio.timeout(5):
            await scenario

    asyncio.run(limited())


def test_a_notification_is_acknowledged_once_its_due_record_is_stored() -> None:
    async def scenario() -> None:
        publisher = WaitingPublisher()
        bench = Bench(publisher)
        await bench.take(updated=("fr_FR",), uuid="u1")
        assert bench.inbox.acknowledged == []
        flushing = asyncio.create_task(bench.flush_after(TIMING.lead_s))
        await settle()
        assert (publisher.waiting, bench.inbox.acknowledged) == (1, [])
        publisher.open.set()
        await flushing

        assert bench.inbox.acknowledged == [0]
        (record,) = bench.due
        assert (record.key, record.lane, record.early) == ("document:a", Lane.LIVE, True)
        assert (record.partition, record.offset, record.uuids) == (0, 0, ("u1",))
        assert set(record.locales) == {"fr_FR"}
        (appended,) = publisher.of(TOPICS.due)
        assert (appended.key, appended.partition) == (b"document:a", 0)

    run(scenario())


def test_a_superseded_notification_is_acknowledged_at_once() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.take()
        await bench.take(event="document.delete")
        assert bench.inbox.acknowledged == [0]
        await bench.flush_after(TIMING.lead_s)

        assert bench.inbox.acknowledged == [0, 1]
        (record,) = bench.due
        assert (record.offset, record.notifications, record.delete) == (1, 2, True)

    run(scenario())


def test_an_edit_after_a_delete_takes_the_delete_back() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.take(event="document.delete")
        await bench.take(event="document.create")
        await bench.flush_after(TIMING.lead_s)

        assert [record.delete for record in bench.due] == [False]

    run(scenario())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"not json", "not_json"),
        (b"{}", "malformed_notification"),
        (None, "not_json"),
        (to_body(event="document.explode"), "unknown_event"),
        (b'{"uuid":"u","code":"document.update","resource":{}}', "malformed_notification"),
    ],
)
def test_a_malformed_notification_is_set_aside_then_acknowledged(
    value: bytes | None, reason: str
) -> None:
    async def scenario() -> None:
        publisher = WaitingPublisher()
        bench = Bench(publisher)
        taking = asyncio.create_task(bench.stage.take(bench.inbox.receive(value)))
        await settle()
        assert bench.inbox.acknowledged == []
        publisher.open.set()
        await taking

        assert bench.inbox.acknowledged == [0]
        (letter,) = publisher.of(TOPICS.dead_letters)
        assert (letter.value, letter.headers["reason"]) == (value, reason.encode())
        assert letter.headers["stage"] == b"debounce"
        assert bench.due == []

    run(scenario())


def test_poison_stops_nothing_but_itself() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.stage.take(bench.inbox.receive(b"\xff"))
        await bench.take()
        await bench.flush_after(TIMING.lead_s)

        assert bench.inbox.acknowledged == [0, 1]
        assert len(bench.due) == 1

    run(scenario())


@pytest.mark.parametrize(
    "event", ["link.update", "value.delete", "export.finish", "user.login", "quindex.marker"]
)
def test_what_names_no_resource_is_acknowledged_at_once(event: str) -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.take(event=event)
        await bench.flush_after(60)

        assert bench.inbox.acknowledged == [0]
        assert bench.publisher.records == []

    run(scenario())


@pytest.mark.parametrize(
    ("since_s", "expected"),
    [
        (1_000.0, [("asset", 1_000.0), ("asset", None), ("document", 1_000.0), ("document", None)]),
        (0.0, [("asset", None), ("document", None)]),
    ],
)
def test_a_mark_asks_for_a_quick_reconcile_and_a_full_one_behind_it(
    since_s: float, expected: list[tuple[str, float | None]]
) -> None:
    async def scenario() -> None:
        bench = Bench(kinds=(Kind.DOCUMENT, Kind.ASSET))
        await bench.stage.take(bench.inbox.receive(to_mark(since_s=since_s, now_s=1)))

        scans = [ScanRecord.parse(record.value or b"") for record in bench.publisher.of(TOPICS.due)]
        assert [(scan.kind, scan.since_s) for scan in scans] == expected
        assert {scan.purpose for scan in scans} == {ScanPurpose.RECONCILE}
        assert bench.inbox.acknowledged == [0]

    run(scenario())


def test_a_kind_that_is_not_indexed_is_acknowledged_at_once() -> None:
    async def scenario() -> None:
        bench = Bench(kinds=(Kind.ASSET,))
        await bench.take()
        await bench.take(event="media.update")
        await bench.flush_after(TIMING.lead_s)

        assert [record.key for record in bench.due] == ["asset:a"]
        assert bench.inbox.acknowledged == [0, 1]

    run(scenario())


@pytest.mark.parametrize("event", ["import.finish", "bulk_edit.finish"])
def test_the_end_of_a_process_becomes_a_marker_in_every_other_partition(event: str) -> None:
    async def scenario() -> None:
        publisher = WaitingPublisher()
        bench = Bench(publisher)
        await bench.take(process="p")
        end = bench.inbox.receive(to_body("p", event=event), partition=4, key=b"p")
        taking = asyncio.create_task(bench.stage.take(end))
        await settle()
        assert bench.inbox.acknowledged == []  # not before all markers are stored
        publisher.open.set()
        await taking
        await bench.flush_after(TIMING.lead_s)

        markers = publisher.of(TOPICS.notifications)
        assert sorted(marker.partition for marker in markers) == [*range(4), *range(5, 12)]
        assert {(m.value, m.headers[HEADER_SOURCE]) for m in markers} == {(end.value, b"marker")}
        assert bench.inbox.acknowledged == [1, 0]
        assert [record.lane for record in bench.due] == [Lane.PROCESS]

    run(scenario())


def test_a_marker_ends_the_process_here_and_is_not_appended_again() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.take(process="p")
        headers = to_headers(Source.MARKER, now_s=bench.clock())
        marker = bench.inbox.receive(to_body("p", event="import.finish"), headers=headers)
        await bench.stage.take(marker)
        await bench.flush_after(TIMING.lead_s)

        assert bench.publisher.of(TOPICS.notifications) == []
        assert bench.inbox.acknowledged == [1, 0]

    run(scenario())


def test_a_notification_that_must_wait_waits() -> None:
    async def scenario() -> None:
        bench = Bench()
        headers = to_headers(Source.TRIGGER, now_s=0, not_before_s=bench.clock() + 30)
        await bench.stage.take(bench.inbox.receive(to_body(), headers=headers))
        await bench.flush_after(29)
        assert bench.due == []
        await bench.flush_after(1)

        assert [record.early for record in bench.due] == [False]

    run(scenario())


def test_what_cannot_be_appended_is_not_acknowledged() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.take()
        bench.publisher.failure = KafkaUnavailable("gone")
        with pytest.raises(BaseExceptionGroup) as caught:
            await bench.flush_after(TIMING.lead_s)

        assert caught.group_contains(KafkaUnavailable)
        assert bench.inbox.acknowledged == []

    run(scenario())


def test_a_full_stage_takes_nothing_until_a_flush_made_room() -> None:
    async def scenario() -> None:
        publisher = WaitingPublisher()
        bench = Bench(publisher, keys_max=2)
        await bench.take("a", process="p")
        await bench.take("b", process="p")
        taking = asyncio.create_task(bench.take("c", process="p"))
        await settle()
        assert not taking.done()
        flushing = asyncio.create_task(bench.stage.flush())
        await settle()
        assert not taking.done()  # there is room in the buffer, but the appends do not get through
        publisher.open.set()
        await flushing
        await taking

        assert [record.key for record in bench.due] == ["document:a"]

    run(scenario())


def test_a_full_stage_goes_on_when_partitions_move() -> None:
    async def scenario() -> None:
        bench = Bench(keys_max=1)
        await bench.take("a")
        taking = asyncio.create_task(bench.take("b"))
        await settle()
        bench.stage.drop()
        await taking

        assert bench.inbox.acknowledged == []

    run(scenario())


def test_what_is_dropped_is_neither_passed_on_nor_acknowledged() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.take()
        bench.stage.drop()
        await bench.flush_after(60)
        await bench.stage.drain()

        assert (bench.due, bench.inbox.acknowledged) == ([], [])

    run(scenario())


def test_draining_passes_on_what_is_held_and_waits_for_what_is_on_its_way() -> None:
    async def scenario() -> None:
        publisher = WaitingPublisher()
        bench = Bench(publisher)
        await bench.take("a")
        flushing = asyncio.create_task(bench.flush_after(TIMING.lead_s))
        await settle()
        await bench.take("b", process="p")
        draining = asyncio.create_task(bench.stage.drain())
        await settle()
        assert (draining.done(), bench.inbox.acknowledged) == (False, [])
        publisher.open.set()
        await draining

        assert sorted(bench.inbox.acknowledged) == [0, 1]
        assert [record.key for record in bench.due] == ["document:a", "document:b"]
        await flushing

    run(scenario())


def test_only_so_many_due_records_are_on_their_way_at_once() -> None:
    async def scenario() -> None:
        publisher = WaitingPublisher()
        bench = Bench(publisher, keys_max=10_000)
        for number in range(APPENDS_MAX + 1):
            await bench.take(str(number))
        flushing = asyncio.create_task(bench.flush_after(TIMING.lead_s))
        await settle()
        assert publisher.waiting == APPENDS_MAX
        publisher.open.set()
        await flushing

        assert len(bench.due) == len(bench.inbox.acknowledged) == APPENDS_MAX + 1
        assert publisher.waiting_max == APPENDS_MAX

    run(scenario())


def test_it_flushes_by_itself_and_waits_for_nothing() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.take()
        bench.clock.advance(TIMING.lead_s)
        running = asyncio.create_task(bench.stage.run())
        while not bench.inbox.acknowledged:  # noqa: ASYNC110  # the deadline is run's
            await asyncio.sleep(0.01)
        running.cancel()

        assert bench.stage.waits_for is None

    run(scenario())

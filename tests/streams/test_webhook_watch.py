"""Quable disables the webhook and tells nobody: it is noticed by what the PIM says has changed."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim.answers import Page
from pim.kinds import Kind
from runtime.errors import KafkaUnavailable, PimUnavailable
from streams.log_reader import Read
from streams.webhook_silence import MARGIN_MAX_S, CallTimes, to_modified_s
from streams.webhook_watch import WebhookWatch
from tests.clock import FakeClock
from topics.memory import MemoryPublisher
from topics.names import TopicNames
from topics.notifications import HEADER_SOURCE, parse_since_s
from topics.silence import SILENCE_KEY, WebhookSilence, fold_silence

SILENT_S = 900.0
NAMES = TopicNames("quindex")


class Calls:
    """Answers with the calls that it was told of since the last time."""

    def __init__(self) -> None:
        self.new: list[float] = []
        self.forgotten = 0
        self.failure: Exception | None = None

    def forget(self) -> None:
        self.forgotten += 1

    async def read(self) -> Sequence[float]:
        if self.failure is not None:
            raise self.failure
        taken, self.new = self.new, []
        return taken


class Pim:
    """Knows when each document was changed; *filters* False: it ignores dates, as it may."""

    def __init__(self) -> None:
        self.changed: dict[str, float] = {}
        self.filters = True
        self.asked: list[tuple[Kind, float]] = []
        self.failure: Exception | None = None

    async def fetch_page(
        self, kind: Kind, *, page: int, limit: int, order: str | None, modified_after_s: float
    ) -> Page:
        assert (page, limit, order) == (1, 1, "dateModified")
        self.asked.append((kind, modified_after_s))
        if self.failure is not None:
            raise self.failure
        found = sorted(
            (changed_s, code)
            for code, changed_s in self.changed.items()
            if int(changed_s) >= int(modified_after_s) or not self.filters  # in whole seconds
        )
        return Page([to_resource(code, at_s) for at_s, code in found[:limit]], False, len(found))


def to_resource(code: str, modified_s: float) -> dict[str, Any]:
    date = datetime.fromtimestamp(modified_s, UTC).isoformat(timespec="seconds")
    return {"id": code, "dateModified": date}


class World:
    def __init__(self) -> None:
        self.clock, self.calls, self.pim = FakeClock(), Calls(), Pim()
        self.publisher, self.is_owner = MemoryPublisher(), True
        self.watch = self.start()

    def start(self) -> WebhookWatch:
        return WebhookWatch(
            calls=self.calls,
            pim=self.pim,
            kinds=[Kind.DOCUMENT],
            publisher=self.publisher,
            topics=NAMES,
            read_control=self.read_control,
            is_owner=lambda: self.is_owner,
            silent_s=SILENT_S,
            clock=self.clock,
        )

    async def read_control(self) -> list[Read]:
        records = self.publisher.of(NAMES.control)
        return [Read(n, 0.0, each.key, each.value) for n, each in enumerate(records)]

    @property
    def silence(self) -> WebhookSilence | None:
        return fold_silence((each.key, each.value) for each in self.publisher.of(NAMES.control))

    @property
    def marks(self) -> list[float]:
        """Since when each scan was asked for."""
        records = self.publisher.of(NAMES.notifications)
        assert all(each.headers[HEADER_SOURCE] == b"mark" for each in records)
        return [parse_since_s(each.value or b"") for each in records]

    def look(self, after_s: float = 0.0, *, called: bool = False) -> None:
        self.clock.advance(after_s)
        if called:
            self.calls.new.append(self.clock())
        asyncio.run(self.watch.look())

    def fall_silent(self) -> float:
        """Have a call, then a change that is not announced, then the alarm; return the call's time."""
        self.look(called=True)
        called_s = self.clock()
        self.pim.changed["coat"] = called_s + 300
        self.look(2 * SILENT_S)
        return called_s


def test_while_calls_come_the_pim_is_not_asked() -> None:
    world = World()
    for _ in range(50):
        world.look(SILENT_S - 1, called=True)

    assert world.pim.asked == []


def test_silence_is_no_alarm_where_nothing_has_changed() -> None:
    world = World()
    world.look(called=True)
    called_s = world.clock()
    world.look(2 * SILENT_S)

    assert world.pim.asked == [(Kind.DOCUMENT, called_s + MARGIN_MAX_S + 1)]
    assert world.silence is None


def test_the_pim_is_asked_now_and_then_only() -> None:
    world = World()
    world.look(called=True)
    for _ in range(60):
        world.look(60)

    assert 9 <= len(world.pim.asked) <= 10  # of one hour, less the first 15 minutes


def test_a_change_that_was_not_announced_is_the_alarm_once() -> None:
    world = World()
    called_s = world.fall_silent()
    found_s, asked = world.clock(), len(world.pim.asked)
    for _ in range(10):
        world.look(SILENT_S)

    assert world.silence == WebhookSilence(called_s, "document:coat", called_s + 300, found_s)
    assert len(world.publisher.records) == 1
    assert len(world.pim.asked) == asked  # it is known


@pytest.mark.parametrize(
    ("changed_after_call_s", "is_alarm"),
    [
        (MARGIN_MAX_S, False),  # announced by that call: clocks differ
        (MARGIN_MAX_S + 1, True),
        (SILENT_S - 1, True),
        (SILENT_S, False),  # Quable may still be trying to announce it
        (2 * SILENT_S, False),
    ],
)
def test_only_what_should_have_been_announced_by_now_counts(
    changed_after_call_s: float, is_alarm: bool
) -> None:
    world = World()
    world.look(called=True)
    world.pim.changed["coat"] = world.clock() + changed_after_call_s
    world.look(2 * SILENT_S)

    assert (world.silence is not None) == is_alarm


def test_a_change_is_not_hidden_by_one_that_was_announced_in_the_second_before() -> None:
    world = World()
    world.clock.advance(0.7)
    world.look(called=True)
    world.pim.changed["announced"] = world.clock() + MARGIN_MAX_S
    world.pim.changed["coat"] = world.clock() + 300
    world.look(2 * SILENT_S)

    assert world.silence is not None
    assert world.silence.changed == "document:coat"


def test_a_pim_that_ignores_the_filter_raises_no_alarm() -> None:
    world = World()
    world.pim.filters = False
    world.pim.changed["old"] = world.clock() - 1_000_000
    world.look(called=True)
    world.look(2 * SILENT_S)

    assert world.pim.asked
    assert world.silence is None


def test_once_calls_come_again_the_gap_is_scanned_and_the_alarm_ends() -> None:
    world = World()
    called_s = world.fall_silent()
    world.look(SILENT_S, called=True)
    world.look(60)

    assert world.marks == [called_s - MARGIN_MAX_S]
    assert world.silence is None
    assert world.publisher.of(NAMES.control)[-1].key == SILENCE_KEY


def test_an_alarm_outlives_its_worker() -> None:
    world = World()
    called_s = world.fall_silent()
    world.watch = world.start()
    world.look(60)
    assert world.silence is not None
    assert world.marks == []

    world.watch = world.start()
    world.look(60, called=True)
    assert world.marks == [called_s - MARGIN_MAX_S]
    assert world.silence is None


def test_a_mark_that_was_not_stored_is_tried_again() -> None:
    world = World()
    called_s = world.fall_silent()
    world.publisher.failure = KafkaUnavailable("away")
    with pytest.raises(KafkaUnavailable):
        world.look(60, called=True)
    world.publisher.failure = None
    world.look(60)

    assert world.marks == [called_s - MARGIN_MAX_S]
    assert world.silence is None


def test_without_any_call_the_time_counts_from_the_first_look() -> None:
    world = World()
    world.look()
    world.pim.changed["coat"] = world.clock() + 300
    world.look(SILENT_S - 1)
    assert world.pim.asked == []

    world.look(SILENT_S)
    assert world.silence is not None


def test_only_the_owner_looks_and_trouble_ends_nothing() -> None:
    world = World()
    world.calls.failure = PimUnavailable("away")

    async def test() -> None:
        world.is_owner = False
        running = asyncio.create_task(world.watch.run())
        await asyncio.sleep(0)
        world.is_owner = True
        async with asyncio.timeout(10):
            await asyncio.sleep(0.3)
            world.calls.failure = None
            world.calls.new.append(world.clock())
            while world.calls.new:
                world.clock.advance(60)
                await asyncio.sleep(0.05)
            world.is_owner = False
            while not world.calls.forgotten:  # noqa: ASYNC110 (a poll is plainer)
                await asyncio.sleep(0.05)
        assert not running.done()
        running.cancel()

    asyncio.run(test())


@given(st.lists(st.floats(0, 1e9), max_size=5))
def test_the_last_call_is_the_newest(calls_s: list[float]) -> None:
    times = CallTimes(SILENT_S, 1_000.0)
    times.add(calls_s)

    assert times.last_s == max([1_000.0, *calls_s])


@pytest.mark.parametrize(
    ("given_date", "modified_s"),
    [
        ("2023-11-14T22:13:20+00:00", 1_700_000_000.0),
        ("2023-11-14T22:13:20", 1_700_000_000.0),
        ("2023-11-14 23:13:20+01:00", 1_700_000_000.0),
        ("yesterday", None),
        (None, None),
        (1_700_000_000, None),
    ],
)
def test_when_a_resource_was_modified(given_date: object, modified_s: float | None) -> None:
    assert to_modified_s({"id": "a", "dateModified": given_date}) == modified_s


def test_a_silence_that_cannot_be_read_is_none() -> None:
    for value in (
        b"",
        b"[]",
        b"{}",
        b'{"since": "x", "changed": 1, "changed_at": 1, "found_at": 1}',
    ):
        assert fold_silence([(SILENCE_KEY, value)]) is None

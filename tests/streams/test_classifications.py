"""What follows from the change of a classification, and what each snapshot says of it."""

import asyncio
from typing import Any

import orjson
import pytest

from pim.kinds import Kind
from pim.notifications import parse_notification
from runtime.errors import (
    PimUnauthorized,
    PimUnavailable,
    RecordTooLarge,
    SinkUnavailable,
)
from sinks.classified import Classified, find_outdated, to_classification_name
from streams.classifications import (
    AGAIN_AFTER_S,
    LOOK_MAX_S,
    LOOKS_MAX,
    ON_THEIR_WAY_S,
    SECOND_LOOK_S,
    UNREADABLE_S,
    Change,
    judge,
    to_record,
)
from tests.streams.classified import CHAINS, MOVED, NEW, OLD, TOPICS, World
from tests.streams.examples import to_due_record
from topics.due import Lane
from topics.memory import MemoryPublisher
from topics.reference import ClassificationRecord


@pytest.fixture
def world() -> World:
    return World()


def test_two_readings_are_compared() -> None:
    old = to_record("c", OLD)

    assert old == ClassificationRecord("c", {"fr_FR": "Jupes"}, "all")
    assert judge(old, old) is Change.NONE
    assert judge(None, old) is Change.NAMES
    assert judge(old, to_record("c", NEW)) is Change.NAMES
    assert judge(old, to_record("c", MOVED)) is Change.PLACE
    assert judge(old, None) is Change.GONE
    assert to_record("c", {"name": "Jupes"}).names == "Jupes"
    assert to_record("c", {"name": 3}).names == {}


def test_only_what_says_another_name_is_outdated() -> None:
    found = [
        Classified(Kind.DOCUMENT, "old", "fr_BE", "Jupes"),
        Classified(Kind.DOCUMENT, "old", "fr_FR", "Jupes"),
        Classified(Kind.ASSET, "new", "fr_BE", "Jupes et robes"),
        Classified(Kind.ASSET, "nameless", "fr_FR", None),
        Classified(Kind.ASSET, "of a locale that is gone", "it_IT", "Gonne"),
    ]

    assert list(find_outdated(found, NEW["name"], CHAINS)) == [
        (Kind.DOCUMENT, "old"),
        (Kind.ASSET, "nameless"),
    ]
    assert to_classification_name({"fr_FR": "<b> </b>"}, ("fr_FR",)) is None


def test_a_renamed_classification_has_what_is_in_it_looked_at_again(world: World) -> None:
    world.knows(OLD)
    world.holds("Jupes", "Jupes et robes", "Jupes")

    assert world.note(NEW) is None
    assert world.cascades() == ["document:d0", "document:d2"]
    bodies = [orjson.loads(each.value or b"") for each in world.notified(b"cascade")]
    assert len({body["process"]["id"] for body in bodies}) == 1  # the lane of processes
    [look] = world.second_looks()
    assert float(look.headers["not_before"]) == world.clock() + SECOND_LOOK_S
    assert world.reference.classifications["c"].names == NEW["name"]
    assert world.refreshed == [True]


def test_a_moved_one_and_a_deleted_one_have_everything_looked_at_again(world: World) -> None:
    world.knows(OLD)
    world.holds("Jupes", "Jupes")

    world.note(MOVED)
    assert world.cascades() == ["document:d0", "document:d1"]
    world.note(None)
    assert len(world.cascades()) == 4
    assert "c" not in world.reference.classifications


def test_an_unchanged_one_costs_nothing_but_heals_what_is_outdated(world: World) -> None:
    world.knows(OLD)
    world.holds("Jupes")
    world.note(OLD)
    assert world.publisher.records == []
    world.holds("Robes")

    world.note(OLD)
    assert world.cascades() == ["document:d0"]
    assert world.second_looks() == []
    assert world.refreshed == [False, False]


def test_a_second_look_leaves_out_what_is_on_its_way(world: World) -> None:
    world.knows(OLD)
    world.holds("Jupes")
    world.note(NEW)
    world.index.append(Classified(Kind.DOCUMENT, "late", "fr_FR", "Jupes"))

    world.clock.advance(SECOND_LOOK_S)
    world.note(NEW)
    assert world.cascades() == ["document:d0", "document:late"]
    world.clock.advance(ON_THEIR_WAY_S)
    world.note(NEW)
    assert world.cascades() == ["document:d0", "document:late", "document:d0", "document:late"]


def test_looks_go_on_until_what_was_not_indexed_at_the_change_is(world: World) -> None:
    world.knows(OLD)
    world.follow()
    world.note(NEW)
    for _ in range(2):
        world.clock.advance(SECOND_LOOK_S)
        world.note(NEW)
    assert world.refreshed == [True]
    world.holds("Jupes")
    world.indexed = {0: 10}

    world.note(NEW)
    assert world.cascades() == ["document:d0"]
    assert world.refreshed == [True, True]
    assert len(world.second_looks()) == 3
    world.note(NEW)
    assert len(world.second_looks()) == 3


def test_the_last_look_is_taken_again_where_the_index_did_not_answer(world: World) -> None:
    world.knows(OLD)
    world.follow()
    world.note(NEW)
    world.indexed = {0: 10}
    world.holds("Jupes")
    world.index_failure = SinkUnavailable("503")
    assert world.note(NEW) == world.clock() + AGAIN_AFTER_S
    world.index_failure = None

    world.note(NEW)
    assert world.cascades() == ["document:d0"]
    assert world.refreshed == [True, True]


def test_looks_become_rarer_and_end(world: World) -> None:
    world.knows(OLD)
    world.follow()
    world.note(NEW)
    for _ in range(LOOKS_MAX + 1):
        world.note(NEW)

    pauses = [float(each.headers["not_before"]) - world.clock() for each in world.second_looks()]
    assert pauses[:6] == [SECOND_LOOK_S, SECOND_LOOK_S, 30.0, 60.0, LOOK_MAX_S, LOOK_MAX_S]
    assert len(pauses) == LOOKS_MAX


def test_a_deletion_is_followed_too_and_a_re_creation_in_between(world: World) -> None:
    world.knows(OLD)
    world.follow()
    world.holds("Jupes")
    world.note(None)
    world.note(None)
    assert world.cascades() == ["document:d0"]
    world.note(NEW)

    assert world.reference.classifications["c"].names == NEW["name"]
    assert len(world.second_looks()) == 3
    world.note(NEW)
    assert len(world.second_looks()) == 4
    said = [parse_notification(look.value or b"").is_delete for look in world.second_looks()]
    assert said == [True, True, False, False]  # a deletion was announced: it passes the brake


def test_one_that_was_never_read_needs_no_second_look(world: World) -> None:
    world.note(OLD)

    assert world.second_looks() == []
    assert world.reference.classifications["c"].names == OLD["name"]


@pytest.mark.parametrize("died_after", range(4))
def test_a_crash_at_any_point_of_a_rename_loses_nothing(world: World, died_after: int) -> None:
    class Dying(MemoryPublisher):
        async def append(self, *args: Any, **options: Any) -> int:
            if len(self.records) >= died_after:
                raise RuntimeError("died")
            return await super().append(*args, **options)

    world.knows(OLD)
    world.holds("Jupes", "Jupes")
    world.publisher = Dying()
    world.classifications = world.restarted()
    with pytest.raises((RuntimeError, ExceptionGroup)):
        world.note(NEW)
    before = world.cascades()
    world.publisher = MemoryPublisher()
    world.classifications = world.restarted()

    assert world.note(NEW) is None
    assert {*before, *world.cascades()} == {"document:d0", "document:d1"}
    assert world.reference.classifications["c"].names == NEW["name"]


def test_while_the_index_does_not_answer_the_classification_waits(world: World) -> None:
    world.knows(OLD)
    world.holds("Jupes")
    world.index_failure = SinkUnavailable("503")

    assert world.note(NEW) == world.clock() + AGAIN_AFTER_S
    assert world.publisher.records == []
    world.index_failure = None
    assert world.note(NEW) is None
    assert world.cascades() == ["document:d0"]


def test_names_that_are_not_known_are_asked_for_once(world: World) -> None:
    world.pim.resources = {"c": OLD, "e": {"name": {"fr_FR": "Été"}}, "f": {"name": {}}}

    async def show_both() -> None:
        resources = [
            {"classifications": [{"id": code} for code in codes]} for codes in ("cef", "c")
        ]
        await asyncio.gather(
            *(world.classifications.settle(to_due_record("d"), each) for each in resources)
        )

    asyncio.run(show_both())
    resource = {"classifications": [{"id": "c"}, {"id": "e"}, {"id": "f"}, {"id": "?"}]}

    assert world.pim.asked == [["c", "e"], ["f"]]
    assert world.classifications.names_of(resource) == {
        "c": OLD["name"],
        "e": {"fr_FR": "Été"},
    }
    assert world.classifications.names_of(None) == {}
    assert len(world.publisher.of(TOPICS.reference)) == 3


def test_what_waits_for_its_turn_holds_up_no_live_edit(world: World) -> None:
    world.pim.resources = {"c": OLD}

    async def show_both() -> None:
        shown = {"classifications": [{"id": "c"}]}
        scanned = to_due_record("a", lane=Lane.SCAN)
        waiting = asyncio.create_task(world.classifications.settle(scanned, shown))
        await asyncio.sleep(0)
        assert await world.classifications.settle(to_due_record("d"), shown) is None
        assert not waiting.done()
        world.pim.turn.set()
        await waiting

    asyncio.run(show_both())


def test_where_packs_do_not_work_each_is_asked_for_alone(world: World) -> None:
    world.pim.resources = {"c": OLD, "e": {"name": {"fr_FR": "Été"}}, "f": {"name": {}}}
    world.pim.ignores_filter = True

    assert world.show("c", "e", "f") is None
    assert world.pim.asked == [["c", "e"], ["c"], ["e"], ["f"]]
    assert len(world.publisher.of(TOPICS.reference)) == 3


def test_what_the_pim_does_not_have_is_not_asked_for_again_soon(world: World) -> None:
    world.show("c")
    world.show("c")
    assert world.pim.asked == [["c"]]
    world.pim.failure = PimUnauthorized("403", status=403)
    world.clock.advance(UNREADABLE_S)

    assert world.show("c") is None
    assert world.pim.asked == [["c"], ["c"]]


def test_while_the_pim_does_not_answer_the_document_waits(world: World) -> None:
    world.pim.failure = PimUnavailable("503")

    assert world.show("c") == world.clock() + AGAIN_AFTER_S
    assert world.show() is None


def test_a_record_that_the_topic_does_not_take_is_known_until_the_next_start(world: World) -> None:
    world.pim.resources = {"c": OLD}
    world.publisher.failure = RecordTooLarge("8 MiB")

    assert world.show("c") is None
    assert world.classifications.names_of({"classification": {"id": "c"}}) == {"c": OLD["name"]}

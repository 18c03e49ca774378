"""Dead letters: which resource they concern, and whether they still matter."""

from typing import Final

import pytest

from ops.letter import (
    CLOCKS_DIFFER_MAX_S,
    LetterState,
    Wanted,
    fold_decided,
    mark,
    to_letter,
    to_resources,
)
from pim.kinds import Kind
from tests.ops.hostile import HOSTILE
from tests.ops.letters import letter
from topics.control import (
    LetterDecision,
    StageStop,
    fold_stops,
    parse_letter_decision,
    to_letter_key,
    to_letter_value,
)
from topics.notifications import to_synthetic

DISCARDED: Final = LetterDecision("discarded", 5_000.0, None)


def test_a_letter_tells_where_it_came_from() -> None:
    found = letter(partition=2, offset=7)

    assert found.id == "2/7"
    assert found.source == "quindex.snapshots 4/5"
    assert (found.stage, found.reason, found.error) == (
        "index",
        "mapper_parsing_exception",
        "failed to parse",
    )
    assert found.at_s == 1_000.0
    assert found.resource == "document:a"


def test_a_notification_names_its_resource_in_its_body() -> None:
    body = to_synthetic(Kind.VARIANT, "a:b", now_s=0, reason="test")
    found = letter(topic="q.notifications", key=b"a:b", value=body)

    assert found.resource == "variant:a:b"


@pytest.mark.parametrize(
    ("topic", "key", "code"),
    [
        ("q.notifications", b"a", "a"),
        ("q.due", b"scan:1", "scan:1"),
        ("q.due", None, None),
        ("?", b"\xff", "\ufffd"),
    ],
)
def test_a_letter_without_a_resource_cannot_be_looked_at_again(
    topic: str, key: bytes | None, code: str | None
) -> None:
    found = letter(topic=topic, key=key, value=b"not json")

    assert found.resource is None
    assert found.code == code


def test_a_record_that_lacks_everything_is_a_letter_all_the_same() -> None:
    found = to_letter(0, 1, 5.0, None, None, {"at": b"soon"})

    assert (found.stage, found.reason, found.at_s) == ("unknown", "unknown", 5.0)


def test_a_newer_success_overtakes_older_letters() -> None:
    letters = [letter(offset=1, at_s=10), letter(offset=2, at_s=30), letter(offset=3, at_s=20)]
    marked = mark(letters, decided={"0/3": DISCARDED}, written_s={"document:a": 20.0})

    assert [(each.offset, each.state) for each in marked] == [
        (2, LetterState.OPEN),
        (3, LetterState.DISCARDED),
        (1, LetterState.OVERTAKEN),
    ]


def test_the_last_decision_counts_and_a_null_forgets_it() -> None:
    records = [
        (to_letter_key(0, 1), to_letter_value("redriven", 1.0, letter_at_s=0.5)),
        (to_letter_key(0, 2), to_letter_value("discarded", 1.0, letter_at_s=0.5)),
        (to_letter_key(0, 1), to_letter_value("discarded", 2.0, letter_at_s=0.5)),
        (to_letter_key(0, 2), None),
        (to_letter_key(0, 3), to_letter_value("eaten", 2.0, letter_at_s=0.5)),
        (to_letter_key(0, 4), b"?"),
        (b"epoch/1", b"{}"),
        (None, None),
    ]

    assert fold_decided(records) == {"0/1": LetterDecision("discarded", 2.0, 0.5)}
    assert parse_letter_decision(b"[]") is None


def test_a_decision_about_a_letter_of_a_topic_that_was_deleted_does_not_count() -> None:
    value = to_letter_value("discarded", 1_000.0, letter_at_s=990.0)
    decided = fold_decided([(to_letter_key(0, 0), value)])

    [same] = mark([letter(at_s=990.0)], decided=decided, written_s={})
    [new] = mark([letter(at_s=995.0)], decided=decided, written_s={})
    [overtaken] = mark([letter(at_s=995.0)], decided=decided, written_s={"document:a": 996.0})
    assert same.state is LetterState.DISCARDED
    assert new.state is LetterState.OPEN
    assert overtaken.state is LetterState.OVERTAKEN


def test_of_an_earlier_versions_decision_its_moment_tells_but_for_what_clocks_differ() -> None:
    value = b'{"schema": 1, "state": "redriven", "at": 1000.0}'
    decided = fold_decided([(to_letter_key(0, 0), value)])
    latest_s = 1_000.0 + CLOCKS_DIFFER_MAX_S

    [late] = mark([letter(at_s=latest_s)], decided=decided, written_s={})
    [new] = mark([letter(at_s=latest_s + 1)], decided=decided, written_s={})
    assert late.state is LetterState.REDRIVEN
    assert new.state is LetterState.OPEN


def test_letters_are_picked_by_all_that_is_asked() -> None:
    old = letter(offset=1, at_s=10)

    assert Wanted().picks(old)
    assert Wanted(codes=frozenset({"a"}), stages=frozenset({"index"})).picks(old)
    assert not Wanted(codes=frozenset({"b"})).picks(old)
    assert not Wanted(reasons=frozenset({"other"})).picks(old)
    assert not Wanted(stages=frozenset({"fetch"})).picks(old)
    assert not Wanted(since_s=11).picks(old)
    assert not Wanted(until_s=9).picks(old)
    assert not Wanted(ids=frozenset({"1/1"})).picks(old)


def test_only_open_letters_are_meant_unless_named_or_all() -> None:
    done = mark([letter()], decided={"0/0": DISCARDED}, written_s={})[0]

    assert not Wanted().picks(done)
    assert Wanted(all_states=True).picks(done)
    assert Wanted(ids=frozenset({"0/0"})).picks(done)


def test_each_resource_is_looked_at_again_once() -> None:
    letters = [letter(offset=1), letter(offset=2), letter(key=b"scan:1"), letter(key=b"asset:z")]

    assert to_resources(letters) == [(Kind.DOCUMENT, "a"), (Kind.ASSET, "z")]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_codes_stay_what_they_are(value: str) -> None:
    found = letter(key=f"document:{value}".encode("utf-8", "surrogatepass"))

    assert found.code == value


def test_a_stage_that_stopped_is_remembered_until_it_may_go_on() -> None:
    stop = StageStop("index", 60, 80, "why", 5.0)
    garbage = (b"breaker/fetch", b"{}")

    assert fold_stops([(stop.key, stop.to_json()), garbage, (None, None)]) == {"index": stop}
    assert fold_stops([(stop.key, stop.to_json()), (stop.key, None)]) == {}

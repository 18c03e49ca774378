"""Deciding about dead letters: what is appended, and what is forgotten."""

import asyncio

from ops.letter import LetterState, fold_decided
from ops.letters import decide
from pim.notifications import parse_notification
from runtime.settings import Settings
from tests.ops.letters import letter
from topics.memory import MemoryPublisher

LETTERS = [
    letter(partition=0, offset=5),
    letter(partition=1, offset=6),
    letter(partition=2, offset=7, key=b"asset:z"),
    letter(partition=2, offset=8, key=b"scan:1"),
]


def decided(publisher: MemoryPublisher) -> dict[str, LetterState]:
    records = ((each.key, each.value) for each in publisher.of("quindex.control"))
    return {name: LetterState(each.state) for name, each in fold_decided(records).items()}


def test_redriving_looks_at_each_resource_again_once_and_keeps_the_decision() -> None:
    publisher = MemoryPublisher()
    looking = asyncio.run(decide(publisher, Settings(), LETTERS, LetterState.REDRIVEN, firsts={}))
    sent = publisher.of("quindex.notifications")

    assert looking == 2
    assert [parse_notification(each.value or b"").key for each in sent] == [
        "document:a",
        "asset:z",
    ]
    assert {each.headers["source"] for each in sent} == {b"trigger"}
    assert decided(publisher) == dict.fromkeys(["0/5", "1/6", "2/7", "2/8"], LetterState.REDRIVEN)


def test_discarding_looks_at_nothing() -> None:
    publisher = MemoryPublisher()
    looking = asyncio.run(
        decide(publisher, Settings(), LETTERS[:1], LetterState.DISCARDED, firsts={})
    )

    assert looking == 0
    assert publisher.of("quindex.notifications") == []
    assert decided(publisher) == {"0/5": LetterState.DISCARDED}


def test_a_decision_tells_which_letter_it_is_about() -> None:
    publisher = MemoryPublisher()
    asyncio.run(decide(publisher, Settings(), LETTERS[:1], LetterState.DISCARDED, firsts={}))
    [record] = publisher.of("quindex.control")
    decided = fold_decided([(record.key, record.value)])

    assert [each.letter_at_s for each in decided.values()] == [LETTERS[0].at_s]


def test_decisions_about_letters_that_have_gone_are_forgotten() -> None:
    publisher = MemoryPublisher()
    asyncio.run(
        decide(
            publisher,
            Settings(),
            [],
            LetterState.DISCARDED,
            firsts={0: 10, 1: 2},
            known=["0/9", "0/10", "1/1", "2/0"],
        )
    )

    assert [(each.key, each.value) for each in publisher.of("quindex.control")] == [
        (b"letter/0/9", None),
        (b"letter/1/1", None),
    ]

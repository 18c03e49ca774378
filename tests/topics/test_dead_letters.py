"""Records set aside with their reason."""

import asyncio

import pytest

from runtime.errors import KafkaUnavailable
from tests.clock import FakeClock
from topics.dead_letters import BYTES_MAX, ERROR_MAX_CHARS, DeadLetters
from topics.memory import Appended, MemoryPublisher
from topics.records import Received


def set_aside(value: bytes | None, error: str = "why") -> Appended:
    publisher = MemoryPublisher(partitions=3)
    letters = DeadLetters(publisher, "t.dead-letters", "fetch", FakeClock(1.5))
    record = Received("t.due", 0, 7, b"document:a", value, 0.0, lambda: None)
    asyncio.run(letters.set_aside(record, reason="too_bad", error=error))
    (letter,) = publisher.of("t.dead-letters")
    return letter


def test_a_dead_letter_holds_the_bytes_and_says_where_they_came_from() -> None:
    letter = set_aside(b"\x00\xff")

    assert (letter.key, letter.value) == (b"document:a", b"\x00\xff")
    assert letter.headers == {
        "stage": b"fetch",
        "reason": b"too_bad",
        "error": b"why",
        "topic": b"t.due",
        "partition": b"0",
        "offset": b"7",
        "at": b"1.500",
    }


def test_a_null_stays_null() -> None:
    assert set_aside(None).value is None


def test_what_is_too_long_is_cut() -> None:
    letter = set_aside(b"x" * (BYTES_MAX + 1), error="é" * (ERROR_MAX_CHARS + 1))

    assert letter.value == b"x" * BYTES_MAX
    assert letter.headers["error"].decode() == "é" * ERROR_MAX_CHARS


def test_a_text_that_is_no_text_still_makes_a_header() -> None:
    assert set_aside(b"", error="\ud800").headers["error"] == b"?"


def test_what_cannot_be_stored_is_not_taken_for_stored() -> None:
    publisher = MemoryPublisher(failure=KafkaUnavailable("gone"))
    letters = DeadLetters(publisher, "t.dead-letters", "fetch", FakeClock())
    record = Received("t.due", 0, 7, b"k", b"v", 0.0, lambda: None)

    with pytest.raises(KafkaUnavailable):
        asyncio.run(letters.set_aside(record, reason="r", error="e"))

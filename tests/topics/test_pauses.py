"""Which stages are paused, as the records of `control` tell."""

import pytest

from topics.pauses import Pauses, StagePause

PAUSED = StagePause("fetch", "the PIM is moved", 7.0)


def test_a_pause_lasts_until_a_null_ends_it() -> None:
    pauses = Pauses()
    pauses.apply(PAUSED.key, PAUSED.to_json())

    assert pauses.now == {"fetch": PAUSED}
    assert pauses.to_wait("fetch") == "a person: quindex resume fetch"
    assert pauses.to_wait("index") is None

    pauses.apply(PAUSED.key, None)
    assert pauses.now == {}
    assert pauses.to_wait("fetch") is None


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"reason": "x"}', b'{"at": "x"}'])
def test_what_cannot_be_read_pauses_nothing(value: bytes) -> None:
    pauses = Pauses()
    pauses.apply(PAUSED.key, value)

    assert pauses.now == {}


@pytest.mark.parametrize("key", [None, b"", b"breaker/fetch", b"epoch/1"])
def test_other_records_are_none_of_its_business(key: bytes | None) -> None:
    pauses = Pauses()
    pauses.apply(PAUSED.key, PAUSED.to_json())
    pauses.apply(key, PAUSED.to_json())

    assert pauses.now == {"fetch": PAUSED}

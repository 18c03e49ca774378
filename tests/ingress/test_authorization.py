"""Who may call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.authorization import Authorization


def test_the_secret_that_matched_is_named() -> None:
    authorization = Authorization({"current": "Bearer old", "next": "Bearer new"})

    assert authorization.match([b"Bearer old"]) == "current"
    assert authorization.match([b"Bearer new"]) == "next"


@pytest.mark.parametrize("given", [[], [b""], [b"Bearer"], [b"bearer old"], [b"Bearer old, x"]])
def test_nothing_else_matches(given: list[bytes]) -> None:
    assert Authorization({"current": "Bearer old", "next": ""}).match(given) is None


def test_an_empty_secret_is_not_active() -> None:
    assert Authorization({"current": "x", "next": " "}).match([b""]) is None


def test_blanks_around_a_value_are_no_part_of_it() -> None:
    assert Authorization({"current": " x "}).match([b"\tx "]) == "current"


def test_a_second_value_does_not_spoil_the_first() -> None:
    assert Authorization({"current": "x"}).match([b"nonsense", b"x"]) == "current"


def test_a_secret_beyond_ascii_matches_however_it_is_encoded() -> None:
    authorization = Authorization({"current": "clé"})

    assert authorization.match(["clé".encode()]) == "current"
    assert authorization.match(["clé".encode("latin-1")]) == "current"


def test_a_secret_beyond_latin_1_matches_in_utf_8() -> None:
    assert Authorization({"current": "ключ"}).match(["ключ".encode()]) == "current"


@given(st.text(min_size=1).filter(lambda text: text.strip(" \t")), st.binary())
def test_exactly_the_secret_matches(secret: str, value: bytes) -> None:
    matched = Authorization({"current": secret}).match([value])

    stripped = secret.strip(" \t")
    forms = [stripped.encode("utf-8", "surrogateescape")] if _encodes(stripped, "utf-8") else []
    forms += [stripped.encode("latin-1")] if _encodes(stripped, "latin-1") else []
    assert (matched is not None) == (value.strip(b" \t") in forms)


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding, "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True

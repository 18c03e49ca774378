"""Who may see the console, and whose actions are meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.pages.access import (
    GUESSES_MAX,
    GUESSES_WITHIN_S,
    Guesses,
    Keys,
    Session,
    is_from_here,
    is_loopback,
    is_own_host,
    is_same,
)

NOW_S = 1_795_000_000.0
KEYS = Keys("a token that nobody knows")
SESSION = Session("5f0c", NOW_S + 60, is_known=True)


def test_a_session_comes_back_from_its_cookie_until_it_is_over() -> None:
    cookie = KEYS.to_cookie(SESSION)

    assert KEYS.parse_cookie(cookie, NOW_S) == SESSION
    assert KEYS.parse_cookie(cookie, NOW_S + 61) is None


@given(st.integers(min_value=0), st.characters())
def test_a_cookie_that_was_changed_anywhere_is_none_of_ours(place: int, char: str) -> None:
    cookie = KEYS.to_cookie(SESSION)
    place %= len(cookie)
    changed = cookie[:place] + char + cookie[place + 1 :]

    assert (KEYS.parse_cookie(changed, NOW_S) == SESSION) == (changed == cookie)


@given(st.text())
def test_no_text_is_a_cookie(text: str) -> None:
    assert KEYS.parse_cookie(text, NOW_S) is None
    assert not KEYS.is_meant(SESSION, text)


def test_another_token_ends_all_sessions() -> None:
    assert Keys("another token").parse_cookie(KEYS.to_cookie(SESSION), NOW_S) is None


def test_an_action_is_meant_by_its_own_session_alone() -> None:
    token = KEYS.to_action_token(SESSION)
    other = Session("77aa", NOW_S + 60, is_known=True)

    assert KEYS.is_meant(SESSION, token)
    assert not KEYS.is_meant(other, token)
    assert not KEYS.is_meant(SESSION, "")


def test_after_a_few_wrong_tokens_none_is_looked_at_for_a_while() -> None:
    guesses = Guesses()
    for _ in range(GUESSES_MAX):
        assert guesses.may_try(NOW_S)
        guesses.failed(NOW_S)

    assert not guesses.may_try(NOW_S)
    assert guesses.may_try(NOW_S + GUESSES_WITHIN_S)


@pytest.mark.parametrize("given", ["", "oken", "tokens", "Token", "tokén", "\ud800"])
def test_only_the_token_is_the_token(given: str) -> None:
    assert is_same("token", "token")
    assert not is_same(given, "token")


@pytest.mark.parametrize(
    ("header", "is_ours"),
    [
        ("127.0.0.1:8090", True),
        ("localhost:8090", True),
        ("[::1]:8090", True),
        ("localhost", True),
        ("evil.example:8090", False),
        ("localhost.evil.example", False),
        ("127.evil.example:8090", False),
        ("127.0.0.1.evil.example", False),
        ("127.0.0.1@evil.example", False),
        ("[::1", False),
        ("", False),
    ],
)
def test_without_a_token_only_this_machines_names_are_answered(header: str, is_ours: bool) -> None:
    assert is_own_host(header, any_host=False) is is_ours
    assert is_own_host(header, any_host=True) is bool(header)


def test_loopback_is_no_more_than_this_machine() -> None:
    assert is_loopback("127.0.0.2")
    assert is_loopback("::1")
    assert not is_loopback("127.evil.example")
    assert not is_loopback("::")
    assert not is_loopback("0.0.0.0")  # noqa: S104  # that is the point
    assert not is_loopback("10.0.0.1")


@pytest.mark.parametrize(
    ("site", "mode", "origin", "may"),
    [
        (None, None, None, True),  # no browser
        ("none", "navigate", None, True),  # typed
        ("same-origin", "cors", "http://here:1", True),
        ("cross-site", "navigate", None, True),  # a link elsewhere
        ("cross-site", "navigate", "http://evil.example", False),  # a form elsewhere
        ("cross-site", "cors", "http://evil.example", False),
        ("cross-site", "no-cors", None, False),
        ("same-site", "no-cors", None, False),
        (None, None, "http://evil.example", False),
        (None, None, "null", False),
    ],
)
def test_nothing_but_a_link_may_come_from_elsewhere(
    site: str | None, mode: str | None, origin: str | None, may: bool
) -> None:
    assert is_from_here(site=site, mode=mode, origin=origin, host="here:1") is may

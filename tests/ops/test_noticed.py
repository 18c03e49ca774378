"""`quindex tail`: which notifications it shows, and how."""

import pytest

from ops.noticed import Filter, Noticed, to_line, to_noticed, to_object
from ops.seen import Seen
from ops.terminal import to_json
from pim.kinds import Kind
from tests.ops.hostile import HOSTILE
from topics.notifications import Source, to_headers, to_marker, to_synthetic

NOW_S = 1_795_000_000.0  # 2026-11-18 11:06:40 UTC

BODY = (
    b'{"uuid":"u1","code":"document.update","resource":{"code":"blue-pant","type":"document",'
    b'"locales":{"updated":["fr_FR"],"inherited":["fr_BE"]}},"process":{"id":"p1","type":"import"}}'
)


def noticed(value: bytes | None = BODY, source: Source = Source.WEBHOOK) -> Noticed:
    headers = to_headers(source, now_s=NOW_S)
    return to_noticed(Seen("q.notifications", 7, 41, NOW_S, b"blue-pant", value, headers))


def test_a_notification_is_one_line() -> None:
    assert to_line(noticed(), NOW_S) == (
        "11:06:40  webhook  document.update        document:blue-pant  in fr_FR  "
        "inherited by fr_BE  import p1  [7/41]"
    )


def test_one_of_ours_says_who_asked_and_when_it_may_begin() -> None:
    body = to_synthetic(Kind.ASSET, "a", now_s=NOW_S, reason="test")
    headers = to_headers(Source.TRIGGER, now_s=NOW_S, not_before_s=NOW_S + 30)
    line = to_line(to_noticed(Seen("t", 0, 1, NOW_S, b"a", body, headers)), NOW_S)

    assert line == ("11:06:40  trigger  media.update           asset:a  not before 11:07:10  [0/1]")


def test_what_cannot_be_read_is_shown_all_the_same() -> None:
    line = to_line(noticed(b"{"), NOW_S)

    assert line.startswith("11:06:40  webhook  unreadable             blue-pant: the body is not")


def test_a_marker_names_no_kind() -> None:
    line = to_line(noticed(to_marker(now_s=NOW_S), Source.MARKER), NOW_S)

    assert line == "11:06:40  marker   quindex.marker         quindex.marker  [7/41]"


@pytest.mark.parametrize(
    ("wanted", "picked"),
    [
        (Filter(), True),
        (Filter(codes=frozenset({"blue-pant"})), True),
        (Filter(codes=frozenset({"other"})), False),
        (Filter(kinds=frozenset({Kind.DOCUMENT})), True),
        (Filter(kinds=frozenset({Kind.ASSET})), False),
        (Filter(events=frozenset({"document.update"})), True),
        (Filter(events=frozenset({"document.create"})), False),
        (Filter(locales=frozenset({"fr_BE"})), True),
        (Filter(locales=frozenset({"de_DE"})), False),
        (Filter(sources=frozenset({Source.WEBHOOK})), True),
        (Filter(sources=frozenset({Source.REPLAY})), False),
    ],
)
def test_it_is_filtered_by_all_that_is_asked(wanted: Filter, picked: bool) -> None:
    assert wanted.picks(noticed()) is picked


def test_what_cannot_be_read_is_of_no_kind() -> None:
    assert Filter().picks(noticed(b"{"))
    assert not Filter(kinds=frozenset({Kind.DOCUMENT})).picks(noticed(b"{"))


def test_json_holds_the_same() -> None:
    found = to_object(noticed())

    assert (found["code"], found["kind"], found["updated"]) == ("blue-pant", "document", ["fr_FR"])
    assert to_object(noticed(None))["error"] is not None


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_codes_are_text(value: str) -> None:
    key = value.encode("utf-8", "surrogatepass")
    body = to_synthetic(Kind.DOCUMENT, value.replace("\ud800", "?")[:4_000], now_s=0, reason="x")
    for each in (body, b"{" + key):
        shown = to_noticed(Seen("t", 0, 1, NOW_S, key, each, {}))

        assert to_line(shown, NOW_S).isprintable()
        assert to_json(to_object(shown)).isascii()

"""Notifications of ours, and the headers of all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim.kinds import Kind
from pim.notifications import Meaning, parse_notification
from runtime.errors import MalformedNotification
from topics.notifications import (
    MARK_CODE,
    Source,
    parse_since_s,
    to_headers,
    to_key_bytes,
    to_mark,
    to_marker,
    to_not_before_s,
    to_source,
    to_synthetic,
)

NOW_S = 1_700_000_000.0


@pytest.mark.parametrize("kind", Kind)
def test_a_synthetic_notification_names_its_resource(kind: Kind) -> None:
    notification = parse_notification(to_synthetic(kind, "a b/c", now_s=NOW_S, reason="drift"))

    assert (notification.kind, notification.code) == (kind, "a b/c")
    assert (notification.meaning, notification.process_id) == (Meaning.RESOURCE, None)
    assert notification.created_s == NOW_S
    assert not notification.is_delete


def test_a_cascade_goes_through_the_lane_of_a_process() -> None:
    body = to_synthetic(Kind.DOCUMENT, "a", now_s=NOW_S, reason="cascade", process="p")

    assert parse_notification(body).process_id == "p"


def test_each_notification_of_ours_has_its_own_uuid() -> None:
    bodies = [to_synthetic(Kind.DOCUMENT, "a", now_s=NOW_S, reason="x") for _ in range(2)]

    assert len({parse_notification(body).uuid for body in bodies}) == 2


def test_a_mark_names_the_moment_since_when_something_may_be_lost() -> None:
    mark = to_mark(since_s=NOW_S - 60, now_s=NOW_S)
    notification = parse_notification(mark)

    assert (notification.meaning, notification.code) == (Meaning.MARK, MARK_CODE)
    assert parse_since_s(mark) == NOW_S - 60


def test_a_marker_names_no_resource() -> None:
    assert parse_notification(to_marker(now_s=NOW_S)).meaning is Meaning.MARKER


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"since":"soon"}', b'{"since":null}'])
def test_a_mark_without_a_moment_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedNotification):
        parse_since_s(body)


@pytest.mark.parametrize("source", Source)
@given(not_before_s=st.none() | st.integers(0, 4_000_000_000).map(float))
def test_headers_can_be_read_again(source: Source, not_before_s: float | None) -> None:
    headers = to_headers(source, now_s=NOW_S, not_before_s=not_before_s)

    assert to_source(headers) is source
    assert to_not_before_s(headers) == not_before_s
    assert headers["received_at"] == b"1700000000.000"


@pytest.mark.parametrize("value", [b"", b"someone", b"\xff", None])
def test_a_source_that_nobody_knows_is_the_webhook(value: bytes | None) -> None:
    headers: dict[str, bytes] = {"source": value}  # type: ignore[dict-item]  # Kafka allows null

    assert to_source(headers) is Source.WEBHOOK
    assert to_source({}) is Source.WEBHOOK


@pytest.mark.parametrize("value", [b"", b"soon", b"nan", b"inf", b"\xff", None])
def test_a_moment_that_is_none_does_not_hold_anything_up(value: bytes | None) -> None:
    headers: dict[str, bytes] = {"not_before": value}  # type: ignore[dict-item]  # Kafka allows null

    assert to_not_before_s(headers) is None
    assert to_not_before_s({}) is None


def test_a_key_is_the_code_in_utf_8() -> None:
    assert to_key_bytes("é") == "é".encode()

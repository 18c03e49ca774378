"""What becomes of a body."""

import gzip
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress.body import BODY_MAX_BYTES, Body
from ingress.judgement import DEPTH_MAX, Judgement, is_deeper, judge
from tests.ingress.examples import NAMES, to_body
from tests.pim.quables_examples import EXAMPLE


def judged(kept: bytes, *, content_encoding: bytes = b"") -> Judgement:
    return judge(Body(kept, len(kept)), NAMES, now_s=12.5, content_encoding=content_encoding)


def test_quables_example_is_appended_byte_for_byte() -> None:
    judgement = judged(EXAMPLE)

    assert judgement.reason is None
    assert judgement.accepted.topic == "quindex.notifications"
    assert judgement.accepted.key == b"product_blue_pant"
    assert judgement.accepted.value == EXAMPLE
    assert judgement.accepted.headers == {"source": b"webhook", "received_at": b"12.500"}


NESTED = b'{"uuid":"u","code":"document.update","resource":{"code":"a"},"x":%s}'


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        (b"", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"{nope", "not_json"),
        (b"null", "malformed_notification"),
        (b"[]", "malformed_notification"),
        (b"{}", "malformed_notification"),
        ('{"uuid":"u"}'.encode("utf-16"), "not_json"),
        (b'{"uuid":"u","code":"document.update","resource":{"code":NaN}}', "not_json"),
        (b'{"uuid":"u","code":"document.update","resource":{"code":"\\ud800"}}', "not_json"),
        (b'{"uuid":"u","code":"document.update","resource":"a"}', "malformed_notification"),
        (to_body("a", event="document.exploded"), "unknown_event"),
        (NESTED % (b"[" * 64 + b"]" * 64), "too_deep"),
        (NESTED % (b"[" * 5_000 + b"]" * 5_000), "not_json"),
        (NESTED % (b'{"y":' * 100_000), "not_json"),
        (NESTED % (b"1" * 10_000), "not_json"),
        (NESTED % b"1e999", "not_json"),
    ],
)
def test_poison_is_a_dead_letter_with_its_reason(kept: bytes, reason: str) -> None:
    judgement = judged(kept)

    assert judgement.reason == reason
    assert judgement.accepted.topic == "quindex.dead-letters"
    assert judgement.accepted.value == kept
    assert judgement.accepted.headers["stage"] == b"ingress"
    assert judgement.accepted.headers["reason"] == reason.encode()
    assert judgement.accepted.headers["topic"] == b"quindex.notifications"


def test_of_duplicate_keys_the_last_counts() -> None:
    body = b'{"uuid":"u","code":"document.update","resource":{"code":"a","code":"b"}}'

    assert judged(body).accepted.key == b"b"


def test_a_compressed_body_is_set_aside_with_that_reason() -> None:
    assert judged(gzip.compress(EXAMPLE), content_encoding=b"gzip").reason == "content_encoding"


def test_a_body_that_only_claims_to_be_compressed_is_a_notification() -> None:
    assert judged(EXAMPLE, content_encoding=b"gzip").reason is None
    assert judged(b"", content_encoding=b"identity").reason == "not_json"


def test_of_an_oversized_body_the_head_is_set_aside() -> None:
    judgement = judge(Body(b"head", BODY_MAX_BYTES + 1), NAMES, now_s=1.0, content_encoding=b"gzip")

    assert judgement.reason == "too_large"
    assert judgement.accepted.value == b"head"
    assert str(BODY_MAX_BYTES + 1).encode() in judgement.accepted.headers["error"]


def test_a_code_beyond_ascii_is_its_utf_8() -> None:
    assert judged(to_body("été:1")).accepted.key == "été:1".encode()


def test_the_deepest_body_that_is_allowed() -> None:
    assert not is_deeper(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX, DEPTH_MAX)
    assert is_deeper(b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1), DEPTH_MAX)


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.text(alphabet='a"\\[]{}', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=30,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(_JSON, st.integers(min_value=0, max_value=6))
def test_depth_is_that_of_the_value(value: object, depth_max: int) -> None:
    assert is_deeper(orjson.dumps(value), depth_max) == (depth(value) > depth_max)


@given(st.binary(max_size=200))
def test_no_bytes_are_beyond_judgement(kept: bytes) -> None:
    assert judged(kept).accepted.value == kept


_FIELDS = st.sampled_from(["uuid", "code", "resource", "locales", "process", "created_at"])
_VALUES = _JSON | st.integers(-(10**25), 10**25) | st.floats() | st.datetimes().map(str)


@given(st.dictionaries(_FIELDS, _VALUES), st.dictionaries(st.sampled_from(["code"]), _VALUES))
def test_no_json_is_beyond_judgement(fields: dict[str, Any], resource: dict[str, Any]) -> None:
    try:
        body = orjson.dumps(fields | {"code": "media.update", "resource": resource})
    except TypeError:
        return  # an integer that orjson does not write
    judgement = judged(body)

    assert judgement.accepted.value == body
    assert (judgement.accepted.key is None) == (judgement.reason is not None)

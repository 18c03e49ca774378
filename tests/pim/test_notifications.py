import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim.kinds import Kind
from pim.notifications import (
    CODE_MAX_CHARS,
    ID_MAX_CHARS,
    LOCALES_MAX,
    Meaning,
    Notification,
    parse_code,
    parse_notification,
)
from runtime.errors import MalformedNotification
from tests.pim.quables_examples import EXAMPLE, SHAPES, to_body

_KINDS: Final = {
    "document": Kind.DOCUMENT,
    "variant": Kind.VARIANT,
    "media": Kind.ASSET,
    "classification": Kind.CLASSIFICATION,
}
_CHANGES: Final = ("create", "update", "delete")


def parse(body: object) -> Notification:
    return parse_notification(json.dumps(body).encode())


def test_quables_own_example_is_read_in_full() -> None:
    notification = parse_notification(EXAMPLE)

    assert notification == Notification(
        uuid="ce6c64a3-4f27-4b0e-862c-ee780eae06d1",
        event="document.update",
        meaning=Meaning.RESOURCE,
        code="product_blue_pant",
        kind=Kind.DOCUMENT,
        created_s=1_592_480_897.0,
        locales_updated=frozenset({"fr_FR"}),
        locales_inherited=frozenset({"en_GB", "fr_FR"}),
        process_type="bulk_edit",
        process_id="20aaabe5-5dcb-4cbb-80e8-ba75c30bbce0",
    )
    assert notification.key == "document:product_blue_pant"
    assert notification.locales == {"en_GB", "fr_FR"}
    assert not notification.is_delete


@pytest.mark.parametrize(
    ("shape", "meaning", "kind", "code"),
    [
        ("variant", Meaning.RESOURCE, Kind.VARIANT, "blue_pant_M"),
        ("media", Meaning.RESOURCE, Kind.ASSET, "IMG_001"),
        ("value", Meaning.ANNOUNCED_ELSEWHERE, None, "attribute=color;code=red"),
        ("link", Meaning.ANNOUNCED_ELSEWHERE, None, "12345"),
        ("process", Meaning.PROCESS_END, None, "c57b7057-56a2-4710-8c48-e45fa4aa4d9a"),
    ],
)
def test_the_shapes_of_other_types_are_read(
    shape: str, meaning: Meaning, kind: Kind | None, code: str
) -> None:
    notification = parse(SHAPES[shape])

    assert (notification.meaning, notification.kind, notification.code) == (meaning, kind, code)


@pytest.mark.parametrize("name", _KINDS)
@pytest.mark.parametrize("change", _CHANGES)
def test_an_event_of_a_resource_names_its_kind(name: str, change: str) -> None:
    notification = parse(to_body(f"{name}.{change}"))

    assert notification.kind is _KINDS[name]
    assert notification.is_delete is (change == "delete")


@pytest.mark.parametrize(
    ("event", "meaning"),
    [
        *((f"{name}.{change}", Meaning.ANNOUNCED_ELSEWHERE) for name in ("link", "value") for change in _CHANGES),
        ("import.finish", Meaning.PROCESS_END),
        ("bulk_edit.finish", Meaning.PROCESS_END),
        ("export.finish", Meaning.IGNORED),
        ("user.login.succeed", Meaning.IGNORED),
        ("user.login.failed", Meaning.IGNORED),
        ("user.logout", Meaning.IGNORED),
        ("user.of.tomorrow", Meaning.IGNORED),
        ("quindex.marker", Meaning.MARKER),
        ("quindex.mark", Meaning.MARK),
    ],
)  # fmt: skip
def test_every_other_event_has_its_meaning_and_no_kind(event: str, meaning: Meaning) -> None:
    notification = parse(to_body(event))

    assert notification.meaning is meaning
    assert notification.kind is None


@pytest.mark.parametrize("type_", ["media", "asset", "predefined value", "value", "", None, 3, []])
def test_the_type_of_the_resource_is_never_needed(type_: object) -> None:
    body = to_body("media.update")
    body["resource"]["type"] = type_

    assert parse(body).kind is Kind.ASSET


@pytest.mark.parametrize("resource", [None, [], "x", {}, {"code": None}, {"code": ["x"]}])
@pytest.mark.parametrize("event", ["import.finish", "user.logout", "link.create", "quindex.marker"])
def test_an_event_that_fetches_nothing_needs_no_resource(event: str, resource: object) -> None:
    assert parse({**to_body(event), "resource": resource}).code == ""


def test_locales_may_stand_beside_the_resource() -> None:
    body = to_body("document.update", locales=None)
    body["locales"] = {"updated": ["fr_FR"], "inherited": ["fr_BE"]}

    assert parse(body).locales_updated == {"fr_FR"}
    assert parse(body).locales_inherited == {"fr_BE"}


def test_locales_in_both_places_are_united() -> None:
    body = to_body("document.update", locales={"updated": ["fr_FR"], "inherited": []})
    body["locales"] = {"updated": ["en_GB"], "inherited": ["en_US"]}

    assert parse(body).locales == {"fr_FR", "en_GB", "en_US"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("fr_FR", {"fr_FR"}),
        (["fr_FR", "fr_BE"], {"fr_FR", "fr_BE"}),
        ({"0": "fr_FR", "2": "fr_BE"}, {"fr_FR", "fr_BE"}),
        (["fr_FR", 7, None, "", "x" * 36], {"fr_FR"}),
        ([], set()),
        (None, set()),
        (3, set()),
        ([f"l{number}" for number in range(LOCALES_MAX + 5)], {f"l{number}" for number in range(LOCALES_MAX)}),
    ],
)  # fmt: skip
def test_locales_are_read_however_they_are_written(written: object, read: set[str]) -> None:
    assert parse(to_body("document.update", locales={"updated": written})).locales_updated == read


@pytest.mark.parametrize("locales", [None, [], "", 0, "fr_FR"])
def test_a_notification_without_locales_is_one(locales: object) -> None:
    assert parse(to_body("document.update", locales=locales)).locales == frozenset()


@pytest.mark.parametrize("process", [None, [], "", {}, {"id": None}, {"correlationId": "x"}])
def test_a_lone_edit_has_no_process(process: object) -> None:
    notification = parse({**to_body("document.update"), "process": process})

    assert notification.process_id is None
    assert notification.process_type is None


def test_a_body_of_v4_has_neither_process_nor_an_address_that_we_use() -> None:
    body = to_body("document.update")
    del body["process"]
    body["resource"]["links"] = [
        {"rel": "self", "href": "https://xxx.quable.com/api_1.php/documents/short-skirt"}
    ]

    assert parse(body).key == "document:short-skirt"


@pytest.mark.parametrize("links", ["not an array", None, {}, [{"href": "http://169.254.169.254/"}]])
def test_addresses_are_never_read(links: object) -> None:
    body = to_body("document.update")
    body["links"] = body["resource"]["links"] = links

    assert parse(body) == parse(to_body("document.update"))


def test_unknown_keys_are_ignored() -> None:
    body = {**to_body("document.update"), "signature": {"a": 1}}
    body["resource"] |= {"updated_items": [{"type": "sku", "code": "S"}], "completeness": 0.4}

    assert parse(body) == parse(to_body("document.update"))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2020-06-18T11:48:17+00:00", 1_592_480_897.0),
        ("2020-06-18T13:48:17+02:00", 1_592_480_897.0),
        ("2020-06-18T11:48:17Z", 1_592_480_897.0),
        ("2020-06-18 11:48:17", 1_592_480_897.0),
        ("yesterday", None),
        ("", None),
        (1_592_480_897, None),
        (None, None),
    ],
)
def test_the_moment_is_read_where_it_can_be(written: object, read: float | None) -> None:
    assert parse({**to_body("document.update"), "created_at": written}).created_s == read


def test_numbers_serve_as_codes_and_ids() -> None:
    body = {**to_body("link.create"), "uuid": 12, "process": {"id": 34, "type": "import"}}
    body["resource"]["code"] = 12345

    assert (parse(body).uuid, parse(body).code, parse(body).process_id) == ("12", "12345", "34")


@pytest.mark.parametrize(
    "code",
    ["jupe/été 2028", "attribute=color;code=red", " ", "日本の着物", "a:b", "x" * CODE_MAX_CHARS],
)
def test_any_code_is_taken_as_it_is(code: str) -> None:
    body = to_body("document.update")
    body["resource"]["code"] = code

    assert parse(body).code == code


def test_ids_that_are_too_long_are_cut() -> None:
    body = {**to_body("document.update"), "uuid": "u" * 999, "process": {"id": "p" * 999}}

    assert parse(body).uuid == "u" * ID_MAX_CHARS
    assert parse(body).process_id == "p" * ID_MAX_CHARS


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b"\xff\xfe", b'{"a":NaN}', b"[" * 10_000])
def test_what_is_not_json_says_so(body: bytes) -> None:
    with pytest.raises(MalformedNotification) as caught:
        parse_notification(body)

    assert caught.value.reason == "not_json"


@pytest.mark.parametrize(
    "event", ["document.archive", "document", "DOCUMENT.UPDATE", "username", " "]
)
def test_an_event_that_nobody_knows_says_so(event: str) -> None:
    with pytest.raises(MalformedNotification) as caught:
        parse(to_body(event))

    assert caught.value.reason == "unknown_event"


@pytest.mark.parametrize(
    "body",
    [
        None,
        3,
        "document.update",
        [],
        [to_body("document.update")],
        {},
        {**to_body("document.update"), "uuid": None},
        {**to_body("document.update"), "uuid": True},
        {**to_body("document.update"), "code": None},
        {**to_body("document.update"), "code": ""},
        {**to_body("document.update"), "code": ["document.update"]},
        {**to_body("document.update"), "resource": None},
        {**to_body("document.update"), "resource": []},
        {**to_body("document.update"), "resource": {}},
        {**to_body("document.update"), "resource": {"code": ""}},
        {**to_body("document.update"), "resource": {"code": True}},
        {**to_body("document.update"), "resource": {"code": 1.5}},
        {**to_body("document.update"), "resource": {"code": "x" * (CODE_MAX_CHARS + 1)}},
    ],
)
def test_what_does_not_name_a_resource_is_malformed(body: object) -> None:
    with pytest.raises(MalformedNotification) as caught:
        parse(body)

    assert caught.value.reason == "malformed_notification"


def test_the_error_does_not_repeat_the_body() -> None:
    with pytest.raises(MalformedNotification) as caught:
        parse({"uuid": {"secret": "canary"}, "code": "document.update"})

    assert "canary" not in str(caught.value)
    assert "uuid" in str(caught.value)


@given(st.binary(max_size=200))
def test_bytes_are_malformed_and_nothing_else(body: bytes) -> None:
    with pytest.raises(MalformedNotification):
        parse_notification(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
"""Any JSON value."""


EVENTS = st.sampled_from(["document.update", "media.delete", "import.finish", "user.logout"]) | JSON
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "uuid": st.text() | JSON,
        "created_at": st.datetimes().map(str) | st.text() | JSON,
        "locales": st.fixed_dictionaries({}, optional={"updated": JSON, "inherited": JSON}) | JSON,
        "process": st.fixed_dictionaries({}, optional={"id": JSON, "type": JSON}) | JSON,
        "resource": st.fixed_dictionaries({"code": st.text() | JSON}, optional={"locales": JSON})
        | JSON,
    },
)
"""Whatever may stand in a body."""


@given(event=EVENTS, parts=PARTS)
def test_a_body_is_a_notification_or_malformed_and_nothing_else(
    event: object, parts: dict[str, Any]
) -> None:
    try:
        notification = parse({**to_body("document.update"), **parts, "code": event})
    except MalformedNotification:
        return
    assert (notification.kind is not None) is (notification.meaning is Meaning.RESOURCE)
    assert notification.kind is None or notification.code
    assert len(notification.code) <= CODE_MAX_CHARS


def code_of(parse_body: Callable[[bytes], str], body: bytes) -> str | tuple[str, str]:
    """Return the code that is found, or why none is."""
    try:
        return parse_body(body)
    except MalformedNotification as error:
        return error.reason, str(error)


@given(event=EVENTS, parts=PARTS)
def test_the_code_alone_is_found_by_the_same_judgement(
    event: object, parts: dict[str, object]
) -> None:
    body = json.dumps({"code": event, **parts}).encode()

    assert code_of(parse_code, body) == code_of(lambda it: parse_notification(it).code, body)


@given(st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_notification_has_no_code(body: bytes) -> None:
    assert code_of(parse_code, body) == code_of(lambda it: parse_notification(it).code, body)


@pytest.mark.parametrize("body", [EXAMPLE, *map(json.dumps, SHAPES), b"{}", "é".encode("latin-1")])
def test_examples_have_the_same_code_either_way(body: bytes | str) -> None:
    encoded = body if isinstance(body, bytes) else body.encode()

    assert code_of(parse_code, encoded) == code_of(lambda it: parse_notification(it).code, encoded)

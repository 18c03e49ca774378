import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim.answers import (
    QUOTED_MAX_CHARS,
    RETRY_AFTER_MAX_S,
    Answer,
    Page,
    match_pack,
    parse_answer,
    parse_page,
    parse_resource,
    to_code,
    to_retry_after_s,
)
from runtime.errors import (
    PimAnswerUnusable,
    PimFilterIgnored,
    PimUnauthorized,
    PimUnavailable,
    QuindexError,
)

NOW_S = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
MAINTENANCE = b"<!doctype html><title>We will be back soon</title>"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def parse(status: int, body: bytes = b"{}", **headers: str) -> object | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return parse_answer(Answer(status, named, body), now_s=NOW_S)


def to_list(*codes: str, total: object = None, **view: str) -> dict[str, Any]:
    return {
        "@type": "hydra:Collection",
        "hydra:member": [{"id": code} for code in codes],
        "hydra:totalItems": len(codes) if total is None else total,
        "hydra:view": {"@id": "/api/documents?page=1", **view},
    }


@pytest.mark.parametrize("status", [200, 203, 206])
def test_a_success_is_its_json(status: int) -> None:
    assert parse(status, b'{"id": "a"}') == {"id": "a"}


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("body", [b"", MAINTENANCE, b'{"hydra:description": "Not Found"}'])
def test_gone_is_nothing(status: int, body: bytes) -> None:
    assert parse(status, body) is None


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_concerns_the_token(status: int) -> None:
    with pytest.raises(PimUnauthorized) as caught:
        parse(status, MAINTENANCE)

    assert caught.value.status == status


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 599])
@pytest.mark.parametrize("body", [b"", MAINTENANCE, b'{"id": "a"}'])
def test_trouble_is_transient_whatever_the_body(status: int, body: bytes) -> None:
    with pytest.raises(PimUnavailable) as caught:
        parse(status, body, retry_after="7")

    assert caught.value.status == status
    assert caught.value.retry_after_s == 7


@pytest.mark.parametrize("status", [301, 302, 304, 307, 308, 400, 405, 406, 409, 414, 422, 451])
def test_a_redirect_or_another_refusal_is_permanent(status: int) -> None:
    with pytest.raises(PimAnswerUnusable) as caught:
        parse(status, MAINTENANCE, location="http://169.254.169.254/")

    assert caught.value.status == status
    assert "169.254" not in str(caught.value)


def test_the_pims_own_description_of_a_mistake_is_told() -> None:
    with pytest.raises(PimAnswerUnusable, match="page should not be less than 1"):
        parse(400, b'{"hydra:description": "page should not be less than 1"}')
    with pytest.raises(PimAnswerUnusable) as caught:
        parse(400, orjson.dumps({"description": "x" * 10_000}))

    assert len(str(caught.value)) < QUOTED_MAX_CHARS + 50


@pytest.mark.parametrize("body", [b"", MAINTENANCE, b'{"id": "a"', b"\xff", b"OK", b"NaN"])
def test_a_success_that_is_no_json_is_transient(body: bytes) -> None:
    with pytest.raises(PimUnavailable) as caught:
        parse(200, body, retry_after="120")

    assert caught.value.status == 200
    assert caught.value.retry_after_s == 120


def test_null_is_never_mistaken_for_gone() -> None:
    with pytest.raises(PimAnswerUnusable):
        parse(200, b"null")


@given(
    st.integers(min_value=200, max_value=599),
    st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_every_answer_is_sorted(status: int, body: bytes) -> None:
    try:
        decoded = parse(status, body)
    except QuindexError:
        return
    assert status < 300 if decoded is not None else status in {404, 410}


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "\u0663"}, None),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 30 "}, 30.0),
        ({"retry-after": "9" * 5_000}, RETRY_AFTER_MAX_S),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 -0000"}, 30.0),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 14 Nov 2053 22:13:00 GMT"}, RETRY_AFTER_MAX_S),
        (
            {
                "retry-after": "Mon, 01 Jan 2001 00:00:45 GMT",
                "date": "Mon, 01 Jan 2001 00:00:30 GMT",
            },
            15.0,
        ),
        ({"retry-after": "Tue, 14 Nov 2023 22:13:50 GMT", "date": "?"}, 30.0),
        ({"retry-after": "Mon, 01 Jan 99999999999 00:00:00 GMT"}, None),
        ({"retry-after": "Mon, 01 Jan 2001 00:00:00 +99999999999"}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(headers: dict[str, str], wait_s: float | None) -> None:
    assert to_retry_after_s(headers, now_s=NOW_S) == wait_s


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_wait_is_bounded_whatever_the_headers_say(retry_after: str, date: str) -> None:
    wait_s = to_retry_after_s({"retry-after": retry_after, "date": date}, now_s=NOW_S)

    assert wait_s is None or 0 <= wait_s <= RETRY_AFTER_MAX_S


def test_the_resource_asked_for_comes_back_untouched() -> None:
    resource = {"id": "a", "@context": {"hydra": "x"}, "attributes": {}}

    assert parse_resource(resource, "a") is resource


def test_an_id_may_be_a_number() -> None:
    assert to_code({"id": 881}) == "881"


@pytest.mark.parametrize(
    "answer", [{"id": "b"}, {"id": "A"}, {}, {"id": None}, {"id": True}, [], "a"]
)
def test_another_resource_is_unusable(answer: object) -> None:
    with pytest.raises(PimAnswerUnusable):
        parse_resource(answer, "a")


def test_a_page_tells_its_resources_its_total_and_whether_there_is_more() -> None:
    page = parse_page(to_list("a", "b", total=5, **{"hydra:next": "/api/documents?page=2"}))

    assert page == Page([{"id": "a"}, {"id": "b"}], has_next=True, total=5)


def test_a_page_without_a_next_one_is_the_last() -> None:
    assert not parse_page(to_list("a", total=5)).has_next
    assert not parse_page({"hydra:member": [{"id": "a"}]}).has_next


def test_an_empty_page_is_the_last_whatever_it_says() -> None:
    assert not parse_page(to_list(**{"hydra:next": "/api/documents?page=2"})).has_next


def test_the_address_of_the_next_page_is_never_read() -> None:
    page = parse_page(to_list("a", **{"hydra:next": "http://169.254.169.254/latest/meta-data"}))

    assert "169.254" not in repr(page)


def test_the_prefix_hydra_may_be_missing() -> None:
    page = parse_page({"member": [{"id": "a"}], "totalItems": 2, "view": {"next": "/x"}})

    assert page == Page([{"id": "a"}], has_next=True, total=2)


@pytest.mark.parametrize("total", [True, "5", None, 5.0, []])
def test_a_total_is_a_number_or_unknown(total: object) -> None:
    assert parse_page({"hydra:member": [], "hydra:totalItems": total}).total is None


def test_members_without_an_id_are_counted_and_left_out() -> None:
    page = parse_page({"hydra:member": [{"id": "a"}, {}, None, "b", {"id": ""}]})

    assert (page.resources, page.unreadable) == ([{"id": "a"}], 4)


@pytest.mark.parametrize("answer", [[], [{"id": "a"}], {}, {"id": "a"}, {"hydra:member": {}}, 3])
def test_what_is_no_list_is_unusable(answer: object) -> None:
    with pytest.raises(PimAnswerUnusable):
        parse_page(answer)


@given(JSON)
def test_any_json_is_a_page_or_unusable(decoded: object) -> None:
    try:
        page = parse_page(decoded)
    except PimAnswerUnusable:
        return
    assert all(to_code(resource) for resource in page.resources)


def test_a_pack_is_matched_by_id_and_not_by_position() -> None:
    pack = match_pack(parse_page(to_list("c", "a")), ["a", "b", "c"])

    assert pack.found == {"a": {"id": "a"}, "c": {"id": "c"}}
    assert pack.missing == ["b"]


@pytest.mark.parametrize(
    "answer",
    [
        to_list("a", "x"),
        to_list("x"),
        to_list("a", total=300_000),
        to_list("A"),
    ],
)
def test_a_list_of_others_has_ignored_the_filter(answer: dict[str, Any]) -> None:
    with pytest.raises(PimFilterIgnored):
        match_pack(parse_page(answer), ["a"])


@given(
    st.dictionaries(st.text(min_size=1, max_size=4), st.booleans(), min_size=1),
    st.randoms(use_true_random=False),
)
def test_each_code_of_a_pack_is_found_or_missing(exists: dict[str, bool], random: Any) -> None:
    there = [code for code, is_there in exists.items() if is_there]
    random.shuffle(there)
    pack = match_pack(parse_page(to_list(*there)), list(exists))

    assert {code: resource["id"] for code, resource in pack.found.items()} == {c: c for c in there}
    assert list(pack.missing) == [code for code, is_there in exists.items() if not is_there]

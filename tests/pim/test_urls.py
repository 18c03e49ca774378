from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim.kinds import Kind
from pim.urls import (
    URL_MAX_BYTES,
    PimUrls,
    is_hard_on_paths,
    is_reachable_by_path,
    parse_pim_url,
    to_filter_date,
)

URLS = PimUrls("https://acme.quable.com/api")
CODES = st.text(min_size=1, max_size=400)


@pytest.mark.parametrize(
    ("given_url", "api"),
    [
        ("https://acme.quable.com", "https://acme.quable.com/api"),
        ("https://acme.quable.com/", "https://acme.quable.com/api"),
        ("https://acme.quable.com/api", "https://acme.quable.com/api"),
        ("https://acme.quable.com/api/", "https://acme.quable.com/api"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/api"),
        ("http://[::1]:8000/behind/a/proxy", "http://[::1]:8000/behind/a/proxy/api"),
    ],
)
def test_the_address_may_come_with_or_without_its_api(given_url: str, api: str) -> None:
    assert parse_pim_url(given_url).api == api


@pytest.mark.parametrize(
    "url",
    [
        "",
        "acme.quable.com",
        "ftp://acme.quable.com",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@acme.quable.com",
        "https://acme.quable.com/?token=secret",
        "https://acme.quable.com/#x",
    ],
)
def test_what_is_no_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="the PIM's address") as caught:
        parse_pim_url(url)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "code", "path"),
    [
        (Kind.DOCUMENT, "short-skirt", "/api/documents/short-skirt"),
        (Kind.VARIANT, "jupe/été 28", "/api/variants/jupe%2F%C3%A9t%C3%A9%2028"),
        (Kind.ASSET, "a=b;c", "/api/assets/a%3Db%3Bc"),
        (Kind.CLASSIFICATION, "50%2F?#\r\n", "/api/classifications/50%252F%3F%23%0D%0A"),
    ],
)
def test_a_code_is_one_quoted_segment(kind: Kind, code: str, path: str) -> None:
    assert urlsplit(URLS.to_resource(kind, code)).path == path


@given(st.sampled_from(Kind), CODES)
def test_no_code_leads_elsewhere(kind: Kind, code: str) -> None:
    url = httpx.URL(URLS.to_resource(kind, code))
    origin, path = (url.scheme, url.host, url.port), url.raw_path.decode("ascii")

    assert origin == ("https", "acme.quable.com", None)
    if is_reachable_by_path(code):
        assert unquote(path.rpartition("/")[2]) == code
        assert path.count("/") == 3


@pytest.mark.parametrize("code", [".", "..", "a/../b", "../users", "a\\..\\b", "a//b", "/a", "a/."])
def test_a_code_with_dot_segments_has_no_path(code: str) -> None:
    assert not is_reachable_by_path(code)
    assert is_hard_on_paths(code)


@pytest.mark.parametrize("code", ["a", "a b", "é", "a;b=c", "...", ".a", "a/b", "日本の着物"])
def test_any_other_code_has_a_path(code: str) -> None:
    assert is_reachable_by_path(code)


@pytest.mark.parametrize(
    "code", ["a/b", "care-guide.pdf", "50%2Foff", "a?b", "a#b", "a\\b", "a\nb"]
)
def test_a_code_that_routers_may_misread_is_hard_on_paths(code: str) -> None:
    assert is_hard_on_paths(code)


@pytest.mark.parametrize(
    "code", ["short-skirt", "jupe été", "a=b;c=d", "x" * 300, "日本の着物", "a+b"]
)
def test_a_plain_code_is_not_hard_on_paths(code: str) -> None:
    assert not is_hard_on_paths(code)


def test_a_list_has_page_limit_order_date_and_filters() -> None:
    url = URLS.to_list(
        "documents",
        page=3,
        limit=100,
        order="id",
        modified_after_s=1_633_530_826.9,
        filters={"documentType.id": "color", "catalogs.id": ["PIM", "web & co"]},
    )

    assert urlsplit(url).path == "/api/documents"
    assert parse_qsl(urlsplit(url).query) == [
        ("documentType.id", "color"),
        ("catalogs.id[]", "PIM"),
        ("catalogs.id[]", "web & co"),
        ("dateModified[after]", "2021-10-06 14:33:46"),
        ("order[id]", "asc"),
        ("page", "3"),
        ("limit", "100"),
    ]


def test_a_filters_date_is_utc_and_never_later_than_the_moment() -> None:
    assert to_filter_date(0.999) == "1970-01-01 00:00:00"
    assert to_filter_date(-0.001) == "1969-12-31 23:59:59"


@given(st.lists(CODES, min_size=1, max_size=20))
def test_a_pack_asks_for_exactly_its_codes(codes: list[str]) -> None:
    pairs = parse_qsl(urlsplit(URLS.to_pack(Kind.DOCUMENT, codes)).query, strict_parsing=True)

    assert [value for name, value in pairs if name == "id[]"] == codes
    assert ("limit", str(len(codes))) in pairs


@given(st.lists(CODES, max_size=120), st.integers(min_value=1, max_value=100))
def test_packs_hold_each_code_once_in_order_within_both_limits(
    codes: list[str], batch_max: int
) -> None:
    packs = URLS.to_packs(Kind.CLASSIFICATION, codes, batch_max=batch_max)

    assert [code for pack in packs for code in pack] == list(dict.fromkeys(codes))
    for pack in packs:
        assert 1 <= len(pack) <= batch_max
        assert len(pack) == 1 or len(URLS.to_pack(Kind.CLASSIFICATION, pack)) <= URL_MAX_BYTES


def test_packs_are_not_smaller_than_they_need_to_be() -> None:
    codes = [f"product-{number:05d}" for number in range(120)]

    assert [len(pack) for pack in URLS.to_packs(Kind.DOCUMENT, codes, batch_max=50)] == [50, 50, 20]

    long = [f"{number:03d}" + "é" * 100 for number in range(20)]
    first, second = URLS.to_packs(Kind.DOCUMENT, long, batch_max=50)[:2]
    assert len(URLS.to_pack(Kind.DOCUMENT, [*first, second[0]])) > URL_MAX_BYTES


def test_a_code_that_is_too_long_by_itself_has_a_pack_of_its_own() -> None:
    packs = URLS.to_packs(Kind.DOCUMENT, ["a", "é" * 4_000, "b"], batch_max=50)

    assert [len(pack) for pack in packs] == [1, 1, 1]

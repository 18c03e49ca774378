import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim.kinds import Kind
from runtime.errors import Refused
from sinks.fields import ID_MAX_BYTES, to_alias, to_control_index, to_field, to_id, to_index

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=300)


def test_an_id_is_kind_and_code() -> None:
    assert to_id(Kind.VARIANT, "a:b/c é") == "variant:a:b/c é"


def test_a_key_that_elasticsearch_would_not_take_becomes_its_hash() -> None:
    longest = "é" * ((ID_MAX_BYTES - len("asset:")) // 2)

    assert to_id(Kind.ASSET, longest) == f"asset:{longest}"
    assert len(to_id(Kind.ASSET, longest + "x")) == 64
    assert len(to_id(Kind.ASSET, "\ud800")) == 64
    assert to_id(Kind.ASSET, "\ud800") != to_id(Kind.ASSET, "\ud801")


@given(ANY_TEXT)
def test_every_id_fits(code: str) -> None:
    assert 0 < len(to_id(Kind.DOCUMENT, code).encode()) <= ID_MAX_BYTES


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("r_season", "r_season"),
        ("Größe-2", "Größe-2"),
        ("a.b", "a%2Eb"),
        ("*", "%2A"),
        (" ", "%20"),
        ("", "%"),
        ("100%", "100%25"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_a_field_has_no_dots_stars_or_spaces(code: str, field: str) -> None:
    assert to_field(code) == field


@given(ANY_TEXT, ANY_TEXT)
def test_no_two_codes_share_a_field(one: str, other: str) -> None:
    assert (to_field(one) == to_field(other)) == (one == other)


@given(ANY_TEXT)
def test_every_field_is_one_that_elasticsearch_takes(code: str) -> None:
    field = to_field(code)

    assert 0 < len(field) <= 120
    assert not set(field) & set(".*,^ \t\n")
    assert field.encode()


def test_a_locale_has_an_alias_and_indices() -> None:
    assert to_alias("quindex", "fr_FR") == "quindex-fr_fr"
    assert to_index("quindex-fr_fr", 1) == "quindex-fr_fr-000001"
    assert to_control_index("quindex") == "control-quindex"


@pytest.mark.parametrize("locale", ["", "fr/FR", "*", "..", "_all", "f" * 40])
def test_what_no_index_can_be_named_after_is_no_locale(locale: str) -> None:
    with pytest.raises(Refused, match="QUINDEX_LOCALES"):
        to_alias("quindex", locale)

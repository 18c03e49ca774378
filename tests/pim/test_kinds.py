import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim.kinds import COLLECTIONS, Kind, parse_key, to_key, to_kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("document", Kind.DOCUMENT),
        ("variant", Kind.VARIANT),
        ("sku", Kind.VARIANT),
        ("media", Kind.ASSET),
        ("asset", Kind.ASSET),
        ("classification", Kind.CLASSIFICATION),
        (" Asset ", Kind.ASSET),
        ("Document", Kind.DOCUMENT),
    ],
)
def test_each_of_quables_names_means_one_kind(name: str, kind: Kind) -> None:
    assert to_kind(name) is kind


@pytest.mark.parametrize("name", ["link", "value", "predefined value", "predefined_value", "", "x"])
def test_what_is_not_indexed_has_no_kind(name: str) -> None:
    assert to_kind(name) is None


def test_every_kind_has_a_collection_of_its_own() -> None:
    assert set(COLLECTIONS) == set(Kind)
    assert len(set(COLLECTIONS.values())) == len(Kind)


@given(st.sampled_from(Kind), st.text(min_size=1))
def test_a_key_gives_back_kind_and_code(kind: Kind, code: str) -> None:
    assert parse_key(to_key(kind, code)) == (kind, code)


@pytest.mark.parametrize("key", ["", "document", "document:", ":a", "link:1", "Document:a"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"key|Kind"):
        parse_key(key)

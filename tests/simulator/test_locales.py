import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.locales import Inheritance, LocaleTree, parse_fallbacks

TREE = LocaleTree(
    ("fr_FR", "fr_BE", "fr_CA", "en_GB"), {"fr_BE": "fr_FR", "fr_CA": "fr_BE", "en_IE": "en_GB"}
)


def test_a_chain_leads_from_a_locale_to_what_it_falls_back_to() -> None:
    assert TREE.chain("fr_CA") == ("fr_CA", "fr_BE", "fr_FR")
    assert TREE.chain("en_GB") == ("en_GB",)


def test_heirs_are_the_active_locales_below_and_the_locale_itself() -> None:
    assert TREE.heirs("fr_BE") == ("fr_BE", "fr_CA")
    assert TREE.heirs("en_GB") == ("en_GB",)


def test_fallbacks_that_run_in_a_circle_are_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        LocaleTree(("a", "b"), {"a": "b", "b": "a"})


def test_a_catalog_without_locales_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        LocaleTree((), {})


@pytest.mark.parametrize(
    ("inheritance", "shown"),
    [
        (Inheritance.SHOWN, {"fr_FR": "jupe", "fr_BE": "jupe", "fr_CA": "jupe"}),
        (Inheritance.NULL, {"fr_FR": "jupe", "fr_BE": None, "fr_CA": None, "en_GB": None}),
        (Inheritance.ABSENT, {"fr_FR": "jupe"}),
    ],
)
def test_a_locale_without_a_value_is_shown_in_one_of_three_ways(
    inheritance: Inheritance, shown: dict[str, str | None]
) -> None:
    assert TREE.show({"fr_FR": "jupe"}, inheritance) == shown


@given(
    own=st.dictionaries(st.sampled_from(TREE.locales), st.text(max_size=5)),
    inheritance=st.sampled_from(Inheritance),
)
def test_own_values_are_always_shown(own: dict[str, str], inheritance: Inheritance) -> None:
    shown = TREE.show(own, inheritance)

    assert {locale: shown[locale] for locale in own} == own
    assert all(value is None or value in own.values() for locale, value in shown.items())


def test_fallbacks_are_pairs_of_child_and_parent() -> None:
    assert parse_fallbacks(["fr_BE:fr_FR", " fr_CA : fr_FR "]) == {
        "fr_BE": "fr_FR",
        "fr_CA": "fr_FR",
    }


@pytest.mark.parametrize("pair", ["fr_BE", ":fr_FR", "fr_BE:"])
def test_a_pair_without_child_or_parent_is_refused(pair: str) -> None:
    with pytest.raises(ValueError, match="child:parent"):
        parse_fallbacks([pair])

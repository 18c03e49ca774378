import pytest

from sinks.analyzers import to_analyzer
from sinks.mappings import FIELDS_MAX, to_mappings, to_settings


@pytest.mark.parametrize(
    ("locale", "analyzer"),
    [
        ("fr_FR", "french"),
        ("fr_BE", "french"),
        ("en-GB", "english"),
        ("de", "german"),
        ("pt_PT", "portuguese"),
        ("pt_BR", "brazilian"),
        ("nn_NO", "norwegian"),
        ("zh_Hant_TW", "cjk"),
        ("ckb_IQ", "sorani"),
        ("xx_XX", "standard"),
        ("", "standard"),
    ],
)
def test_a_locale_has_the_analyzer_of_its_language(locale: str, analyzer: str) -> None:
    assert to_analyzer(locale) == analyzer


def test_texts_are_analysed_in_the_language_and_filtered_exactly() -> None:
    mappings = to_mappings("fr_FR")
    templates = {
        name: each for part in mappings["dynamic_templates"] for name, each in part.items()
    }

    assert mappings["properties"]["name"]["analyzer"] == "language"
    assert mappings["properties"]["name"]["fields"]["exact"]["type"] == "keyword"
    assert templates["attribute_text"]["mapping"]["analyzer"] == "language"
    assert templates["attribute_text"]["path_match"] == "attributes.*.text"
    assert mappings["_meta"]["quindex"]["locale"] == "fr_FR"


def test_fields_grow_only_below_attributes_and_only_so_far() -> None:
    assert to_mappings("fr_FR")["dynamic"] is False
    assert to_mappings("fr_FR")["properties"]["attributes"]["dynamic"] is True
    assert to_settings("fr_FR")["mapping.total_fields.limit"] == FIELDS_MAX
    assert to_settings("fr_FR")["mapping.total_fields.ignore_dynamic_beyond_limit"] is True

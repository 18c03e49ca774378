from typing import Any

import pytest

from sinks.attribute_types import AttributeType, to_attribute_type, to_attribute_types
from sinks.moments import to_date, to_moment
from sinks.values import DEPTH_MAX, VALUES_MAX, to_values

CHAIN = ("fr_BE", "fr_FR", "en_GB")


def shown(value: Any, type_: AttributeType | None = None) -> dict[str, Any]:
    return to_values(value, CHAIN, type_).to_json()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"fr_BE": "un", "fr_FR": "deux"}, {"text": "un"}),
        ({"fr_BE": None, "fr_FR": "deux"}, {"text": "deux"}),
        ({"fr_BE": "", "en_GB": "three"}, {"text": "three"}),
        ({"fr_BE": [], "fr_FR": {}, "en_GB": " "}, {}),
        ({"de_DE": "vier"}, {}),
        ({"zh_Hant_TW": "五"}, {}),
        (
            [{"locale": "fr_FR", "value": "deux"}, {"locale": "de_DE", "value": "zwei"}],
            {"text": "deux"},
        ),
        ({}, {}),
        ([], {}),
        (None, {}),
        ("3700000000001", {"text": "3700000000001"}),
        (49.9, {"number": 49.9}),
        (0, {"number": 0}),
        (False, {"boolean": False}),
        ("2023-11-09T10:00:00", {"date": "2023-11-09T10:00:00.000Z"}),
        ("2023-11-09", {"date": "2023-11-09T00:00:00.000Z"}),
        ([1, 2], {"number": [1, 2]}),
        (["a", 1, True], {"text": "a", "number": 1, "boolean": True}),
        ({"unknown": {"nested": "word"}, "and": 3}, {"text": "word", "number": 3}),
    ],
)
def test_the_shape_decides_where_nothing_else_is_known(value: Any, expected: Any) -> None:
    assert shown(value) == expected


SS28 = {"code": "SS28", "label": "Été 28"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([{"id": "attribute=s;code=SS28", "labels": {"fr_FR": "Été 28"}}], [SS28]),
        ({"id": "attribute=s;code=SS28", "labels": {"fr_FR": "Été 28"}}, [SS28]),
        ({"code": "SS28", "labels": [{"locale": "fr_FR", "value": "Été 28"}]}, [SS28]),
        ({"id": "attribute=s;code=SS28", "name": {"fr_FR": "Été 28"}}, [SS28]),
        ({"code": "SS28", "label": "Été 28"}, [SS28]),
        ({"fr_FR": [{"code": "SS28", "labels": {"fr_FR": "Été 28"}}]}, [SS28]),
        ({"code": "SS28"}, [{"code": "SS28", "label": "SS28"}]),
        ({"code": 28, "labels": []}, [{"code": "28", "label": "28"}]),
        ({"id": "attribute=s;code=a=b;c", "labels": {}}, [{"code": "a=b;c", "label": "a=b;c"}]),
        (
            {"id": "attribute=s;code="},
            [{"code": "attribute=s;code=", "label": "attribute=s;code="}],
        ),
        ([{"code": "a"}, {"code": "b"}], [{"code": c, "label": c} for c in "ab"]),
    ],
)
def test_a_predefined_value_has_a_code_and_a_label(value: Any, expected: Any) -> None:
    assert shown(value) == {"choice": expected}


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        (AttributeType.TEXT, 12.5, {"text": "12.5"}),
        (AttributeType.TEXT, True, {"text": "true"}),
        (AttributeType.TEXT, "2023-11-09", {"text": "2023-11-09"}),
        (AttributeType.TEXT, {"fr_FR": "<b>un</b>"}, {"text": "un"}),
        (AttributeType.NUMBER, "12.5", {"number": 12.5}),
        (AttributeType.NUMBER, " 12 ", {"number": 12}),
        (AttributeType.NUMBER, "1e999", {"text": "1e999"}),
        (AttributeType.NUMBER, "on request", {"text": "on request"}),
        (AttributeType.BOOLEAN, "true", {"boolean": True}),
        (AttributeType.BOOLEAN, 0, {"boolean": False}),
        (AttributeType.BOOLEAN, "perhaps", {"text": "perhaps"}),
        (AttributeType.DATE, "2023-02-31", {"text": "2023-02-31"}),
        (AttributeType.DATE, 2023, {"number": 2023}),
        (
            AttributeType.CHOICE,
            ["red", 3],
            {"choice": [{"code": c, "label": c} for c in ("red", "3")]},
        ),
    ],
)
def test_the_definition_decides_and_what_does_not_fit_goes_by_its_shape(
    type_: AttributeType, value: Any, expected: Any
) -> None:
    assert shown(value, type_) == expected


@pytest.mark.parametrize(
    "value", [10**400, -(10**400), float("inf"), float("nan"), "9" * 400], ids=str
)
def test_a_number_that_no_field_holds_becomes_a_text(value: Any) -> None:
    assert list(shown(value, AttributeType.NUMBER)) == ["text"]


def test_an_integer_that_python_does_not_print_becomes_a_text() -> None:
    assert list(shown(1 << 20_000)) == ["text"]


def test_a_large_integer_loses_its_last_digits() -> None:
    assert shown(2**63) == {"number": float(2**63)}


def test_a_value_of_another_locale_is_inherited() -> None:
    assert to_values({"fr_FR": "deux"}, CHAIN, None).inherited
    assert not to_values({"fr_BE": "un", "fr_FR": "deux"}, CHAIN, None).inherited
    assert not to_values("bare", CHAIN, None).inherited
    assert not to_values({"de_DE": "vier"}, CHAIN, None).inherited


def test_values_and_depth_are_bounded() -> None:
    nested: Any = "deep"
    for _ in range(DEPTH_MAX):
        nested = [nested]

    assert shown(nested) == {}
    assert shown(nested[0]) == {"text": "deep"}
    assert len(shown([str(n) for n in range(VALUES_MAX + 1)])["text"]) == VALUES_MAX


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2023-11-09T12:00:00+02:00", "2023-11-09T10:00:00.000Z"),
        ("2023-11-09T10:00:00Z", "2023-11-09T10:00:00.000Z"),
        ("2023-11-09 10:00:00.123456", "2023-11-09T10:00:00.123Z"),
        ("2023-11-09 10:00:00 +0000", "2023-11-09T10:00:00.000Z"),
        ("0001-01-01T00:00:00+02:00", None),
        ("20231109", None),
        ("2023-W45-4", None),
        ("2023-13-01", None),
        ("٢٠٢٣-11-09", None),
        ("", None),
    ],
)
def test_a_date_is_an_iso_date(text: str, date: str | None) -> None:
    assert to_date(text) == date


def test_a_moment_is_a_date() -> None:
    assert to_moment(1_700_000_000.0004) == "2023-11-14T22:13:20.000Z"


def test_type_names_of_the_pim_are_understood_by_their_words() -> None:
    names = {
        "text": AttributeType.TEXT,
        "multiline_text": AttributeType.TEXT,
        "integer": AttributeType.NUMBER,
        "decimal": AttributeType.NUMBER,
        "boolean": AttributeType.BOOLEAN,
        "date": AttributeType.DATE,
        "DateTime": AttributeType.DATE,
        "predefined_single": AttributeType.CHOICE,
        "predefined_multiple": AttributeType.CHOICE,
        "mystery": None,
    }

    assert {name: to_attribute_type(name) for name in names} == names
    assert to_attribute_types({"a": "text", "b": "mystery"}) == {"a": AttributeType.TEXT}

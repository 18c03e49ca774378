import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import MalformedRecord
from topics.reference import (
    AttributeRecord,
    ClassificationRecord,
    Gone,
    ReferenceRecord,
    parse_reference,
    to_attribute_key,
    to_classification_key,
)

CODES = st.text(st.characters(codec=None, exclude_categories=()))


@given(CODES, st.text(), st.none() | st.text(max_size=5))
def test_what_is_written_is_read(code: str, text: str, parent: str | None) -> None:
    records: list[ReferenceRecord] = [
        AttributeRecord(code, text),
        ClassificationRecord(code, {"fr_FR": text}, parent),
        ClassificationRecord(code, text, parent),
    ]

    for record in records:
        assert not isinstance(record, Gone)
        assert parse_reference(record.key, record.to_json()) == record
    assert parse_reference(to_attribute_key(code), None) == Gone(code, is_attribute=True)
    assert parse_reference(to_classification_key(code), None) == Gone(code, is_attribute=False)


@pytest.mark.parametrize("key", [None, b"", b"locale:fr_FR"])
def test_what_only_a_later_version_knows_is_left_alone(key: bytes | None) -> None:
    assert parse_reference(key, b"{}") is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"attribute:a", b"no json"),
        (b"attribute:a", b"[]"),
        (b"attribute:a", b'{"schema": 1}'),
        (b"attribute:a", b'{"schema": 2, "type": "text"}'),
        (b"classification:a", b'{"schema": 1, "names": [], "parent": null}'),
        (b"classification:a", b'{"schema": 1, "names": {}}'),
    ],
)
def test_what_cannot_be_read_is_told(key: bytes, value: bytes) -> None:
    with pytest.raises(MalformedRecord):
        parse_reference(key, value)

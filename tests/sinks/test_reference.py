from sinks.attribute_types import AttributeType
from sinks.reference import Reference
from topics.reference import (
    AttributeRecord,
    ClassificationRecord,
    to_attribute_key,
    to_classification_key,
)


def test_who_holds_the_types_sees_them_change() -> None:
    reference = Reference()
    types = reference.types
    for type_name in ("decimal", "predefined_single", "of another world"):
        record = AttributeRecord("a", type_name)
        reference.apply(record.key, record.to_json())
        if type_name == "decimal":
            assert types == {"a": AttributeType.NUMBER}

    assert types == {}
    assert reference.type_names == {"a": "of another world"}
    reference.apply(to_attribute_key("a"), None)
    assert reference.type_names == {}


def test_a_classification_is_known_until_it_is_gone() -> None:
    reference = Reference()
    record = ClassificationRecord("c", {"fr_FR": "Jupes"}, None)
    reference.apply(record.key, record.to_json())
    assert reference.classifications == {"c": record}

    reference.apply(to_classification_key("c"), None)
    assert reference.classifications == {}


def test_what_cannot_be_read_changes_nothing() -> None:
    reference = Reference()
    record = AttributeRecord("a", "decimal")
    reference.apply(record.key, record.to_json())
    reference.apply(record.key, b"{}")
    reference.apply(b"of a later version", b"{}")

    assert reference.types == {"a": AttributeType.NUMBER}

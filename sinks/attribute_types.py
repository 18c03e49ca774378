"""The types of attributes that make a difference to search."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class AttributeType(StrEnum):
    """What an attribute's definition says of its values; it wins over the value's own shape."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    CHOICE = "choice"


_WORDS: Final = {
    AttributeType.CHOICE: ("predefined", "select", "choice", "enum", "list"),
    AttributeType.NUMBER: ("integer", "decimal", "number", "numeric", "float", "double"),
    AttributeType.BOOLEAN: ("bool", "checkbox"),
    AttributeType.DATE: ("date", "time"),
    AttributeType.TEXT: ("text", "string", "html", "url", "varchar"),
}


def to_attribute_type(name: str) -> AttributeType | None:
    """
    Return the type that one of the PIM's type names stands for.

    The PIM's list of names is not documented, so words in the name decide; None means that the
    shape of each value decides.
    """
    lowered = name.lower()
    for type_, words in _WORDS.items():
        if any(word in lowered for word in words):
            return type_
    return None


def to_attribute_types(definitions: Mapping[str, str]) -> dict[str, AttributeType]:
    """Return the types by attribute code, of those whose type name is understood."""
    types = {code: to_attribute_type(name) for code, name in definitions.items()}
    return {code: type_ for code, type_ in types.items() if type_ is not None}

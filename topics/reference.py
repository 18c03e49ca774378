"""Records of `reference`: what the projection of a resource needs of other things in the PIM."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from runtime.errors import MalformedRecord

SCHEMA: Final = 1
_ATTRIBUTE: Final = b"attribute:"
_CLASSIFICATION: Final = b"classification:"


@dataclass(frozen=True, slots=True)
class AttributeRecord:
    """An attribute's definition: the PIM's own name of its type, "" where it gives several."""

    code: str
    type_name: str

    @property
    def key(self) -> bytes:
        """attribute:code."""
        return to_attribute_key(self.code)

    def to_json(self) -> bytes:
        """Return the record's value."""
        return orjson.dumps({"schema": SCHEMA, "type": self.type_name})


@dataclass(frozen=True, slots=True)
class ClassificationRecord:
    """A classification as the PIM shows it: its names by locale, or one text; the one above it."""

    code: str
    names: Mapping[str, Any] | str
    parent: str | None = None

    @property
    def key(self) -> bytes:
        """classification:code."""
        return to_classification_key(self.code)

    def to_json(self) -> bytes:
        """Return the record's value."""
        return orjson.dumps({"schema": SCHEMA, "names": self.names, "parent": self.parent})


@dataclass(frozen=True, slots=True)
class Gone:
    """What a record without a value says: there is no such attribute or classification."""

    code: str
    is_attribute: bool


ReferenceRecord = AttributeRecord | ClassificationRecord | Gone


def to_attribute_key(code: str) -> bytes:
    """Return the key of an attribute's record."""
    return _ATTRIBUTE + code.encode("utf-8", "surrogatepass")


def to_classification_key(code: str) -> bytes:
    """Return the key of a classification's record."""
    return _CLASSIFICATION + code.encode("utf-8", "surrogatepass")


def parse_reference(key: bytes | None, value: bytes | None) -> ReferenceRecord | None:
    """
    Read a record; None: of something that only a later version knows.

    Raises:
        MalformedRecord: not JSON, or of a schema that this version cannot read.
    """
    for prefix, parse in ((_ATTRIBUTE, _parse_attribute), (_CLASSIFICATION, _parse_classification)):
        if key is not None and key.startswith(prefix):
            code = key.removeprefix(prefix).decode("utf-8", "surrogatepass")
            if value is None:
                return Gone(code, is_attribute=prefix is _ATTRIBUTE)
            try:
                raw = orjson.loads(value)
                if raw["schema"] != SCHEMA:
                    raise MalformedRecord(f"a record of schema {raw['schema']!r}, not {SCHEMA}")
                return parse(code, raw)
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
                raise MalformedRecord(f"not a record of reference: {error!r}") from error
    return None


def _parse_attribute(code: str, raw: Mapping[str, Any]) -> AttributeRecord:
    return AttributeRecord(code, str(raw["type"]))


def _parse_classification(code: str, raw: Mapping[str, Any]) -> ClassificationRecord:
    names, parent = raw["names"], raw["parent"]
    if not isinstance(names, dict | str):
        raise MalformedRecord("not a record of reference: names are no object and no text")
    return ClassificationRecord(code, names, None if parent is None else str(parent))

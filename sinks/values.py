"""
One attribute's value, whatever its shape, as typed values of one locale.

Each goes into the bucket of its type (text, number, boolean, date, choice), and each bucket has a
field of its own in the index. So an attribute whose type flips between two resources breaks
nothing, and no value is lost: what is not of the type that its definition names goes by its shape.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sinks.attribute_types import AttributeType
from sinks.fallbacks import is_empty, is_translatable, resolve, to_label
from sinks.markup import TEXT_MAX_CHARS, to_clean, to_text
from sinks.moments import to_date

VALUES_MAX: Final = 1_000
"""Of one attribute; what lies beyond is not searched."""

DEPTH_MAX: Final = 16
DROPPED_MAX: Final = 10
_INTEGER_MAX: Final = 2**63 - 1
_NUMBER: Final = re.compile(
    r"[+-]?(\d{1,300}(\.\d{0,300})?|\.\d{1,300})([eE][+-]?\d{1,3})?", re.ASCII
)
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_LABEL_NAMES: Final = ("labels", "label", "name", "value")
_CODE_MARK: Final = ";code="

Choice = dict[str, str]
"""code and label."""


@dataclass(slots=True)
class Values:
    """The values of one attribute in one locale, by bucket."""

    inherited: bool = False
    count: int = 0
    dropped: list[str] = field(default_factory=list)  # a reason for each value that is left out
    buckets: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def text(self) -> list[str]:
        """Its texts, labels excepted."""
        return self.buckets.get("text", [])

    def add(self, bucket: str, value: Any) -> None:
        """Put a value into the bucket of its type."""
        self.buckets.setdefault(bucket, []).append(value)

    def drop(self, reason: str) -> None:
        """Note that a value is left out; the first few of an attribute are enough."""
        if len(self.dropped) < DROPPED_MAX:
            self.dropped.append(reason)

    def to_json(self) -> dict[str, Any]:
        """Return the buckets that hold something; one value stands alone, choices never do."""
        return {
            bucket: values[0] if len(values) == 1 and bucket != "choice" else values
            for bucket, values in self.buckets.items()
        }

    def to_texts(self) -> list[str]:
        """Return what full-text search should find."""
        texts = self.text
        if "choice" in self.buckets:
            return [*texts, *(choice["label"] for choice in self.buckets["choice"])]
        return texts


def to_values(value: Any, chain: Sequence[str], type_: AttributeType | None) -> Values:
    """Return the typed values that an attribute has in the first locale of *chain*."""
    values = Values()
    if isinstance(value, dict | list):
        value, values.inherited = resolve(value, chain)
    _collect(value, values, chain, type_, DEPTH_MAX)
    return values


def _collect(
    value: Any, into: Values, chain: Sequence[str], type_: AttributeType | None, depth: int
) -> None:
    if is_empty(value):
        return
    if depth == 0 or into.count >= VALUES_MAX:
        into.drop("too_deep" if depth == 0 else "too_many")
        return
    if isinstance(value, list):
        for each in value:
            _collect(each, into, chain, type_, depth - 1)
    elif isinstance(value, dict):
        _collect_object(value, into, chain, type_, depth)
    else:
        into.count += 1
        _add_scalar(value, into, type_)


def _collect_object(
    value: Mapping[str, Any],
    into: Values,
    chain: Sequence[str],
    type_: AttributeType | None,
    depth: int,
) -> None:
    if is_translatable(value, chain):
        _collect(resolve(value, chain)[0], into, chain, type_, depth - 1)
    elif (code := _to_choice_code(value)) is not None:
        into.count += 1
        into.add("choice", _to_choice(code, _to_choice_label(value, chain)))
    else:
        for each in value.values():
            _collect(each, into, chain, type_, depth - 1)


def _to_choice_code(value: Mapping[str, Any]) -> str | None:
    """Return the code of a predefined value, whose id is `attribute=color;code=red`."""
    for name in ("code", "id"):
        code = value.get(name)
        if isinstance(code, str | int) and not isinstance(code, bool) and code != "":
            _, mark, rest = str(code).partition(_CODE_MARK)
            return rest if mark and rest else str(code)
    return None


def _to_choice_label(value: Mapping[str, Any], chain: Sequence[str]) -> str | None:
    for name in _LABEL_NAMES:
        if name in value and (label := to_label(value[name], chain)) is not None:
            return label
    return None


def _to_choice(code: str, label: str | None) -> Choice:
    return {"code": to_clean(code), "label": to_text(label or code) or to_clean(code)}


def _add_scalar(value: Any, into: Values, type_: AttributeType | None) -> None:
    if type_ is AttributeType.CHOICE:
        into.add("choice", _to_choice(_to_string(value), None))
    elif type_ is not AttributeType.TEXT and (boolean := _to_boolean(value, type_)) is not None:
        into.add("boolean", boolean)
    elif type_ is not AttributeType.TEXT and (number := _to_number(value, type_)) is not None:
        into.add("number", number)
    elif (
        type_ in {None, AttributeType.DATE}
        and isinstance(value, str)
        and (date := to_date(value.strip())) is not None
    ):
        into.add("date", date)
    elif text := to_text(string := _to_string(value)):
        into.add("text", text)
        if len(string) > TEXT_MAX_CHARS and len(text) == TEXT_MAX_CHARS:
            into.drop("too_long")
    else:
        into.drop("no_text")


def _to_boolean(value: Any, type_: AttributeType | None) -> bool | None:
    if isinstance(value, bool):
        return value
    if type_ is AttributeType.BOOLEAN and isinstance(value, str | int):
        return _BOOLEANS.get(_to_string(value).strip().lower())
    return None


def _to_number(value: Any, type_: AttributeType | None) -> int | float | None:
    """Return a number that a double field takes; larger integers lose their last digits."""
    if isinstance(value, str):
        if type_ is not AttributeType.NUMBER or _NUMBER.fullmatch(value.strip()) is None:
            return None
        value = float(value) if not value.strip().lstrip("+-").isdecimal() else int(value)
    if isinstance(value, int) and abs(value) > _INTEGER_MAX:
        value = float(value) if value.bit_length() <= 1023 else math.inf  # noqa: PLR2004  # of a double
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _to_string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 4096:  # noqa: PLR2004  # int to str is limited
        return hex(value)
    return str(value)

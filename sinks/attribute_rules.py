"""What an operator says of attributes in `attributes.toml`; without the file, nothing."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sinks.attribute_types import AttributeType

BOOST_MAX: Final = 100.0
_TABLE: Final = "attributes"


class AttributeRule(BaseModel):
    """One attribute; *type* None means: as the PIM defines it, else as each value's shape says."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: Annotated[AttributeType | None, Field(strict=False)] = None
    searchable: bool = True  # found by full text
    facet: bool = True  # its exact values can be counted, and filtered by
    sortable: bool = False  # its texts can be sorted by, folded
    boost: Annotated[float, Field(strict=False, ge=1, le=BOOST_MAX)] = 1.0
    ignored: bool = False  # no part of any search document
    name: bool = False  # it is the name of the resources that have it

    def to_changed(self) -> dict[str, Any]:
        """Return what differs from an attribute that is not named in the file."""
        return self.model_dump(mode="json", exclude_defaults=True)


@dataclass(frozen=True)
class AttributeRules:
    """All rules by attribute code, in the file's order."""

    by_code: Mapping[str, AttributeRule] = field(default_factory=dict)

    @cached_property
    def types(self) -> dict[str, AttributeType]:
        """The types that the file names."""
        return {code: rule.type for code, rule in self.by_code.items() if rule.type is not None}

    @cached_property
    def names(self) -> list[str]:
        """The attributes that are names; the first that a resource has counts."""
        return [code for code, rule in self.by_code.items() if rule.name]

    @cached_property
    def ignored(self) -> frozenset[str]:
        """The attributes that no search document has."""
        return frozenset(code for code, rule in self.by_code.items() if rule.ignored)

    @cached_property
    def unsearchable(self) -> frozenset[str]:
        """The attributes that full text does not find."""
        return frozenset(code for code, rule in self.by_code.items() if not rule.searchable)

    @cached_property
    def sortable(self) -> frozenset[str]:
        """The attributes whose texts are sorted without accents and case."""
        return frozenset(code for code, rule in self.by_code.items() if rule.sortable)

    @cached_property
    def boosts(self) -> dict[str, float]:
        """The attributes that count more than others."""
        return {code: rule.boost for code, rule in self.by_code.items() if rule.boost != 1}


NO_RULES: Final = AttributeRules()


def parse_rules(text: str) -> AttributeRules:
    """
    Read the contents of the file.

    Raises:
        ValueError: lists every mistake, one a line.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"  {error}") from error
    mistakes = [f"  {name}: is not known; all tables are [attributes.CODE]" for name in raw]
    table = raw.get(_TABLE, {})
    if _TABLE in raw:
        mistakes.remove(f"  {_TABLE}: is not known; all tables are [attributes.CODE]")
    if not isinstance(table, dict):
        table = {}
        mistakes.append(f"  {_TABLE}: is no table")
    rules: dict[str, AttributeRule] = {}
    for code, given in table.items():
        try:
            rules[code] = AttributeRule.model_validate(given)
        except ValidationError as error:
            mistakes += [_to_mistake(code, detail) for detail in error.errors()]
        else:
            mistakes += _to_contradictions(code, rules[code])
    if mistakes:
        raise ValueError("\n".join(mistakes))
    return AttributeRules(rules)


def _to_contradictions(code: str, rule: AttributeRule) -> list[str]:
    if rule.ignored and len(rule.to_changed()) > 1:
        return [f"  {_TABLE}.{code}: is ignored, so nothing else can be said of it"]
    if rule.boost != 1 and not rule.searchable:
        return [f"  {_TABLE}.{code}: has a boost, and is not searchable"]
    return []


def _to_mistake(code: str, detail: Any) -> str:
    message = str(detail["msg"])
    where = ".".join(str(part) for part in (_TABLE, code, *detail["loc"]))
    return f"  {where}: {message[0].lower()}{message[1:]}"

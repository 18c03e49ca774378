"""
What an index is against what code and `attributes.toml` want: pure, and the same for every caller.

In place means: the cluster takes it as it is, and no document that lies there would say it
differently. Everything else needs a rebuild, which makes each document anew from its snapshot.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from sinks.attribute_rules import NO_RULES, AttributeRule, AttributeRules
from sinks.attribute_types import AttributeType
from sinks.fields import to_field
from sinks.mappings import META, to_buckets, to_mappings, to_settings

_NOT_WRITTEN: Final = frozenset({"boost"})
"""Rules that change no search document and no field."""

_LIMITS: Final = (
    "mapping.total_fields.limit",
    "mapping.total_fields.ignore_dynamic_beyond_limit",
)
_FLAGS: Final = ("date_detection", "numeric_detection")
_NOT_COMPARED: Final = frozenset({"type", "properties", "fields", "dynamic"})


class Step(StrEnum):
    """What brings an index to what is wanted, the least first."""

    NOTHING = "nothing"
    LEFT_OVER = "left over"  # nobody writes to it any more
    CREATE = "create"
    IN_PLACE = "in place"
    REBUILD = "rebuild"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference, in words; *loses*: what is written meanwhile would not be found as it should."""

    step: Step
    what: str
    loses: bool = False
    raises_limit: bool = False


@dataclass(frozen=True, slots=True)
class FoundIndex:
    """An index as the cluster describes it; *settings* are what is below `index`, nested."""

    name: str
    settings: Mapping[str, Any]
    mappings: Mapping[str, Any]
    is_filtered: bool = True  # its alias hides tombstones


@dataclass(frozen=True, slots=True)
class LocalePlan:
    """What is to be done about one locale."""

    locale: str
    alias: str
    index: str | None
    changes: tuple[Change, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)  # what the index may say in place

    @property
    def step(self) -> Step:
        """The greatest step of all changes."""
        steps = [change.step for change in self.changes]
        return max(steps, key=list(Step).index, default=Step.NOTHING)

    @property
    def loses(self) -> bool:
        """Whether no worker may write to it as it is."""
        return any(change.loses for change in self.changes)


def plan_index(
    locale: str,
    found: FoundIndex,
    *,
    rules: AttributeRules = NO_RULES,
    types: Mapping[str, AttributeType] | None = None,
) -> tuple[Change, ...]:
    """Return everything in which an index of *locale* differs from what is wanted."""
    wanted = to_mappings(locale, rules)
    changes = [
        *_compare_meta(wanted, found),
        *_compare_settings(to_settings(locale), found),
        *_compare_root(wanted, found),
        *_compare_fields("", wanted["properties"], found.mappings.get("properties", {})),
        *_compare_attributes(locale, rules, types or {}, found),
    ]
    if not found.is_filtered:
        changes.append(Change(Step.IN_PLACE, "the alias does not hide deleted resources"))
    return tuple(dict.fromkeys(changes))


def to_meta_in_place(found: FoundIndex, rules: AttributeRules) -> dict[str, Any]:
    """Return the `_meta` with the rules of those attributes that no document has yet."""
    ours = dict(found.mappings.get("_meta", {}).get(META, {}))
    there = _to_attribute_fields(found)
    kept = {code: r for code, r in ours.get("attributes", {}).items() if to_field(code) in there}
    new = {
        code: changed
        for code, rule in rules.by_code.items()
        if to_field(code) not in there and (changed := rule.to_changed())
    }
    return {META: ours | {"attributes": kept | new}}


def to_rules_written(rules: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules of an index's `_meta` without those that no document shows."""
    written = {
        code: {name: value for name, value in rule.items() if name not in _NOT_WRITTEN}
        for code, rule in rules.items()
    }
    return {code: rule for code, rule in written.items() if rule}


def _compare_meta(wanted: Mapping[str, Any], found: FoundIndex) -> Iterator[Change]:
    ours = wanted["_meta"][META]
    theirs = found.mappings.get("_meta", {}).get(META, {})
    for name, what in (("schema", "search documents of schema"), ("locale", "the locale")):
        if theirs.get(name) != ours[name]:
            yield Change(
                Step.REBUILD,
                f"was made for {what} {theirs.get(name)}, not {ours[name]}",
                loses=True,
            )


def _compare_settings(wanted: Mapping[str, Any], found: FoundIndex) -> Iterator[Change]:
    if _to_text(found.settings.get("analysis", {})) != _to_text(wanted["analysis"]):
        yield Change(Step.REBUILD, f"texts are analysed otherwise: {_name_analysis(wanted, found)}")
    if _at(found.settings, "mapping.ignore_malformed") != "true":
        yield Change(Step.REBUILD, "a malformed value costs its whole document", loses=True)
    limit, beyond = (_at(found.settings, path) for path in _LIMITS)
    if not str(limit or "").isdecimal() or int(limit) < wanted[_LIMITS[0]]:
        what = f"the limit of fields is {limit}, not {wanted[_LIMITS[0]]}"
        yield Change(Step.IN_PLACE, what, raises_limit=True)
    if beyond != "true":
        yield Change(Step.IN_PLACE, "an attribute beyond the limit is refused", loses=True)


def _compare_root(wanted: Mapping[str, Any], found: FoundIndex) -> Iterator[Change]:
    dynamic = str(found.mappings.get("dynamic", "true")).lower()
    if dynamic != "false":
        yield Change(Step.IN_PLACE, f"dynamic is {dynamic}, not false", loses=dynamic == "strict")
    below = found.mappings.get("properties", {}).get("attributes", {}).get("dynamic", dynamic)
    if str(below).lower() != "true":
        yield Change(Step.IN_PLACE, "attributes get no fields of their own", loses=True)
    for flag in _FLAGS:
        if found.mappings.get(flag, flag == "date_detection"):
            yield Change(Step.IN_PLACE, f"{flag} is on", loses=True)
    if _to_text(found.mappings.get("dynamic_templates", [])) != _to_text(
        wanted["dynamic_templates"]
    ):
        yield Change(Step.IN_PLACE, "new attributes would get other fields", loses=True)


def _compare_fields(
    path: str, wanted: Mapping[str, Any], found: Mapping[str, Any]
) -> Iterator[Change]:
    """What is there beyond what is wanted does no harm."""
    for name, mapping in wanted.items():
        where = f"{path}{name}"
        if name not in found:
            yield Change(Step.REBUILD, f"the field {where} is missing")
            continue
        yield from _compare_field(where, mapping, found[name])


def _compare_field(
    where: str, wanted: Mapping[str, Any], found: Mapping[str, Any]
) -> Iterator[Change]:
    type_, theirs = (each.get("type", "object") for each in (wanted, found))
    if type_ != theirs:
        yield Change(Step.REBUILD, f"the field {where} is {theirs}, not {type_}", loses=True)
        return
    names = (wanted.keys() | found.keys()) - _NOT_COMPARED
    differing = sorted(n for n in names if _to_text(wanted.get(n)) != _to_text(found.get(n)))
    if differing:
        yield Change(Step.REBUILD, f"the field {where} differs in {', '.join(differing)}")
    for part in ("properties", "fields"):
        yield from _compare_fields(f"{where}.", wanted.get(part, {}), found.get(part, {}))


def _compare_attributes(
    locale: str,
    rules: AttributeRules,
    types: Mapping[str, AttributeType],
    found: FoundIndex,
) -> Iterator[Change]:
    there = _to_attribute_fields(found)
    before = to_rules_written(found.mappings.get("_meta", {}).get(META, {}).get("attributes", {}))
    now = to_rules_written({code: rule.to_changed() for code, rule in rules.by_code.items()})
    codes = {to_field(code): code for code in (*types, *before, *now)}
    for name, mapping in sorted(there.items()):
        code = codes.get(name, name)
        rule = rules.by_code.get(code, AttributeRule())
        buckets = _to_flat(mapping.get("properties", {}))
        wanted = to_buckets(locale, rule)
        for bucket in sorted(buckets.keys() & wanted.keys()):
            yield from _compare_field(
                f"attributes.{name}.{bucket}", wanted[bucket], buckets[bucket]
            )
        if before.get(code) != now.get(code):
            yield Change(Step.REBUILD, f"the rules of the attribute {code} have changed")
        elif not _has_bucket(buckets, type_ := rule.type or types.get(code)):
            yield Change(
                Step.REBUILD,
                f"the attribute {code} is of type {type_} now, and lies there as "
                f"{' and '.join(sorted({bucket.partition('.')[0] for bucket in buckets}))}",
            )
    unseen = {code for code in before.keys() | now.keys() if to_field(code) not in there}
    if any(before.get(code) != now.get(code) for code in unseen):
        yield Change(Step.IN_PLACE, "rules of attributes that no document has yet have changed")


def _to_attribute_fields(found: FoundIndex) -> Mapping[str, Any]:
    fields = found.mappings.get("properties", {}).get("attributes", {}).get("properties", {})
    assert isinstance(fields, Mapping)
    return fields


def _has_bucket(buckets: Mapping[str, Any], type_: AttributeType | None) -> bool:
    """Whether documents can have been projected by this type; what fits none goes by its shape."""
    if type_ is None or not buckets:
        return True
    return any(bucket.partition(".")[0] == type_.value for bucket in buckets)


def _to_flat(properties: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    flat: dict[str, Mapping[str, Any]] = {}
    for name, mapping in properties.items():
        if "properties" in mapping:
            flat |= {f"{name}.{key}": value for key, value in mapping["properties"].items()}
        else:
            flat[name] = mapping
    return flat


def _name_analysis(wanted: Mapping[str, Any], found: FoundIndex) -> str:
    theirs = found.settings.get("analysis", {})
    names = [
        f"{part}.{name}"
        for part in ("analyzer", "filter", "normalizer", "tokenizer", "char_filter")
        for name in sorted(wanted["analysis"].get(part, {}).keys() | theirs.get(part, {}).keys())
        if _to_text(wanted["analysis"].get(part, {}).get(name))
        != _to_text(theirs.get(part, {}).get(name))
    ]
    return ", ".join(names)


def _at(settings: Mapping[str, Any], path: str) -> Any:
    """Return a setting, which the cluster gives nested, and as a text; None: the default."""
    found: Any = settings
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    # A setting may have others below it: {"limit": …, "ignore_dynamic_beyond_limit": …}.
    return found if not isinstance(found, Mapping) else None


def _to_text(value: Any) -> Any:
    """Numbers and booleans come back from a cluster as texts, lists as they were."""
    if isinstance(value, Mapping):
        return {name: _to_text(each) for name, each in value.items() if each is not None}
    if isinstance(value, list | tuple):
        return [_to_text(each) for each in value]
    return str(value).lower() if isinstance(value, bool) else value if value is None else str(value)

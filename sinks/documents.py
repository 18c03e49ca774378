"""
Projection: from a snapshot, which holds all locales, to the search document of one locale.

The shape is a contract with whoever searches: docs/searching.md describes it field by field.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from pim.kinds import Kind
from sinks.attribute_rules import NO_RULES, AttributeRules
from sinks.attribute_types import AttributeType
from sinks.classified import to_classification_name, to_classifications
from sinks.fallbacks import resolve
from sinks.fields import to_field
from sinks.markup import to_clean, to_text
from sinks.moments import to_date, to_moment
from sinks.relations import to_assets, to_code, to_codes, to_links
from sinks.values import Values, to_values
from topics.snapshots import Snapshot

SCHEMA: Final = 1

Document = dict[str, Any]
"""A search document."""


class Notes(Protocol):
    """Who is told what had to be left out."""

    def note(self, attribute: str, reasons: Iterable[str]) -> None:
        """Values of one attribute of one search document were left out."""


def project(
    snapshot: Snapshot,
    *,
    chain: Sequence[str],
    types: Mapping[str, AttributeType],
    indexed_s: float,
    rules: AttributeRules = NO_RULES,
    dropped: Notes | None = None,
) -> Document:
    """
    Return the search document of the first locale of *chain*, the rest being its fallbacks.

    Takes whatever the PIM answered: an odd value costs at most itself, and *dropped* is told.
    The same snapshot, chain, types and rules always give the same document, but for
    `sync.indexed_at`. A deleted resource becomes a tombstone.
    """
    document: Document = {
        "kind": snapshot.kind.value,
        "code": to_clean(snapshot.code),
        "locale": chain[0],
        "deleted": snapshot.deleted,
        "sync": _to_sync(snapshot, indexed_s),
    }
    if snapshot.deleted:
        return document
    attributes: dict[str, Values] = {}
    for code, value in sorted(to_attributes(snapshot.resource.get("attributes")).items()):
        if code not in rules.ignored:
            values = attributes[code] = to_values(
                value, chain, rules.types.get(code) or types.get(code)
            )
            if dropped is not None and values.dropped:
                dropped.note(code, values.dropped)
    return document | _to_content(snapshot, chain, attributes, rules)


def _to_sync(snapshot: Snapshot, indexed_s: float) -> Document:
    return {
        "schema": SCHEMA,
        "version": snapshot.version,
        "partition": snapshot.partition,
        "notified_at": to_moment(snapshot.notified_s),
        "fetched_at": to_moment(snapshot.fetched_s),
        "indexed_at": to_moment(indexed_s),
        "notifications": snapshot.notifications,
    }


def _to_content(
    snapshot: Snapshot,
    chain: Sequence[str],
    attributes: Mapping[str, Values],
    rules: AttributeRules,
) -> Document:
    resource = snapshot.resource
    document_type = to_code(resource.get("documentType"))
    name, name_inherited = _to_name(
        resource, attributes, chain, _to_name_codes(snapshot.kind, document_type, attributes, rules)
    )
    classifications = _to_classifications(resource, snapshot.names, chain)
    active = resource.get("isActive")
    unsearchable = rules.unsearchable
    texts = [
        text
        for code, values in attributes.items()
        if code not in unsearchable
        for text in values.to_texts()
    ]
    texts += [each["name"] for each in classifications if "name" in each]
    return {
        "document_type": document_type,
        "name": name,
        "text": list(dict.fromkeys(texts)),
        "attributes": {
            to_field(code): shown
            for code, values in attributes.items()
            if (shown := values.to_json())
        },
        "classifications": classifications,
        "links": to_links(snapshot.kind, snapshot.code, resource),
        "variants": [{"code": code} for code in to_codes(resource.get("variants"))],
        "assets": to_assets(resource.get("assetLinks")),
        "active": active if isinstance(active, bool) else True,
        "created_at": _to_date(resource.get("dateCreated")),
        "modified_at": _to_date(resource.get("dateModified")),
        "inherited": [to_clean(code) for code, values in attributes.items() if values.inherited]
        + (["name"] if name_inherited else []),
    }


def to_attributes(raw: Any) -> Mapping[str, Any]:
    """Return attributes by code; older instances give an array of {id, code, values}."""
    if isinstance(raw, dict):
        return raw
    by_code: dict[str, Any] = {}
    for each in raw if isinstance(raw, list) else ():
        code = to_code(each)
        if code is not None and isinstance(each, dict):
            by_code[code] = each.get("values", each.get("value"))
    return by_code


def _to_name_codes(
    kind: Kind, document_type: str | None, attributes: Mapping[str, Values], rules: AttributeRules
) -> list[str]:
    """Return the attributes that may be the name: those with a rule, then by convention."""
    usual = [f"{document_type}_name", f"{kind.value}_name", "name"]
    others = (code for code in attributes if code.endswith("_name") and "_long" not in code)
    return [*rules.names, *usual, *others]


def _to_name(
    resource: Mapping[str, Any],
    attributes: Mapping[str, Values],
    chain: Sequence[str],
    codes: Sequence[str],
) -> tuple[str | None, bool]:
    """Return the resource's name, and whether its property `name` (not an attribute) is inherited."""
    own, inherited = resolve(resource.get("name"), chain)
    if isinstance(own, str) and (text := to_text(own)):
        return text, inherited
    texts = (attributes[code].text for code in codes if code in attributes)
    return next((text[0] for text in texts if text), None), False


def _to_classifications(
    resource: Mapping[str, Any], names: Mapping[str, Any], chain: Sequence[str]
) -> list[Document]:
    """Return {code, name} of each."""
    found = []
    for code in to_classifications(resource):
        name = to_classification_name(names.get(code), chain)
        found.append({"code": code} | ({"name": name} if name else {}))
    return found


def _to_date(value: Any) -> str | None:
    return to_date(value.strip()) if isinstance(value, str) else None

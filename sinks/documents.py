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
    return Projection(snapshot, types, rules).to_document(chain, indexed_s, dropped)


class Projection:
    """One snapshot, to be projected into several locales; what they have in common is made once."""

    def __init__(
        self,
        snapshot: Snapshot,
        types: Mapping[str, AttributeType],
        rules: AttributeRules = NO_RULES,
    ) -> None:
        self._snapshot, self._rules = snapshot, rules
        if snapshot.deleted:
            return
        resource = snapshot.resource
        raw = to_attributes(resource.get("attributes"))
        self._attributes: list[tuple[str, Any, AttributeType | None]] = []
        self._plain: dict[str, Values] = {}  # the same in every locale
        for code in sorted(raw.keys() - rules.ignored):
            value, type_ = raw[code], rules.types.get(code) or types.get(code)
            self._attributes.append((code, value, type_))
            if not isinstance(value, dict | list):
                self._plain[code] = to_values(value, (), type_)
        active = resource.get("isActive")
        self._document_type = to_code(resource.get("documentType"))
        self._classifications = to_classifications(resource)
        self._common: Document = {
            "document_type": self._document_type,
            "links": to_links(snapshot.kind, snapshot.code, resource),
            "variants": [{"code": code} for code in to_codes(resource.get("variants"))],
            "assets": to_assets(resource.get("assetLinks")),
            "active": active if isinstance(active, bool) else True,
            "created_at": _to_date(resource.get("dateCreated")),
            "modified_at": _to_date(resource.get("dateModified")),
        }

    def to_document(
        self, chain: Sequence[str], indexed_s: float, dropped: Notes | None = None
    ) -> Document:
        """Return the search document of the first locale of *chain*, as `project` does."""
        snapshot = self._snapshot
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
        for code, value, type_ in self._attributes:
            values = self._plain.get(code)
            if values is None:
                values = to_values(value, chain, type_)
            attributes[code] = values
            if dropped is not None and values.dropped:
                dropped.note(code, values.dropped)
        return document | self._common | self._to_content(chain, attributes)

    def _to_content(self, chain: Sequence[str], attributes: Mapping[str, Values]) -> Document:
        snapshot, unsearchable = self._snapshot, self._rules.unsearchable
        codes = _to_name_codes(snapshot.kind, self._document_type, attributes, self._rules)
        name, name_inherited = _to_name(snapshot.resource, attributes, chain, codes)
        classifications = _to_classified(self._classifications, snapshot.names, chain)
        texts = [
            text
            for code, values in attributes.items()
            if code not in unsearchable
            for text in values.to_texts()
        ]
        texts += [each["name"] for each in classifications if "name" in each]
        return {
            "name": name,
            "text": list(dict.fromkeys(texts)),
            "attributes": {
                to_field(code): shown
                for code, values in attributes.items()
                if (shown := values.to_json())
            },
            "classifications": classifications,
            "inherited": [to_clean(code) for code, values in attributes.items() if values.inherited]
            + (["name"] if name_inherited else []),
        }


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


def _to_classified(
    codes: Sequence[str], names: Mapping[str, Any], chain: Sequence[str]
) -> list[Document]:
    """Return {code, name} of each."""
    found = []
    for code in codes:
        name = to_classification_name(names.get(code), chain)
        found.append({"code": code} | ({"name": name} if name else {}))
    return found


def _to_date(value: Any) -> str | None:
    return to_date(value.strip()) if isinstance(value, str) else None

"""
Settings and mappings of the index of one locale.

Below `attributes.{code}` every type has a field of its own (sinks/values.py), so no document can
bring a value that does not fit; docs/decisions/0010-attribute-mapping.md says why.
"""

from typing import Any, Final

from sinks.analyzers import PREFIX, SORT, WORDS, to_analysis, to_analyzer, to_text_analyzer
from sinks.attribute_rules import NO_RULES, AttributeRule, AttributeRules
from sinks.fields import to_field

SCHEMA: Final = 2
"""Of the mapping; another one needs a rebuild. Kept in the index's `_meta`."""

FIELDS_MAX: Final = 5_000
"""Beyond it new attributes are kept and found by full text, but have no fields of their own."""

EXACT_MAX_CHARS: Final = 1_024
"""Longer texts cannot be filtered or sorted by; they are found by full text."""

REFRESH_INTERVAL: Final = "1s"
REPLICAS: Final = "0-1"
META: Final = "quindex"
"""Below `_meta`: what the index was made for."""

_KEYWORD: Final = {"type": "keyword", "ignore_above": EXACT_MAX_CHARS}
_SORT: Final = _KEYWORD | {"normalizer": SORT}
_DATE: Final = {"type": "date", "format": "strict_date_optional_time"}
_WORDS: Final = {"type": "text", "analyzer": WORDS}
_PREFIX: Final = {"type": "text", "analyzer": PREFIX, "search_analyzer": WORDS}
_RELATION: Final = {
    "properties": dict.fromkeys(("type", "direction", "code", "key"), _KEYWORD),
}


def to_settings(locale: str) -> dict[str, Any]:
    """Return the settings of a new index of a locale."""
    return {
        "number_of_shards": 1,
        "auto_expand_replicas": REPLICAS,
        "refresh_interval": REFRESH_INTERVAL,
        "mapping.total_fields.limit": FIELDS_MAX,
        "mapping.total_fields.ignore_dynamic_beyond_limit": True,
        "mapping.ignore_malformed": True,
        "analysis": to_analysis(locale),
    }


def to_mappings(locale: str, rules: AttributeRules = NO_RULES) -> dict[str, Any]:
    """Return the mappings of a locale's index."""
    text = _to_text(locale)
    return {
        "_meta": {META: to_meta(locale, rules)},
        "dynamic": False,
        "date_detection": False,
        "numeric_detection": False,
        "dynamic_templates": _to_templates(locale, rules),
        "properties": {
            "kind": {"type": "keyword"},
            "code": _KEYWORD | {"fields": {"words": _WORDS}},
            "document_type": _KEYWORD,
            "locale": {"type": "keyword"},
            "name": text
            | {"fields": {"exact": _KEYWORD, "words": _WORDS, "prefix": _PREFIX, "sort": _SORT}},
            "text": text | {"fields": {"words": _WORDS}},
            "attributes": {"type": "object", "dynamic": True},
            "classifications": {
                "properties": {"code": _KEYWORD, "name": text | {"fields": {"exact": _KEYWORD}}}
            },
            "links": _RELATION,
            "variants": {"properties": {"code": _KEYWORD}},
            "assets": _RELATION,
            "active": {"type": "boolean"},
            "created_at": _DATE,
            "modified_at": _DATE,
            "deleted": {"type": "boolean"},
            "inherited": _KEYWORD,
            "sync": _to_sync(),
        },
    }


def to_meta(locale: str, rules: AttributeRules) -> dict[str, Any]:
    """Return what an index says of itself, to be compared later."""
    return {
        "schema": SCHEMA,
        "locale": locale,
        "analyzer": to_analyzer(locale),
        "attributes": {
            code: changed for code, rule in rules.by_code.items() if (changed := rule.to_changed())
        },
    }


def to_buckets(locale: str, rule: AttributeRule) -> dict[str, dict[str, Any]]:
    """Return the mapping of each of an attribute's fields, by its path below the attribute."""
    fields = ({"exact": _KEYWORD} if rule.facet else {}) | (
        {"sort": _SORT} if rule.sortable else {}
    )
    text = _to_text(locale) | ({} if rule.searchable else {"index": False})
    full = text | ({"fields": fields} if fields else {})
    return {
        "text": full,
        "number": {"type": "double"},
        "boolean": {"type": "boolean"},
        "date": _DATE,
        "choice.code": _KEYWORD,
        "choice.label": full,
    }


def _to_sync() -> dict[str, Any]:
    return {
        "properties": {
            "schema": {"type": "integer"},
            "version": {"type": "long"},
            "partition": {"type": "integer"},
            "notified_at": _DATE,
            "fetched_at": _DATE,
            "indexed_at": _DATE,
            "notifications": {"type": "integer"},
        }
    }


def _to_text(locale: str) -> dict[str, Any]:
    return {"type": "text", "analyzer": to_text_analyzer(locale)}


def _to_templates(locale: str, rules: AttributeRules) -> list[dict[str, Any]]:
    """Those of attributes with a rule come first: the first that matches counts."""
    usual = to_buckets(locale, AttributeRule())
    templates = [
        {f"{code}/{bucket}": _to_template(f"attributes.{to_field(code)}.{bucket}", mapping)}
        for code, rule in rules.by_code.items()
        for bucket, mapping in to_buckets(locale, rule).items()
        if mapping != usual[bucket]
    ]
    return templates + [
        {f"attribute_{bucket}": _to_template(f"attributes.*.{bucket}", mapping)}
        for bucket, mapping in usual.items()
    ]


def _to_template(path: str, mapping: dict[str, Any]) -> dict[str, Any]:
    return {"path_match": path, "mapping": mapping}

"""
Settings and mappings of the index of one locale.

Below `attributes.{code}` every type has a field of its own (sinks/values.py), so no document can
bring a value that does not fit; docs/decisions/0010-attribute-mapping.md says why.
"""

from typing import Any, Final

from sinks.analyzers import STANDARD, to_analyzer

SCHEMA: Final = 1
"""Of the mapping; another one needs a rebuild. Kept in the index's `_meta`."""

FIELDS_MAX: Final = 5_000
"""Beyond it new attributes are kept and found by full text, but have no fields of their own."""

EXACT_MAX_CHARS: Final = 1_024
"""Longer texts cannot be filtered or sorted by; they are found by full text."""

REFRESH_INTERVAL: Final = "1s"

_KEYWORD: Final = {"type": "keyword", "ignore_above": EXACT_MAX_CHARS}
_DATE: Final = {"type": "date", "format": "strict_date_optional_time"}
_WORDS: Final = {
    "type": "text",
    "analyzer": STANDARD,
    "index_prefixes": {"min_chars": 1, "max_chars": 12},
}
_RELATION: Final = {
    "properties": dict.fromkeys(("type", "direction", "code", "key"), _KEYWORD),
}


def to_settings() -> dict[str, Any]:
    """Return the settings of a new index, the same for all locales."""
    return {
        "number_of_shards": 1,
        "auto_expand_replicas": "0-1",
        "refresh_interval": REFRESH_INTERVAL,
        "mapping.total_fields.limit": FIELDS_MAX,
        "mapping.total_fields.ignore_dynamic_beyond_limit": True,
        "mapping.ignore_malformed": True,
    }


def to_mappings(locale: str) -> dict[str, Any]:
    """Return the mappings of a locale's index, with the analyzer of its language."""
    analyzer = to_analyzer(locale)
    text: dict[str, Any] = {"type": "text", "analyzer": analyzer}
    return {
        "_meta": {"quindex": {"schema": SCHEMA, "locale": locale, "analyzer": analyzer}},
        "dynamic": False,
        "date_detection": False,
        "numeric_detection": False,
        "dynamic_templates": _to_templates(text),
        "properties": {
            "kind": {"type": "keyword"},
            "code": _KEYWORD | {"fields": {"words": {"type": "text", "analyzer": STANDARD}}},
            "document_type": _KEYWORD,
            "locale": {"type": "keyword"},
            "name": text | {"fields": {"exact": _KEYWORD, "words": _WORDS}},
            "text": text | {"fields": {"words": {"type": "text", "analyzer": STANDARD}}},
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


def _to_templates(text: dict[str, Any]) -> list[dict[str, Any]]:
    exact = {"fields": {"exact": _KEYWORD}}
    by_bucket: dict[str, dict[str, Any]] = {
        "text": text | exact,
        "number": {"type": "double"},
        "boolean": {"type": "boolean"},
        "date": _DATE,
        "choice.code": _KEYWORD,
        "choice.label": text | exact,
    }
    return [
        {f"attribute_{bucket}": {"path_match": f"attributes.*.{bucket}", "mapping": mapping}}
        for bucket, mapping in by_bucket.items()
    ]

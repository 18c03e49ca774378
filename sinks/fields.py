"""Names that a search document goes by: ids, aliases, indices, and field names of attributes."""

import hashlib
import re
from functools import lru_cache
from typing import Final

from pim.kinds import Kind, to_key
from runtime.errors import Refused

ID_MAX_BYTES: Final = 512
_FIELD_MAX_CHARS: Final = 120
_FIELD_HEAD_CHARS: Final = 100
_LOCALE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_UNSAFE: Final = re.compile(r"[^\w-]")


def to_id(kind: Kind, code: str) -> str:
    """Return the `_id`: kind:code, or its SHA-256 where Elasticsearch would not take that."""
    key = to_key(kind, code)
    raw = key.encode("utf-8", "surrogatepass")
    if len(raw) > ID_MAX_BYTES or raw != key.encode("utf-8", "replace"):
        return hashlib.sha256(raw).hexdigest()
    return key


@lru_cache(maxsize=8_192)  # the same few in every resource
def to_field(code: str) -> str:
    """
    Return the field name of an attribute below `attributes`; no two codes share one.

    Everything but letters, digits, "_" and "-" is percent-encoded, since dots would make objects
    of it and stars patterns. A very long code ends in its hash.
    """
    if not code:
        return "%"
    name = _UNSAFE.sub(_to_percent, code)
    if len(name) <= _FIELD_MAX_CHARS:
        return name
    digest = hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{name[:_FIELD_HEAD_CHARS]}%{digest[:16]}"


def to_alias(prefix: str, locale: str) -> str:
    """
    Return the alias of a locale: quindex-fr_fr.

    Raises:
        Refused: no index can be named after this locale.
    """
    lowered = locale.lower()
    if _LOCALE.fullmatch(lowered) is None:
        raise Refused(
            f"No index can be named after the locale {locale!r}. "
            "QUINDEX_LOCALES takes codes such as fr_FR, separated by commas."
        )
    return f"{prefix}-{lowered}"


def to_index(alias: str, number: int) -> str:
    """Return the name of an alias's index: quindex-fr_fr-000001."""
    return f"{alias}-{number:06}"


def to_control_index(prefix: str) -> str:
    """Return the index of the small facts that must outlive both stores."""
    return f"control-{prefix}"


def _to_percent(found: re.Match[str]) -> str:
    raw = found.group().encode("utf-8", "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in raw)

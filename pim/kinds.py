"""The kinds of resources, and the one place that maps Quable's names to them."""

from enum import StrEnum


class Kind(StrEnum):
    """A kind of resource that is fetched and indexed."""

    DOCUMENT = "document"
    VARIANT = "variant"
    ASSET = "asset"
    CLASSIFICATION = "classification"


_KIND_BY_TYPE = {
    "document": Kind.DOCUMENT,
    "variant": Kind.VARIANT,
    "sku": Kind.VARIANT,
    "asset": Kind.ASSET,
    "media": Kind.ASSET,
    "classification": Kind.CLASSIFICATION,
}

COLLECTIONS = {
    Kind.DOCUMENT: "documents",
    Kind.VARIANT: "variants",
    Kind.ASSET: "assets",
    Kind.CLASSIFICATION: "classifications",
}
"""The path segment of each kind in the REST API v5, below /api/."""


def to_kind(type_name: str) -> Kind | None:
    """
    Return the kind that one of Quable's type names stands for, or None if we keep none for it.

    Takes the names of events (`media`), of `resource.type` (`asset`), and labels in any case.
    """
    return _KIND_BY_TYPE.get(type_name.strip().lower())


def to_key(kind: Kind, code: str) -> str:
    """Return the key of a resource: kind:code."""
    return f"{kind.value}:{code}"


def parse_key(key: str) -> tuple[Kind, str]:
    """
    Split a key into kind and code; the code may hold colons.

    Raises:
        ValueError: no colon, or a kind that does not exist.
    """
    kind, colon, code = key.partition(":")
    if not colon or not code:
        raise ValueError(f"not a resource key: {key!r}")
    return Kind(kind), code

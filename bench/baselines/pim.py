"""
What both baselines know of the PIM, and how they show a resource.

Runs in the environment of quindex and in that of Quix Streams, so it imports nothing of quindex.
"""

import os
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote

TOPIC = f"{os.environ['QUINDEX_TOPIC_PREFIX']}.direct"
RESOURCES_TOPIC = f"{os.environ['QUINDEX_TOPIC_PREFIX']}.resources"
PREFIX = os.environ["QUINDEX_INDEX_PREFIX"]
KAFKA = os.environ["QUINDEX_KAFKA"]
ELASTICSEARCH = os.environ["QUINDEX_ELASTICSEARCH"]
LOCALES = os.environ["QUINDEX_LOCALES"].split(",")
FALLBACKS = dict(
    pair.split(":") for pair in os.environ.get("QUINDEX_LOCALE_FALLBACKS", "").split(",") if pair
)
PAGE = 100
TIMEOUT_S = 30.0
PAUSE_MAX_S = 10.0
_CODE_MAX_BYTES = 480


def to_path(code: str) -> str:
    """Return where a document lies."""
    return f"/api/documents/{quote(code, safe='')}"


def to_page(number: int) -> dict[str, Any]:
    """Return the query of a page of documents."""
    return {"page": number, "limit": PAGE, "order[id]": "asc"}


def to_members(answer: Any) -> list[dict[str, Any]]:
    """Return what a page holds."""
    return list(answer.get("hydra:member", answer.get("member", [])))


def to_headers() -> dict[str, str]:
    """Return the headers of each request."""
    return {"Authorization": f"Bearer {os.environ['QUINDEX_PIM_TOKEN']}"}


def to_pause_s(tries: int, retry_after: str | None = None) -> float:
    """Return how long to wait: what the PIM asks for, else longer each time."""
    return float(retry_after) if retry_after else min(PAUSE_MAX_S, 0.2 * 2**tries)


def to_index(locale: str) -> str:
    """Return the index of a locale."""
    return f"{PREFIX}-{locale.lower()}"


def to_id(code: str) -> str:
    """Return the id of a search document: Elasticsearch takes at most 512 bytes."""
    name = code if len(code.encode()) <= _CODE_MAX_BYTES else sha256(code.encode()).hexdigest()
    return f"document:{name}"


def to_chain(locale: str) -> Iterator[str]:
    """Yield a locale and its fallbacks."""
    yield locale
    while locale in FALLBACKS:
        locale = FALLBACKS[locale]
        yield locale


def to_document(code: str, resource: dict[str, Any], locale: str) -> dict[str, Any]:
    """Return a resource as it is searched in a locale."""
    attributes = {
        name: shown
        for name, value in resource["attributes"].items()
        if (shown := _to_shown(value, locale)) is not None
    }
    return {
        "code": code,
        "locale": locale,
        "revision": resource["attributes"].get("sim_revision"),
        "attributes": attributes,
    }


def _to_shown(value: Any, locale: str) -> Any:
    if isinstance(value, dict):
        found = (value.get(each) for each in to_chain(locale))
        value = next((each for each in found if each is not None), None)
    return value if value is None or isinstance(value, int | float | bool) else str(value)

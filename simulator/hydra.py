"""The envelope of ld+json: collections, pages, errors, in the style of API Platform."""

from collections.abc import Sequence
from math import ceil
from urllib.parse import quote, urlencode

Json = dict[str, object]

Parameters = Sequence[tuple[str, str]]
"""A query string, decoded, in its order."""


def to_iri(collection: str, id_: str) -> str:
    """Return the path of an item, such as `/api/documents/short-skirt`."""
    return f"/api/{collection}/{quote(id_, safe='=;')}"


def to_collection(
    path: str,
    type_: str,
    members: Sequence[Json],
    *,
    parameters: Parameters,
    page: int,
    limit: int,
    total: int,
) -> Json:
    """Return one page of a collection; `hydra:next` is missing on the last one."""
    last = max(1, ceil(total / limit))

    def to_page(number: int) -> str:
        kept = [(name, value) for name, value in parameters if name != "page"]
        return f"{path}?{urlencode([*kept, ('page', str(number))])}"

    view: Json = {
        "@id": to_page(page),
        "@type": "hydra:PartialCollectionView",
        "hydra:first": to_page(1),
        "hydra:last": to_page(last),
    }
    if page > 1:
        view["hydra:previous"] = to_page(page - 1)
    if page < last:
        view["hydra:next"] = to_page(page + 1)
    return {
        "@context": f"/api/contexts/{type_}",
        "@id": path,
        "@type": "hydra:Collection",
        "hydra:member": list(members),
        "hydra:totalItems": total,
        "hydra:view": view,
    }


def to_error(description: str) -> Json:
    """Return the body of an error."""
    return {
        "@context": "/api/contexts/Error",
        "@type": "hydra:Error",
        "hydra:title": "An error occurred",
        "hydra:description": description,
    }

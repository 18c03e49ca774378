"""What a resource is connected with, as small objects that a search can filter by."""

from collections.abc import Mapping
from typing import Any

from pim.kinds import Kind
from sinks.markup import to_clean

PARENT = "parent"
"""The link type of a variant to its document and of a classification to the one above it."""


def to_code(raw: Any) -> str | None:
    """Return the code that an object carries as `code` or `id`, or that a bare text is."""
    if isinstance(raw, dict):
        raw = next((raw[name] for name in ("code", "id") if raw.get(name)), None)
    if isinstance(raw, bool) or not isinstance(raw, str | int):
        return None
    return to_clean(str(raw)) or None


def to_codes(raw: Any) -> list[str]:
    """Return the codes of a list of resources, sorted: their order means nothing."""
    codes = (to_code(each) for each in (raw if isinstance(raw, list) else ()))
    return sorted({code for code in codes if code is not None})


def to_links(kind: Kind, code: str, resource: Mapping[str, Any]) -> list[dict[str, str]]:
    """
    Return {type, direction, code, key} of each link, in the PIM's order.

    *code* is the other end's; *key* is type:code, since a search cannot tell which of a document's
    types belongs to which of its codes.
    """
    links = []
    for each in _to_objects(resource.get("documentLinks")):
        type_, origin, target = (to_code(each.get(n)) for n in ("linkType", "origin", "target"))
        own = to_clean(code)
        incoming = target == own and origin is not None and (origin != own or kind is Kind.ASSET)
        other = origin if incoming else target or to_code(each.get("document")) or origin
        if other is not None:
            links.append(_to_link(type_ or "", "in" if incoming else "out", other))
    parent = resource.get("document") if kind is Kind.VARIANT else resource.get("parent")
    if (parent_code := to_code(parent)) is not None:
        links.append(_to_link(PARENT, "out", parent_code))
    return links


def to_assets(raw: Any) -> list[dict[str, str]]:
    """Return {type, code, key} of each linked asset, in the PIM's order."""
    assets = []
    for each in _to_objects(raw):
        code = (
            to_code(each.get("target")) or to_code(each.get("asset")) or to_code(each.get("media"))
        )
        type_ = to_code(each.get("linkType")) or ""
        if code is not None:
            assets.append({"type": type_, "code": code, "key": f"{type_}:{code}"})
    return assets


def _to_link(type_: str, direction: str, code: str) -> dict[str, str]:
    return {"type": type_, "direction": direction, "code": code, "key": f"{type_}:{code}"}


def _to_objects(raw: Any) -> list[Mapping[str, Any]]:
    return [each for each in (raw if isinstance(raw, list) else ()) if isinstance(each, dict)]

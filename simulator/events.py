"""
What Quable announces of a change: its event, and the documented cascades with their duplicates.

An *event* is Quable's word for what happened; each becomes one notification. Deletions are asked
about before the resource is gone, since the cascade follows its links.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pim.kinds import Kind
from simulator.catalog import Catalog
from simulator.model import Link, Resource, ResourceKey

NAMES: Final = {
    Kind.DOCUMENT: "document",
    Kind.VARIANT: "variant",
    Kind.ASSET: "media",
    Kind.CLASSIFICATION: "classification",
}
"""How event codes and `resource.type` name each kind."""

LINK: Final = "link"
VALUE: Final = "value"
PROCESS: Final = "process"

EVENT_CODES: Final = (
    *(f"{name}.{action}" for name in NAMES.values() for action in ("create", "update", "delete")),
    *(f"{name}.{action}" for name in (LINK, VALUE) for action in ("create", "update", "delete")),
    "bulk_edit.finish",
    "import.finish",
    "export.finish",
)

Items = tuple[tuple[str, str], ...]
"""What of a resource was updated: (`field`, `color`), (`media`, `IMG_001`)."""


@dataclass(frozen=True, slots=True)
class Locales:
    """The locales that were edited, and those that show it by inheritance."""

    updated: tuple[str, ...]
    inherited: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to one resource; *cascaded* if only because of another event."""

    code: str
    type: str
    resource: str
    locales: Locales | None = None
    document_type: str | None = None
    items: Items = ()
    cascaded: bool = False


def on_create(resource: Resource, locales: Locales) -> list[Event]:
    """Return the event of a creation; Quable documents no cascade for any."""
    name = NAMES[resource.kind]
    return [Event(f"{name}.create", name, resource.code, locales, resource.document_type)]


def on_update(catalog: Catalog, key: ResourceKey, locales: Locales, items: Items) -> list[Event]:
    """Return the events of an edit."""
    kind, code = key
    own = _event(catalog, key, "update", locales, items)
    return [own, *_updates(catalog, _dependants(catalog, key), locales, ((_item(kind), code),))]


def on_delete(
    catalog: Catalog, key: ResourceKey, locales: Locales, *, variants_announced: bool = True
) -> list[Event]:
    """Return the events of a deletion that is about to happen."""
    kind, code = key
    events = [_event(catalog, key, "delete", locales)]
    if kind is Kind.DOCUMENT:
        for link in catalog.links_of(key):
            events += _cascade(on_link(catalog, link, "delete", locales, gone=key))
        linked = (each for each in catalog.linked_to(key) if each[0] is Kind.DOCUMENT)
        events += _updates(catalog, linked, locales, (("document", code),))
        if variants_announced:
            events += [
                _event(catalog, variant.key, "delete", locales, cascaded=True)
                for variant in catalog.variants_of(code)
            ]
        return events
    return [*events, *_updates(catalog, _dependants(catalog, key), locales, ((_item(kind), code),))]


def on_link(
    catalog: Catalog,
    link: Link,
    action: str,
    locales: Locales,
    *,
    gone: ResourceKey | None = None,
) -> list[Event]:
    """Return the events of a link; nothing is announced of *gone*, which is being deleted."""
    events = [Event(f"{LINK}.{action}", LINK, link.id, locales)]
    items = (("link", link.id),)
    for end in link.ends:
        if end == gone:
            continue
        if end[0] is Kind.DOCUMENT:
            events += _updates(catalog, [end], locales, items)
        else:
            # A link that is being created is not among the asset's yet.
            linked = dict.fromkeys((*_dependants(catalog, end), (Kind.DOCUMENT, link.origin)))
            if gone is not None:
                linked.pop(gone, None)
            events.append(_event(catalog, end, "update", locales, items, cascaded=True))
            events += _updates(catalog, linked, locales, (("media", end[1]),))
    return events


def on_value(catalog: Catalog, value_id: str, action: str, locales: Locales) -> list[Event]:
    """
    Return the events of a predefined value.

    Quable documents those of the documents that use it; for other kinds we assume their own.
    """
    events = [Event(f"{VALUE}.{action}", VALUE, value_id, locales)]
    if action != "create":
        for user in catalog.users_of(value_id):
            events += _cascade(on_update(catalog, user, locales, ((VALUE, value_id),)))
    return events


def on_finish(process_type: str, process_id: str) -> Event:
    """Return the event that ends an import or a bulk edit."""
    return Event(f"{process_type}.finish", PROCESS, process_id)


def _dependants(catalog: Catalog, key: ResourceKey) -> list[ResourceKey]:
    kind, code = key
    if kind is Kind.ASSET:
        return [each for each in catalog.linked_to(key) if each[0] is Kind.DOCUMENT]
    variant = catalog.find(kind, code) if kind is Kind.VARIANT else None
    if variant is not None and variant.parent is not None:
        return [(Kind.DOCUMENT, variant.parent)]
    return []


def _updates(
    catalog: Catalog, keys: Iterable[ResourceKey], locales: Locales, items: Items
) -> list[Event]:
    return [
        _event(catalog, key, "update", locales, items, cascaded=True)
        for key in keys
        if catalog.find(*key) is not None
    ]


def _event(
    catalog: Catalog,
    key: ResourceKey,
    action: str,
    locales: Locales,
    items: Items = (),
    *,
    cascaded: bool = False,
) -> Event:
    kind, code = key
    resource = catalog.find(kind, code)
    document_type = resource.document_type if resource else None
    name = NAMES[kind]
    return Event(f"{name}.{action}", name, code, locales, document_type, items, cascaded=cascaded)


def _cascade(events: Sequence[Event]) -> list[Event]:
    return [
        Event(
            event.code,
            event.type,
            event.resource,
            event.locales,
            event.document_type,
            event.items,
            cascaded=True,
        )
        for event in events
    ]


def _item(kind: Kind) -> str:
    return "sku" if kind is Kind.VARIANT else NAMES[kind]

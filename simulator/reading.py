"""The collections of the REST API, read from an instance as it is or as it was a while ago."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pim.kinds import COLLECTIONS, Kind
from simulator.answers import show_attribute, show_link, show_value
from simulator.hydra import Json, to_iri
from simulator.instance import Instance
from simulator.listing import Collection, Row
from simulator.model import Attribute, Link, PredefinedValue, Resource
from simulator.past import Reading
from simulator.schema import ATTRIBUTES, DOCUMENT_TYPES, LINK_TYPES
from simulator.seeding import EPOCH_S

Item = TypeVar("Item")

_KINDS = {path: kind for kind, path in COLLECTIONS.items()}


def find_collection(instance: Instance, path: str, *, lag_s: float = 0.0) -> Collection | None:
    """
    Return the collection at a path below `/api/`, or None if there is none.

    With *lag_s*, resources are as they were so many seconds ago, as far as the instance remembers.
    """
    catalog = instance.catalog
    if path in _KINDS:
        kind = _KINDS[path]
        changed = instance.past.changed_since(kind, instance.clock() - lag_s) if lag_s > 0 else {}
        return _resources(instance, kind, changed)
    others = {
        "links": _links(catalog.links),
        "predefined-values": _table("PredefinedValue", catalog.values, _value_row),
        "attributes": _table("Attribute", ATTRIBUTES, _attribute_row),
        "locales": _named("Locale", path, catalog.tree.locales),
        "document-types": _named("DocumentType", path, DOCUMENT_TYPES),
        "link-types": _named("LinkType", path, LINK_TYPES),
    }
    return others.get(path)


def _resources(instance: Instance, kind: Kind, changed: Mapping[str, Reading | None]) -> Collection:
    catalog = instance.catalog

    def ids() -> Sequence[str]:
        if not changed:
            return catalog.codes(kind)
        unchanged = set(catalog.codes(kind)) - changed.keys()
        return sorted(unchanged | {code for code, reading in changed.items() if reading})

    def find(code: str) -> Row | None:
        if code in changed:
            before = changed[code]
            return _resource_row(before.resource, lambda: before.answer) if before else None
        resource = catalog.find(kind, code)
        return _resource_row(resource, lambda: instance.show(resource)) if resource else None

    return Collection(kind.value.capitalize(), ids, find)


def _resource_row(resource: Resource, show: Callable[[], Json]) -> Row:
    def facets() -> Mapping[str, Sequence[str | None]]:
        match resource.kind:
            case Kind.DOCUMENT:
                own = {"documentType.id": [resource.document_type]}
            case Kind.VARIANT:
                own = {"document.id": [resource.parent]}
            case Kind.ASSET:
                own = {}
            case Kind.CLASSIFICATION:
                own = {"parent.id": [resource.parent], "catalogs.id": ["PIM"]}
        return {**own, "classifications.id": resource.classifications}

    return Row(resource.created_s, resource.modified_s, show, facets)


def _table(type_: str, items: Mapping[str, Item], to_row: Callable[[Item], Row]) -> Collection:
    def find(id_: str) -> Row | None:
        item = items.get(id_)
        return None if item is None else to_row(item)

    return Collection(type_, lambda: sorted(items), find)


def _links(links: Mapping[str, Link]) -> Collection:
    # In the order in which they were made, which is that of the lists inside resources.
    table = _table("Link", links, _link_row)
    return Collection(table.type, lambda: sorted(links, key=int), table.find)


def _named(type_: str, path: str, ids: Sequence[str]) -> Collection:
    def to_row(id_: str) -> Row:
        shown: Json = {"@id": to_iri(path, id_), "@type": type_, "id": id_}
        return Row(EPOCH_S, EPOCH_S, lambda: shown)

    return _table(type_, {id_: id_ for id_ in ids}, to_row)


def _link_row(link: Link) -> Row:
    facets = {
        "origin.id": [link.origin],
        "target.id": [link.target],
        "linkType.id": [link.link_type],
    }
    return Row(link.created_s, link.created_s, lambda: show_link(link), lambda: facets)


def _value_row(value: PredefinedValue) -> Row:
    facets = {"attribute.id": [value.attribute]}
    return Row(value.created_s, value.modified_s, lambda: show_value(value), lambda: facets)


def _attribute_row(attribute: Attribute) -> Row:
    return Row(EPOCH_S, EPOCH_S, lambda: show_attribute(attribute))

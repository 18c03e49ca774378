"""
What people, imports and bulk edits do to an instance.

Each function makes one change, publishes its notifications and returns what it did. They raise
NotThere for what does not exist and EditRejected for what cannot be.
"""

from collections.abc import Mapping

from pim.kinds import Kind
from simulator import events
from simulator.edits import EditRejected, automatic_edit, is_shared, set_values
from simulator.instance import PERSON, Author, Change, Instance, NotThere
from simulator.model import Link, PredefinedValue, ResourceKey
from simulator.notifications import Process
from simulator.schema import LINK_TYPES


def edit(
    instance: Instance,
    key: ResourceKey,
    attributes: Mapping[str, object] | None = None,
    *,
    locale: str | None = None,
    author: Author = PERSON,
) -> Change:
    """Set attributes of a resource in a locale; without attributes, edit its name."""
    resource, locale = instance.resource(key), _locale(instance, locale)
    tree = instance.catalog.tree
    if attributes is None:
        chain = (*tree.chain(locale), *tree.locales)
        attributes = automatic_edit(resource, locale, in_locales=chain)
    changed, codes = attributes, tuple(attributes)

    def act() -> None:
        set_values(instance.catalog, resource, locale, changed)
        resource.revision += 1

    locales = instance.locales(locale, shared=is_shared(resource, codes))
    items = tuple(("field", code) for code in codes)
    happened = events.on_update(instance.catalog, key, locales, items)
    return instance.apply(happened, act, author=author, attributes=attributes)


def create(
    instance: Instance,
    key: ResourceKey,
    attributes: Mapping[str, object] | None = None,
    *,
    parent: str | None = None,
    locale: str | None = None,
    author: Author = PERSON,
) -> Change:
    """Create a resource with drawn contents; *parent* is a variant's document."""
    kind, code = key
    locale = _locale(instance, locale)
    if instance.catalog.find(kind, code) is not None:
        raise EditRejected(f"the {kind} {code!r} exists")
    if kind is Kind.VARIANT:
        parent = parent or instance.any_code(Kind.DOCUMENT)
        instance.resource((Kind.DOCUMENT, parent))
    elif kind is Kind.CLASSIFICATION and parent is not None:
        instance.resource((Kind.CLASSIFICATION, parent))
    resource = instance.draw.any(kind, code, parent)
    set_values(instance.catalog, resource, locale, attributes or {})
    before = instance.deleted.pop(key, None)
    if before is not None:
        resource.revision = before.revision + 1  # it only grows, also across a deletion
    return instance.apply(
        events.on_create(resource, instance.locales(locale, shared=True)),
        lambda: instance.catalog.add(resource),
        author=author,
        attributes=attributes,
    )


def recreate(
    instance: Instance,
    key: ResourceKey,
    *,
    locale: str | None = None,
    author: Author = PERSON,
) -> Change:
    """Create a deleted resource again with the values it had; not its links nor its variants."""
    resource = instance.deleted.get(key)
    if resource is None:
        raise NotThere(f"no {key[0]} {key[1]!r} was deleted")
    if resource.kind is Kind.VARIANT and resource.parent is not None:
        instance.resource((Kind.DOCUMENT, resource.parent))
    del instance.deleted[key]

    def act() -> None:
        resource.revision += 1
        resource.created_s = instance.clock()
        known = instance.catalog.resources[Kind.CLASSIFICATION]
        resource.classifications = [code for code in resource.classifications if code in known]
        instance.catalog.add(resource)

    locales = instance.locales(_locale(instance, locale), shared=True)
    happened = events.on_create(resource, locales)
    return instance.apply(happened, act, author=author)


def delete(
    instance: Instance,
    key: ResourceKey,
    *,
    locale: str | None = None,
    author: Author = PERSON,
) -> Change:
    """Delete a resource with its links; a document's variants go with it."""
    kind, code = key
    catalog, resource = instance.catalog, instance.resource(key)
    if kind is Kind.CLASSIFICATION:
        below = (each.code for each in catalog.resources[kind].values() if each.parent == code)
        if any(below):
            raise EditRejected(f"the classification {code!r} has others below it")
    happened = events.on_delete(
        catalog,
        key,
        instance.locales(_locale(instance, locale), shared=True),
        variants_announced=instance.behaviour.variants_announced,
    )

    def act() -> None:
        for link in catalog.links_of(key):
            catalog.remove_link(link.id)
        variants = catalog.variants_of(code) if kind is Kind.DOCUMENT else []
        for each in (resource, *variants):
            catalog.remove(*each.key)
            instance.deleted[each.key] = each
        if kind is Kind.CLASSIFICATION:
            for each in catalog.all_resources():
                if code in each.classifications:
                    each.classifications.remove(code)

    return instance.apply(happened, act, author=author)


def link(
    instance: Instance,
    origin: str,
    target: ResourceKey,
    link_type: str,
    *,
    author: Author = PERSON,
) -> Change:
    """Link a document to a document or an asset."""
    instance.resource((Kind.DOCUMENT, origin))
    instance.resource(target)
    kind, code = target
    if kind not in {Kind.DOCUMENT, Kind.ASSET} or link_type not in LINK_TYPES:
        raise EditRejected(f"links lead to documents and assets; their types are {LINK_TYPES}")
    catalog = instance.catalog
    added = Link(
        id=catalog.next_link_id(),
        link_type=link_type,
        origin=origin,
        target=code,
        target_kind=kind,
        sequence=len(catalog.links_of((Kind.DOCUMENT, origin))) + 1,
        created_s=instance.clock(),
    )
    happened = events.on_link(
        catalog, added, "create", instance.locales(instance.locale, shared=True)
    )
    return instance.apply(happened, lambda: catalog.add_link(added), author=author)


def unlink(instance: Instance, link_id: str, *, author: Author = PERSON) -> Change:
    """Delete a link."""
    catalog = instance.catalog
    removed = catalog.links.get(link_id)
    if removed is None:
        raise NotThere(f"no such link: {link_id!r}")
    locales = instance.locales(instance.locale, shared=True)
    happened = events.on_link(catalog, removed, "delete", locales)

    def act() -> None:
        catalog.remove_link(link_id)

    return instance.apply(happened, act, author=author)


def relabel(
    instance: Instance,
    value_id: str,
    label: str | None = None,
    *,
    locale: str | None = None,
    author: Author = PERSON,
) -> Change:
    """Change the label of a predefined value in a locale; without a label, to an automatic one."""
    value, locale = _value(instance, value_id), _locale(instance, locale)
    text = label if label is not None else f"{value.code} {value.revision + 1}"

    def act() -> None:
        value.labels[locale] = text
        value.revision += 1
        value.modified_s = instance.clock()

    locales = instance.locales(locale, shared=False)
    happened = events.on_value(instance.catalog, value_id, "update", locales)
    return instance.apply(happened, act, author=author, attributes={"name": text})


def delete_value(instance: Instance, value_id: str, *, author: Author = PERSON) -> Change:
    """Delete a predefined value; what used it has it no more."""
    _value(instance, value_id)
    locales = instance.locales(instance.locale, shared=True)
    happened = events.on_value(instance.catalog, value_id, "delete", locales)

    def act() -> None:
        instance.catalog.remove_value(value_id)

    return instance.apply(happened, act, author=author)


def finish(instance: Instance, process: Process, *, author: Author = PERSON) -> Change:
    """Announce the end of an import or a bulk edit."""
    assert process.type is not None
    assert process.id is not None
    event = events.on_finish(process.type, process.id)
    return instance.apply([event], lambda: None, author=author)


def _value(instance: Instance, value_id: str) -> PredefinedValue:
    value = instance.catalog.values.get(value_id)
    if value is None:
        raise NotThere(f"no such predefined value: {value_id!r}")
    return value


def _locale(instance: Instance, locale: str | None) -> str:
    if locale is not None and locale not in instance.catalog.tree.locales:
        raise EditRejected(f"no such locale: {locale!r}; known: {instance.catalog.tree.locales}")
    return locale or instance.locale

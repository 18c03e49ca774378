"""Resources, links, values and attributes as the REST API v5 shows them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from zlib import crc32

from pim.kinds import COLLECTIONS, Kind
from simulator.behaviour import InheritanceMode
from simulator.catalog import Catalog
from simulator.hydra import Json, to_iri
from simulator.locales import Inheritance
from simulator.model import REVISION, Attribute, Link, PredefinedValue, Resource, Value
from simulator.schema import ATTRIBUTES, LINK_MAIN_ASSET

_CDN = "https://cdn.quable.com/simulator"
_TYPES = {
    Kind.DOCUMENT: "Document",
    Kind.VARIANT: "Variant",
    Kind.ASSET: "AssetOutput",
    Kind.CLASSIFICATION: "Classification",
}


def to_date(seconds: float) -> str:
    """Return for example `2021-10-06T14:33:46+00:00`; Quable's dates have no fractions."""
    return datetime.fromtimestamp(int(seconds), UTC).isoformat()


def to_inheritance(mode: InheritanceMode, code: str) -> Inheritance:
    """Return how this resource shows inherited values; by its code, where modes are mixed."""
    if mode is InheritanceMode.MIXED:
        return list(Inheritance)[crc32(code.encode()) % len(Inheritance)]
    return Inheritance(mode.value)


def show_resource(
    catalog: Catalog,
    resource: Resource,
    *,
    mode: InheritanceMode = InheritanceMode.MIXED,
    subresources_max: int | None = None,
) -> Json:
    """
    Return a resource as a single GET would answer it.

    *subresources_max* cuts the lists of links and variants, as Quable does at 100.
    """
    answer: Json = {
        "@context": _context(resource.kind),
        "@id": to_iri(COLLECTIONS[resource.kind], resource.code),
        "@type": _TYPES[resource.kind],
        "id": resource.code,
        "legacyId": resource.legacy_id,
        "isActive": resource.active,
    }
    inheritance = to_inheritance(mode, resource.code)
    answer["attributes"] = _show_attributes(catalog, resource, inheritance)
    if resource.kind in {Kind.ASSET, Kind.CLASSIFICATION}:
        answer["name"] = catalog.tree.show(resource.name, inheritance)
    match resource.kind:
        case Kind.DOCUMENT:
            answer |= _show_document(catalog, resource, subresources_max)
        case Kind.VARIANT:
            answer |= {"document": {"id": resource.parent}, "assetLinks": []}
        case Kind.ASSET:
            answer |= _show_asset(catalog, resource, subresources_max)
        case Kind.CLASSIFICATION:
            answer |= {"parent": _reference(resource.parent), "catalogs": [{"id": "PIM"}]}
    answer["dateCreated"] = to_date(resource.created_s)
    answer["dateModified"] = to_date(resource.modified_s)
    return answer


def show_link(link: Link) -> Json:
    """Return a link."""
    return {
        "@id": to_iri("links", link.id),
        "@type": "Link",
        "id": link.id,
        "linkType": {"id": link.link_type},
        "origin": {"id": link.origin},
        "target": {"id": link.target},
        "sequence": link.sequence,
        "dateCreated": to_date(link.created_s),
        "dateModified": to_date(link.created_s),
    }


def show_value(value: PredefinedValue) -> Json:
    """Return a predefined value; its label is in `name`."""
    return {
        "@id": to_iri("predefined-values", value.id),
        "@type": "PredefinedValue",
        "attribute": {"id": value.attribute},
        "name": dict(value.labels),
        "dateCreated": to_date(value.created_s),
        "dateModified": to_date(value.modified_s),
        "id": value.id,
    }


def show_attribute(attribute: Attribute) -> Json:
    """Return the definition of an attribute."""
    owner = attribute.owners[0] if len(attribute.owners) == 1 else None
    document_type = owner if owner not in set(Kind) else None
    return {
        "@id": to_iri("attributes", attribute.code),
        "@type": "Attribute",
        "id": attribute.code,
        "type": attribute.type.value,
        "isTranslatable": attribute.translatable,
        "documentTypeCode": document_type,
        "documentType": _reference(document_type),
        "predefinedValuesOf": _reference(attribute.choices_of),
    }


def _show_document(catalog: Catalog, resource: Resource, maximum: int | None) -> Json:
    links = catalog.links_of(resource.key)
    to_assets = [link for link in links if link.target_kind is Kind.ASSET]
    to_documents = [link for link in links if link.target_kind is Kind.DOCUMENT]
    main = next((link.target for link in to_assets if link.link_type == LINK_MAIN_ASSET), None)
    return {
        "documentType": {"id": resource.document_type},
        "attributeSet": _reference(resource.attribute_set),
        "classifications": [{"id": code} for code in resource.classifications],
        "documentLinks": [_show_embedded(link) for link in to_documents[:maximum]],
        "assetLinks": [_show_embedded(link) for link in to_assets[:maximum]],
        "variants": [{"id": each.code} for each in catalog.variants_of(resource.code)[:maximum]],
        "mainAssetThumbnailUrl": None if main is None else _cdn(main, "600x600"),
    }


def _show_asset(catalog: Catalog, resource: Resource, maximum: int | None) -> Json:
    links = catalog.links_of(resource.key)
    code = resource.code
    return {
        "metadata": {"width": 1200, "height": 1600, "format": "image/png"},
        "url": _cdn(code, "original"),
        "originalFilename": f"{code}.png",
        "thumbnailUrl": _cdn(code, "600x600"),
        "previewUrl": _cdn(code, "600x600"),
        "classifications": [{"id": each} for each in resource.classifications],
        "documentLinks": [_show_embedded(link) for link in links[:maximum]],
        "variantLinks": [],
        "thumbnails": {"600x600": _cdn(code, "600x600")},
    }


def _show_embedded(link: Link) -> Json:
    return {
        "id": link.id,
        "linkType": {"id": link.link_type},
        "origin": {"id": link.origin},
        "target": {"id": link.target},
        "sequence": link.sequence,
    }


def _show_attributes(catalog: Catalog, resource: Resource, inheritance: Inheritance) -> Json:
    shown: Json = {}
    for code, own in resource.values.items():
        value = _show_own(catalog, ATTRIBUTES[code], own, inheritance)
        if value is not None:
            shown[code] = value
    shown[REVISION] = resource.revision
    return shown


def _show_own(
    catalog: Catalog, attribute: Attribute, own: Value, inheritance: Inheritance
) -> object:
    if isinstance(own, dict):
        return catalog.tree.show(own, inheritance) or None
    if isinstance(own, list):
        choices = _show_choices(catalog, own)
        if attribute.bare:
            return choices[0] if choices else None
        return choices
    return own


def _show_choices(catalog: Catalog, ids: Sequence[str]) -> list[Json]:
    return [
        {"id": value_id, "labels": dict(catalog.values[value_id].labels)}
        for value_id in ids
        if value_id in catalog.values
    ]


def _context(kind: Kind) -> object:
    if kind is not Kind.ASSET:
        return f"/api/contexts/{_TYPES[kind]}"
    fields = ("name", "isActive", "attributes", "url", "classifications", "documentLinks")
    return {
        "@vocab": "/api/docs.jsonld#",
        "hydra": "http://www.w3.org/ns/hydra/core#",
        **{field: f"AssetOutput/{field}" for field in fields},
    }


def _reference(code: str | None) -> Json | None:
    return None if code is None else {"id": code}


def _cdn(code: str, size: str) -> str:
    return f"{_CDN}/{crc32(code.encode()):08x}-front/{size}/image.png"

"""Bodies of webhook calls: Quable's own example, and the shapes that follow from it."""

from typing import Any, Final

EXAMPLE: Final = b"""{
  "uuid": "ce6c64a3-4f27-4b0e-862c-ee780eae06d1",
  "code": "document.update",
  "links": [
    {
      "rel": "self",
      "href": "/events/ce6c64a3-4f27-4b0e-862c-ee780eae06d1"
    }
  ],
  "created_at": "2020-06-18T11:48:17+00:00",
  "created_by": "john_doe",
  "resource": {
    "code": "product_blue_pant",
    "type": "document",
    "document_type_code": "product",
    "links": [
      {
        "rel": "self",
        "href": "https://{{instance}}.quable.com/api/documents/product_blue_pant"
      }
    ],
    "locales": {
      "updated": [
        "fr_FR"
      ],
      "inherited": [
        "en_GB",
        "fr_FR"
      ]
    },
    "updated_items": [
      {
        "type": "field",
        "code": "color"
      },
      {
        "type": "field",
        "code": "name"
      }
    ]
  },
    "process": {
        "type": "bulk_edit",
        "id": "20aaabe5-5dcb-4cbb-80e8-ba75c30bbce0",
        "correlationId": "A4548C0354f48954x-565654qsds9chg564jhg78"
  }
}"""
"""Verbatim, indentation and all."""


def to_body(event: str, *, locales: object = None) -> dict[str, Any]:
    """Return a plain notification of an event."""
    resource: dict[str, Any] = {"code": "short-skirt", "type": event.partition(".")[0]}
    if locales is not None:
        resource["locales"] = locales
    return {
        "uuid": "00000000-0000-4000-8000-000000000000",
        "code": event,
        "links": [{"rel": "self", "href": "/events/00000000-0000-4000-8000-000000000000"}],
        "created_at": "2028-01-01T00:00:00+00:00",
        "created_by": "john_doe",
        "resource": resource,
        "process": {"correlationId": "A4548C03"},
    }


def _to_shape(event: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {**to_body(event), "resource": resource}


def _to_links(path: str) -> list[dict[str, str]]:
    return [{"rel": "self", "href": f"https://acme.quable.com/api/{path}"}]


SHAPES: Final = {
    "variant": _to_shape(
        "variant.update",
        {
            "code": "blue_pant_M",
            "type": "variant",
            "links": _to_links("variants/blue_pant_M"),
            "locales": {"updated": ["fr_FR"], "inherited": ["fr_FR", "fr_BE"]},
            "updated_items": [{"type": "field", "code": "ean13"}],
        },
    ),
    "media": _to_shape(
        "media.delete",
        {
            "code": "IMG_001",
            "type": "media",
            "links": _to_links("assets/IMG_001"),
            "locales": {"updated": ["fr_FR"], "inherited": ["fr_FR"]},
        },
    ),
    "value": _to_shape(
        "value.update",
        {
            "code": "attribute=color;code=red",
            "type": "value",
            "links": _to_links("predefined-values/attribute=color;code=red"),
            "locales": {"updated": ["en_US"], "inherited": ["en_US"]},
        },
    ),
    "link": _to_shape(
        "link.create",
        {
            "code": "12345",
            "type": "link",
            "links": _to_links("links/12345"),
            "locales": {"updated": ["fr_FR"], "inherited": ["fr_FR"]},
        },
    ),
    "process": {
        **_to_shape(
            "import.finish", {"code": "c57b7057-56a2-4710-8c48-e45fa4aa4d9a", "type": "process"}
        ),
        "process": {
            "type": "import",
            "id": "c57b7057-56a2-4710-8c48-e45fa4aa4d9a",
            "correlationId": "A4548C03",
        },
    },
}
"""What other types than documents are taken to look like; Quable publishes none of them."""

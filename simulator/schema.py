"""The attributes of the simulated instance, after Quable's cookbook and its example notification."""

from typing import Final

from pim.kinds import Kind
from simulator.model import REVISION, Attribute, AttributeType
from simulator.vocabulary import COLOURS, MATERIALS, SEASONS, SIZES, WASHINGS, Word
from simulator.wording import to_colour, to_word

PRODUCT: Final = "product"
REFERENCE: Final = "reference"
COLOR: Final = "color"
DOCUMENT_TYPES: Final = (PRODUCT, REFERENCE, COLOR)

LINK_REFERENCE_TO_COLOR: Final = "col_ref"
LINK_RELATED: Final = "related"
LINK_MAIN_ASSET: Final = "main_asset"
LINK_ASSET: Final = "asset"
LINK_TYPES: Final = (LINK_REFERENCE_TO_COLOR, LINK_RELATED, LINK_MAIN_ASSET, LINK_ASSET)

_MODELS: Final = (REFERENCE, COLOR)
_VARIANT: Final = (Kind.VARIANT.value,)
_ASSET: Final = (Kind.ASSET.value,)
_CLASSIFICATION: Final = (Kind.CLASSIFICATION.value,)
_ALL: Final = (*DOCUMENT_TYPES, *_VARIANT, *_ASSET, *_CLASSIFICATION)


def _text(code: str, *owners: str) -> Attribute:
    return Attribute(code, AttributeType.TEXT, owners, translatable=True)


def _html(code: str, *owners: str) -> Attribute:
    return Attribute(code, AttributeType.MULTILINE_TEXT, owners, translatable=True)


def _choice(code: str, *owners: str, of: str | None = None, bare: bool = False) -> Attribute:
    type_ = AttributeType.PREDEFINED_SINGLE
    return Attribute(code, type_, owners, choices_of=of or code, bare=bare)


def _choices(code: str, *owners: str) -> Attribute:
    return Attribute(code, AttributeType.PREDEFINED_MULTIPLE, owners, choices_of=code)


ATTRIBUTES: Final = {
    attribute.code: attribute
    for attribute in (
        _text("name", PRODUCT),
        _html("description", PRODUCT),
        _choice("color", PRODUCT),
        Attribute("product_ean", AttributeType.TEXT, (PRODUCT,)),
        Attribute("product_price", AttributeType.DECIMAL, (PRODUCT,)),
        Attribute("product_stock", AttributeType.INTEGER, (PRODUCT,)),
        Attribute("product_sellable", AttributeType.BOOLEAN, (PRODUCT,)),
        Attribute("product_launch_date", AttributeType.DATE, (PRODUCT,)),
        _choices("product_material", PRODUCT),
        _choice("product_season", PRODUCT, bare=True),
        _text("product_note", PRODUCT),
        _text("reference_name", REFERENCE),
        _text("color_name", COLOR),
        _html("color_long_name", COLOR),
        _choice("color_choice", COLOR, of="color"),
        _html("r_long_name", REFERENCE),
        _choice("r_season", *_MODELS),
        Attribute("r_indicative_price", AttributeType.DECIMAL, _MODELS),
        Attribute("r_sellable", AttributeType.BOOLEAN, _MODELS),
        Attribute("r_selling_start_date", AttributeType.DATE, _MODELS),
        _choices("r_washing", *_MODELS),
        _text("variant_name", *_VARIANT),
        _choice("variant_size", *_VARIANT),
        Attribute("variant_ean13", AttributeType.TEXT, _VARIANT),
        Attribute("variant_stock", AttributeType.INTEGER, _VARIANT),
        _text("asset_caption", *_ASSET),
        Attribute("date_shooting", AttributeType.DATE, _ASSET),
        Attribute("mannequin", AttributeType.TEXT, _ASSET),
        _html("classification_description", *_CLASSIFICATION),
        Attribute(REVISION, AttributeType.INTEGER, _ALL),
    )
}
"""By code, in the order in which `/api/attributes` lists them."""

NAME_ATTRIBUTES: Final = {
    PRODUCT: "name",
    REFERENCE: "reference_name",
    COLOR: "color_name",
    Kind.VARIANT.value: "variant_name",
    Kind.ASSET.value: "asset_caption",
    Kind.CLASSIFICATION.value: "classification_description",
}
"""The translatable attribute that an automatic edit changes, by owner."""

_CHOICES: Final[dict[str, tuple[Word, ...]]] = {
    "product_material": MATERIALS,
    "product_season": SEASONS,
    "r_season": SEASONS,
    "r_washing": WASHINGS,
    "variant_size": SIZES,
}


def predefined_labels(locales: tuple[str, ...]) -> dict[tuple[str, str], dict[str, str]]:
    """Return the labels by locale of every predefined value, by attribute and code."""
    labels = {
        ("color", colour.code): {locale: to_colour(colour, locale) for locale in locales}
        for colour in COLOURS
    }
    for attribute, words in _CHOICES.items():
        for word in words:
            labels[attribute, word.code] = {locale: to_word(word, locale) for locale in locales}
    return labels

"""Codes that every catalog holds: those that the documentation names, and those that break things."""

from typing import Final

BLUE_PANT: Final = "product_blue_pant"
"""The document of Quable's example notification."""

SHORT_SKIRT: Final = "short-skirt"
SHORT_SKIRT_YELLOW: Final = "short-skirt-yellow"
SHORT_SKIRT_GREEN: Final = "short-skirt-green"
"""The two-level model of Quable's cookbook."""

LOOKBOOK: Final = "lookbook-2028"
MADE_TO_MEASURE: Final = "made-to-measure"
CARE_GUIDE: Final = "care-guide.pdf"
"""A document with many links, one with many variants, an asset of many documents."""

NASTY_CODES: Final = (
    "jupe/été 2028",
    "attribute=x;code=y",
    "robe d'été n° 12",
    "50%2Foff",
    "what?now&then#top",
    "über-größe",
    "日本の着物",
    'quote"back\\slash',
    "ABC",
    "abc",
    "007",
    "code:with:colons",
    "plus+plus",
    "collection-capsule-printemps-ete-2028-jupes-longues-en-coton-biologique",
    "longer-than-512-bytes-" + "x" * 520,
)

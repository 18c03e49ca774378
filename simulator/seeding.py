"""Fills a catalog: the same seed, number of documents and locales give the same catalog."""

from dataclasses import replace
from typing import Final

from pim.kinds import Kind
from simulator.catalog import Catalog
from simulator.drawing import Drawer
from simulator.locales import LocaleTree
from simulator.model import Link, PredefinedValue, ResourceKey
from simulator.schema import (
    LINK_ASSET,
    LINK_MAIN_ASSET,
    LINK_REFERENCE_TO_COLOR,
    LINK_RELATED,
    predefined_labels,
)
from simulator.special_codes import (
    BLUE_PANT,
    CARE_GUIDE,
    LOOKBOOK,
    MADE_TO_MEASURE,
    NASTY_CODES,
    SHORT_SKIRT,
    SHORT_SKIRT_GREEN,
    SHORT_SKIRT_YELLOW,
)
from simulator.vocabulary import CLASSIFICATIONS, COLOURS, NOUNS, SHAPES, SIZES
from simulator.wording import Garment

EPOCH_S: Final = 1_695_196_800.0
"""When the first resource was created: 2023-09-20T08:00:00 UTC."""

LARGE: Final = 120
"""How many links or variants the large resources have: more than Quable puts into an answer."""

_LARGE_FROM: Final = 150  # documents; a smaller catalog has no large ones
_LARGE_DOCUMENTS: Final = 2
_MODEL_EVERY: Final = 4
_HALF: Final = 0.5
_MINUTE_S: Final = 60.0


def seed_catalog(*, seed: int, documents: int, tree: LocaleTree) -> Catalog:
    """
    Return a catalog of exactly so many documents, with what belongs to them.

    First come the documents that others rely on: `product_blue_pant`, the cookbook's
    `short-skirt` with its colours, one for each nasty code; then products, and models with their
    colours; a catalog of 150 or more ends with the large ones.
    """
    seeding = _Seeding(Catalog(tree), seed, documents)
    seeding.fill()
    return seeding.catalog


class _Seeding:
    def __init__(self, catalog: Catalog, seed: int, documents: int) -> None:
        self.catalog = catalog
        self._documents = documents
        self._now_s = EPOCH_S
        self._photos = 0
        self._draw = Drawer(catalog, seed, self._tick)

    def fill(self) -> None:
        for (attribute, code), labels in predefined_labels(self.catalog.tree.locales).items():
            self.catalog.add_value(PredefinedValue(attribute, code, labels, EPOCH_S, EPOCH_S))
        for rank, word in enumerate(CLASSIFICATIONS):
            parent = CLASSIFICATIONS[0].code if rank else None
            self.catalog.add(self._draw.classification(word, parent))
        self._add_well_known()
        self._add_many()

    def _tick(self) -> float:
        self._now_s += _MINUTE_S
        return self._now_s

    @property
    def _room(self) -> int:
        return self._documents - len(self.catalog.codes(Kind.DOCUMENT))

    def _add_well_known(self) -> None:
        if self._room > 0:
            self._add_product(BLUE_PANT, self._garment(BLUE_PANT, "trousers", "light", "blue"))
        if self._room > 0:
            skirt = self._garment(SHORT_SKIRT, "skirt", "short", "yellow")
            self.catalog.add(self._draw.reference(SHORT_SKIRT, skirt))
            self._add_color(SHORT_SKIRT, SHORT_SKIRT_YELLOW, skirt, sizes=3)
            green = self._garment(SHORT_SKIRT, "skirt", "short", "green")
            self._add_color(SHORT_SKIRT, SHORT_SKIRT_GREEN, green, sizes=2)
            # An asset with the code of a document: keys must tell them apart.
            if self.catalog.find(Kind.DOCUMENT, SHORT_SKIRT_YELLOW):
                self._add_photo(SHORT_SKIRT_YELLOW, SHORT_SKIRT_YELLOW, skirt)
        for code in NASTY_CODES:
            if self._room > 0:
                self._add_product(code, self._draw.garment(code))

    def _add_many(self) -> None:
        kept = _LARGE_DOCUMENTS if self._documents >= _LARGE_FROM else 0
        number = 0
        while self._room > kept:
            number += 1
            if number % _MODEL_EVERY == 0 and self._room > kept + _LARGE_DOCUMENTS:
                self._add_model(f"model-{number:05}")
            else:
                code = f"product-{number:05}"
                self._add_product(code, self._draw.garment(code))
        if kept:
            self._add_large()

    def _add_product(self, code: str, garment: Garment) -> None:
        self.catalog.add(self._draw.product(code, garment))
        random = self._draw.random(code, "company")
        if random.random() < _HALF:
            self._add_variants(code, garment, len(SIZES))
        if random.random() < _HALF:
            self._photos += 1
            self._add_photo(f"IMG_{self._photos:05}", code, garment)

    def _add_model(self, code: str) -> None:
        garment = self._draw.garment(code)
        self.catalog.add(self._draw.reference(code, garment))
        for colour in self._draw.random(code, "colours").sample(COLOURS, 2):
            shade = replace(garment, colour=colour)
            self._add_color(code, f"{code}-{colour.code}", shade, sizes=len(SIZES))

    def _add_color(self, reference: str, code: str, garment: Garment, *, sizes: int) -> None:
        if self._room > 0:
            self.catalog.add(self._draw.color(reference, code, garment))
            self._add_link(LINK_REFERENCE_TO_COLOR, reference, (Kind.DOCUMENT, code))
            self._add_variants(code, garment, sizes)

    def _add_variants(self, document: str, garment: Garment, count: int) -> None:
        for rank in range(count):
            size = SIZES[rank % len(SIZES)]
            code = f"{document}-{size.code}" + (f"-{rank}" if rank >= len(SIZES) else "")
            self.catalog.add(self._draw.variant(code, document, garment, size))

    def _add_photo(self, code: str, document: str, garment: Garment) -> None:
        self.catalog.add(self._draw.asset(code, garment))
        self._add_link(LINK_MAIN_ASSET, document, (Kind.ASSET, code))

    def _add_large(self) -> None:
        garment = self._garment(LOOKBOOK, "dress", "elegant", "black")
        newest = list(self.catalog.resources[Kind.DOCUMENT])[-LARGE:]
        self._add_product(LOOKBOOK, garment)
        self.catalog.add(self._draw.asset(CARE_GUIDE, garment))
        for code in newest:
            self._add_link(LINK_RELATED, LOOKBOOK, (Kind.DOCUMENT, code))
            self._add_link(LINK_ASSET, code, (Kind.ASSET, CARE_GUIDE))
        self.catalog.add(self._draw.reference(MADE_TO_MEASURE, garment))
        self._add_variants(MADE_TO_MEASURE, garment, LARGE)

    def _add_link(self, link_type: str, origin: str, target: ResourceKey) -> None:
        kind, code = target
        sequence = len(self.catalog.links_of((Kind.DOCUMENT, origin))) + 1
        link_id = self.catalog.next_link_id()
        self.catalog.add_link(Link(link_id, link_type, origin, code, kind, sequence, EPOCH_S))

    def _garment(self, code: str, noun: str, shape: str, colour: str) -> Garment:
        return replace(
            self._draw.garment(code),
            noun=next(each for each in NOUNS if each.code == noun),
            shape=next(each for each in SHAPES if each.code == shape),
            colour=next(each for each in COLOURS if each.code == colour),
        )

"""Draws whole resources with all their contents; adds them to no catalog."""

from collections.abc import Mapping
from random import Random

from pim.kinds import Kind
from runtime.clock import Clock
from simulator.catalog import Catalog
from simulator.garments import (
    draw_asset,
    draw_garment,
    draw_model,
    draw_product,
    draw_variant,
    own_texts,
    seeded,
)
from simulator.model import Resource, Value, to_value_id
from simulator.schema import COLOR, PRODUCT, REFERENCE
from simulator.vocabulary import CLASSIFICATIONS, SIZES, Word
from simulator.wording import Garment, to_description, to_name, to_word

_ACTIVE_SHARE = 0.97
_DESCRIBED_SHARE = 0.9


class Drawer:
    """What it draws depends on the seed and on the code of the resource only; *clock* dates it."""

    def __init__(self, catalog: Catalog, seed: int, clock: Clock) -> None:
        self._catalog = catalog
        self._seed = seed
        self._clock = clock

    def random(self, code: str, purpose: str) -> Random:
        """Return the source of draws for one purpose of one resource."""
        return seeded(self._seed, code, purpose)

    def garment(self, code: str) -> Garment:
        """Draw what a document is about."""
        return draw_garment(self.random(code, "garment"))

    def product(self, code: str, garment: Garment) -> Resource:
        """Draw a document of type product."""
        random = self.random(code, "values")
        values = draw_product(random, garment)
        values["name"] = self._names(random, garment)
        if random.random() < _DESCRIBED_SHARE:
            values["description"] = self._descriptions(random, garment)
        return self._document(code, PRODUCT, garment, values)

    def reference(self, code: str, garment: Garment) -> Resource:
        """Draw a document of type reference, the upper level of a model."""
        random = self.random(code, "values")
        values = draw_model(random)
        values["reference_name"] = self._names(random, garment)
        values["r_long_name"] = self._descriptions(random, garment)
        return self._document(code, REFERENCE, garment, values)

    def color(self, reference: str, code: str, garment: Garment) -> Resource:
        """Draw a document of type color, the lower level of a model."""
        random = self.random(code, "values")
        values = draw_model(self.random(reference, "values"))
        values["color_choice"] = [to_value_id("color", garment.colour.code)]
        values["color_name"] = self._names(random, garment)
        values["color_long_name"] = self._descriptions(random, garment)
        return self._document(code, COLOR, garment, values)

    def variant(self, code: str, document: str, garment: Garment, size: Word) -> Resource:
        """Draw a variant of a document."""
        random = self.random(code, "variant")

        def to_text(locale: str) -> str:
            return f"{to_name(garment, locale)}, {to_word(size, locale)}"

        values = draw_variant(random, size.code)
        values["variant_name"] = own_texts(random, self._catalog.tree, to_text)
        return self._resource(Kind.VARIANT, code, values, parent=document)

    def asset(self, code: str, garment: Garment) -> Resource:
        """Draw an asset."""
        random = self.random(code, "asset")
        values = draw_asset(random)
        values["asset_caption"] = self._names(random, garment)
        resource = self._resource(Kind.ASSET, code, values)
        resource.name = self._names(random, garment)
        resource.classifications = ["dam_photos"]
        return resource

    def classification(self, word: Word, parent: str | None) -> Resource:
        """Draw a classification."""

        def to_text(locale: str) -> str:
            return to_word(word, locale)

        resource = self._resource(Kind.CLASSIFICATION, word.code, {}, parent=parent)
        random = self.random(word.code, "classification")
        resource.name = own_texts(random, self._catalog.tree, to_text)
        return resource

    def any(self, kind: Kind, code: str, parent: str | None) -> Resource:
        """Draw a resource of any kind, for a creation."""
        garment = self.garment(code)
        match kind:
            case Kind.DOCUMENT:
                return self.product(code, garment)
            case Kind.VARIANT:
                assert parent is not None
                return self.variant(code, parent, garment, SIZES[0])
            case Kind.ASSET:
                return self.asset(code, garment)
            case Kind.CLASSIFICATION:
                word = Word(code, f"Rayon {code}", f"Department {code}", f"Abteilung {code}")
                return self.classification(word, parent or CLASSIFICATIONS[0].code)

    def _names(self, random: Random, garment: Garment) -> dict[str, str]:
        return own_texts(random, self._catalog.tree, lambda locale: to_name(garment, locale))

    def _descriptions(self, random: Random, garment: Garment) -> dict[str, str]:
        return own_texts(random, self._catalog.tree, lambda locale: to_description(garment, locale))

    def _document(
        self, code: str, document_type: str, garment: Garment, values: Mapping[str, Value]
    ) -> Resource:
        resource = self._resource(Kind.DOCUMENT, code, values)
        resource.document_type = document_type
        resource.attribute_set = garment.noun.code
        resource.classifications = [garment.noun.classification]
        resource.active = self.random(code, "active").random() < _ACTIVE_SHARE
        return resource

    def _resource(
        self, kind: Kind, code: str, values: Mapping[str, Value], *, parent: str | None = None
    ) -> Resource:
        now_s = self._clock()
        return Resource(
            kind=kind,
            code=code,
            legacy_id=self._catalog.next_legacy_id(),
            created_s=now_s,
            modified_s=now_s,
            values=dict(values),
            parent=parent,
        )

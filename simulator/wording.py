"""Names and descriptions of garments, in any of the catalog's languages."""

from dataclasses import dataclass

from simulator.vocabulary import (
    FRENCH_FORMS,
    GERMAN_ENDINGS,
    Adjective,
    Language,
    Noun,
    Word,
)


@dataclass(frozen=True, slots=True)
class Garment:
    """What a document is about; every text of it says the same in each language."""

    noun: Noun
    shape: Adjective
    colour: Adjective
    material: Word
    motif: Word
    occasion: Word


def to_language(locale: str) -> Language:
    """Return the language that a locale such as fr_BE reads; English if we speak no other."""
    prefix = locale.partition("_")[0].lower()
    return Language(prefix) if prefix in set(Language) else Language.ENGLISH


def to_word(word: Word, locale: str) -> str:
    """Return the word as a locale reads it."""
    match to_language(locale):
        case Language.FRENCH:
            return word.french
        case Language.GERMAN:
            return word.german
        case Language.ENGLISH:
            return word.english


def to_colour(colour: Adjective, locale: str) -> str:
    """Return the label of a colour: capitalised, in its masculine form."""
    match to_language(locale):
        case Language.FRENCH:
            return colour.french[0].capitalize()
        case Language.GERMAN:
            return colour.german.capitalize()
        case Language.ENGLISH:
            return colour.english.capitalize()


def to_name(garment: Garment, locale: str) -> str:
    """Return for example "Jupe longue verte en coton", "Long green cotton skirt"."""
    noun = garment.noun
    match to_language(locale):
        case Language.FRENCH:
            form = FRENCH_FORMS.index(noun.french_form)
            shape, colour = garment.shape.french[form], garment.colour.french[form]
            return f"{noun.french} {shape} {colour} en {garment.material.french}".capitalize()
        case Language.GERMAN:
            shape = _inflect(garment.shape, noun.german_form)
            colour = _inflect(garment.colour, noun.german_form)
            return f"{shape.capitalize()} {colour} {noun.german} aus {garment.material.german}"
        case Language.ENGLISH:
            words = (garment.shape, garment.colour, garment.material, noun)
            return " ".join(word.english for word in words).capitalize()


def to_description(garment: Garment, locale: str) -> str:
    """Return a description in HTML that uses the plural where the name has the singular."""
    noun, motif = garment.noun, to_word(garment.motif, locale)
    material, occasion = to_word(garment.material, locale), to_word(garment.occasion, locale)
    match to_language(locale):
        case Language.FRENCH:
            shape = garment.shape.french[2 if noun.french_form.startswith("m") else 3]
            sentence = f"Nos {noun.french_plural} {shape} en {material}, pour {occasion}."
            items = f"Motif : {motif}", "Livraison &amp; retours gratuits"
        case Language.GERMAN:
            shape = _inflect(garment.shape, "p")
            sentence = f"{shape.capitalize()} {noun.german_plural} aus {material}, für {occasion}."
            items = f"Motiv: {motif}", "Versand &amp; Rückgabe kostenlos"
        case Language.ENGLISH:
            shape, plural = garment.shape.english, noun.english_plural
            sentence = f"Our {shape} {plural} in {material}, made for {occasion}."
            items = f"Pattern: {motif}", "Free delivery &amp; returns"
    listed = "".join(f"<li>{item}</li>" for item in items)
    return f'<p class="lead">{sentence}</p>\n<ul>{listed}</ul>'


def _inflect(adjective: Adjective, form: str) -> str:
    return adjective.german + ("" if adjective.invariable else GERMAN_ENDINGS[form])

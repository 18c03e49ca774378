import pytest

from simulator.vocabulary import COLOURS, MATERIALS, MOTIFS, NOUNS, OCCASIONS, SHAPES, Language
from simulator.wording import (
    Garment,
    to_colour,
    to_description,
    to_language,
    to_name,
    to_word,
)


def garment(noun: str, shape: str = "long", colour: str = "red") -> Garment:
    return Garment(
        noun=next(each for each in NOUNS if each.code == noun),
        shape=next(each for each in SHAPES if each.code == shape),
        colour=next(each for each in COLOURS if each.code == colour),
        material=MATERIALS[0],
        motif=MOTIFS[0],
        occasion=OCCASIONS[0],
    )


@pytest.mark.parametrize(
    ("noun", "colour", "locale", "name"),
    [
        ("skirt", "green", "fr_FR", "Jupe longue verte en coton"),
        ("coat", "green", "fr_FR", "Manteau long vert en coton"),
        ("shoes", "green", "fr_BE", "Chaussures longues vertes en coton"),
        ("gloves", "white", "fr_FR", "Gants longs blancs en coton"),
        ("skirt", "red", "en_GB", "Long red cotton skirt"),
        ("skirt", "red", "de_DE", "Langer roter Rock aus Baumwolle"),
        ("dress", "green", "de_DE", "Langes grünes Kleid aus Baumwolle"),
        ("shirt", "pink", "de_DE", "Langes rosa Hemd aus Baumwolle"),
        ("boots", "black", "de_DE", "Lange schwarze Stiefel aus Baumwolle"),
    ],
)
def test_adjectives_agree_with_the_noun(noun: str, colour: str, locale: str, name: str) -> None:
    assert to_name(garment(noun, colour=colour), locale) == name


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("fr_FR", "Nos jupes longues en coton, pour les journées d'été."),
        ("en_GB", "Our long skirts in cotton, made for summer days."),
        ("de_DE", "Lange Röcke aus Baumwolle, für Sommertage."),
    ],
)
def test_a_description_has_the_plural_that_the_name_has_not(locale: str, words: str) -> None:
    description = to_description(garment("skirt"), locale)

    assert words in description
    assert description.startswith("<p")
    assert "&amp;" in description


def test_a_masculine_noun_takes_masculine_adjectives_in_descriptions() -> None:
    assert "Nos manteaux longs" in to_description(garment("coat"), "fr_FR")


def test_a_locale_of_another_language_reads_english() -> None:
    assert to_language("it_IT") is Language.ENGLISH
    assert to_name(garment("skirt"), "it_IT") == "Long red cotton skirt"


@pytest.mark.parametrize(
    ("locale", "colour", "motif"),
    [("fr_FR", "Bleu", "chevaux"), ("en_GB", "Blue", "horses"), ("de_AT", "Blau", "Pferde")],
)
def test_labels_are_in_the_language_of_the_locale(locale: str, colour: str, motif: str) -> None:
    assert to_colour(COLOURS[1], locale) == colour
    assert to_word(MOTIFS[0], locale) == motif

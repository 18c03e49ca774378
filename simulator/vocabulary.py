"""
The words of a clothing catalog, in French, English and German.

Real words with their inflected forms, so that full text has something to prove: a search for
"jupe longue" has to find "Jupes longues en coton".
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Language(StrEnum):
    """A language that the catalog can speak; any other locale reads English."""

    FRENCH = "fr"
    ENGLISH = "en"
    GERMAN = "de"


@dataclass(frozen=True, slots=True)
class Noun:
    """
    A garment; *french* and *german* carry what adjectives agree with.

    *french_form* is ms, fs, mp or fp; *german_form* is m, f, n or p.
    """

    code: str
    classification: str
    french: str
    french_plural: str
    french_form: str
    english: str
    english_plural: str
    german: str
    german_plural: str
    german_form: str


@dataclass(frozen=True, slots=True)
class Adjective:
    """*french* holds the forms ms, fs, mp, fp; *german* the stem, *invariable* if it takes no ending."""

    code: str
    french: tuple[str, str, str, str]
    english: str
    german: str
    invariable: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A word that needs no agreement, in the three languages."""

    code: str
    french: str
    english: str
    german: str


FRENCH_FORMS: Final = ("ms", "fs", "mp", "fp")
GERMAN_ENDINGS: Final = {"m": "er", "f": "e", "n": "es", "p": "e"}

# fmt: off
NOUNS: Final = (
    Noun("skirt", "classification_skirts", "jupe", "jupes", "fs", "skirt", "skirts", "Rock", "Röcke", "m"),
    Noun("dress", "classification_dresses", "robe", "robes", "fs", "dress", "dresses", "Kleid", "Kleider", "n"),
    Noun("trousers", "classification_trousers", "pantalon", "pantalons", "ms", "trousers", "trousers", "Hose", "Hosen", "f"),
    Noun("shirt", "classification_shirts", "chemise", "chemises", "fs", "shirt", "shirts", "Hemd", "Hemden", "n"),
    Noun("jumper", "classification_shirts", "pull", "pulls", "ms", "jumper", "jumpers", "Pullover", "Pullover", "m"),
    Noun("cardigan", "classification_shirts", "gilet", "gilets", "ms", "cardigan", "cardigans", "Strickjacke", "Strickjacken", "f"),
    Noun("coat", "classification_coats", "manteau", "manteaux", "ms", "coat", "coats", "Mantel", "Mäntel", "m"),
    Noun("jacket", "classification_coats", "veste", "vestes", "fs", "jacket", "jackets", "Jacke", "Jacken", "f"),
    Noun("shoes", "classification_shoes", "chaussures", "chaussures", "fp", "shoes", "shoes", "Schuhe", "Schuhe", "p"),
    Noun("boots", "classification_shoes", "bottes", "bottes", "fp", "boots", "boots", "Stiefel", "Stiefel", "p"),
    Noun("gloves", "classification_accessories", "gants", "gants", "mp", "gloves", "gloves", "Handschuhe", "Handschuhe", "p"),
    Noun("scarf", "classification_accessories", "écharpe", "écharpes", "fs", "scarf", "scarves", "Schal", "Schals", "m"),
    Noun("hat", "classification_accessories", "chapeau", "chapeaux", "ms", "hat", "hats", "Hut", "Hüte", "m"),
    Noun("belt", "classification_accessories", "ceinture", "ceintures", "fs", "belt", "belts", "Gürtel", "Gürtel", "m"),
)

SHAPES: Final = (
    Adjective("long", ("long", "longue", "longs", "longues"), "long", "lang"),
    Adjective("short", ("court", "courte", "courts", "courtes"), "short", "kurz"),
    Adjective("wide", ("large", "large", "larges", "larges"), "wide", "weit"),
    Adjective("light", ("léger", "légère", "légers", "légères"), "light", "leicht"),
    Adjective("warm", ("chaud", "chaude", "chauds", "chaudes"), "warm", "warm"),
    Adjective("soft", ("doux", "douce", "doux", "douces"), "soft", "weich"),
    Adjective("elegant", ("élégant", "élégante", "élégants", "élégantes"), "elegant", "elegant"),
    Adjective("fitted", ("ajusté", "ajustée", "ajustés", "ajustées"), "fitted", "tailliert"),
)

COLOURS: Final = (
    Adjective("red", ("rouge", "rouge", "rouges", "rouges"), "red", "rot"),  # codespell:ignore rouge
    Adjective("blue", ("bleu", "bleue", "bleus", "bleues"), "blue", "blau"),
    Adjective("green", ("vert", "verte", "verts", "vertes"), "green", "grün"),
    Adjective("yellow", ("jaune", "jaune", "jaunes", "jaunes"), "yellow", "gelb"),
    Adjective("black", ("noir", "noire", "noirs", "noires"), "black", "schwarz"),
    Adjective("white", ("blanc", "blanche", "blancs", "blanches"), "white", "weiß"),
    Adjective("grey", ("gris", "grise", "gris", "grises"), "grey", "grau"),
    Adjective("pink", ("rose", "rose", "roses", "roses"), "pink", "rosa", invariable=True),
    Adjective("purple", ("violet", "violette", "violets", "violettes"), "purple", "violett"),
    Adjective("brown", ("brun", "brune", "bruns", "brunes"), "brown", "braun"),
)

MATERIALS: Final = (
    Word("cotton", "coton", "cotton", "Baumwolle"),
    Word("wool", "laine", "wool", "Wolle"),
    Word("linen", "lin", "linen", "Leinen"),
    Word("silk", "soie", "silk", "Seide"),
    Word("leather", "cuir", "leather", "Leder"),
    Word("velvet", "velours", "velvet", "Samt"),
    Word("cashmere", "cachemire", "cashmere", "Kaschmir"),
)

MOTIFS: Final = (
    Word("horses", "chevaux", "horses", "Pferde"),
    Word("flowers", "fleurs", "flowers", "Blumen"),
    Word("birds", "oiseaux", "birds", "Vögel"),
    Word("stripes", "rayures", "stripes", "Streifen"),
    Word("jewels", "bijoux", "jewels", "Juwelen"),
    Word("stars", "étoiles", "stars", "Sterne"),
)

OCCASIONS: Final = (
    Word("summer", "les journées d'été", "summer days", "Sommertage"),
    Word("winter", "les soirées d'hiver", "winter evenings", "Winterabende"),
    Word("office", "les réunions au bureau", "office meetings", "Besprechungen im Büro"),
    Word("walks", "les promenades en forêt", "walks in the woods", "Waldspaziergänge"),
    Word("parties", "les fêtes entre amis", "parties with friends", "Feste mit Freunden"),
)

CLASSIFICATIONS: Final = (
    Word("classification_clothes", "Vêtements", "Clothes", "Kleidung"),
    Word("classification_skirts", "Jupes", "Skirts", "Röcke"),
    Word("classification_dresses", "Robes", "Dresses", "Kleider"),
    Word("classification_trousers", "Pantalons", "Trousers", "Hosen"),
    Word("classification_shirts", "Hauts", "Tops", "Oberteile"),
    Word("classification_coats", "Manteaux et vestes", "Coats and jackets", "Mäntel und Jacken"),
    Word("classification_shoes", "Chaussures", "Shoes", "Schuhe"),
    Word("classification_accessories", "Accessoires", "Accessories", "Accessoires"),  # codespell:ignore accessoires
    Word("dam_photos", "Photos", "Photos", "Fotos"),
    Word("soldes/été; fin de série", "Soldes d'été", "Summer sale", "Sommerschlussverkauf"),
)

SEASONS: Final = (
    Word("SS28", "Été 28", "Summer 28", "Sommer 28"),
    Word("FW28", "Hiver 28", "Winter 28", "Winter 28"),
    Word("SS29", "Été 29", "Summer 29", "Sommer 29"),
)

WASHINGS: Final = (
    Word("30", "Lavage à 30 °C", "30°C", "Waschen bei 30 °C"),
    Word("40", "Lavage à 40 °C", "40°C", "Waschen bei 40 °C"),
    Word("hand", "Lavage à la main", "Hand wash", "Handwäsche"),
    Word("no-dry", "Ne pas sécher en machine", "Do not tumble dry", "Nicht in den Trockner"),
    Word("no-iron", "Ne pas repasser", "Do not iron", "Nicht bügeln"),
)

SIZES: Final = (
    Word("S", "Petit", "Small", "Klein"),
    Word("M", "Moyen", "Medium", "Mittel"),
    Word("L", "Grand", "Large", "Groß"),
)
# fmt: on

"""Draws the contents of one document: a garment, its texts by locale, its bare values."""

from collections.abc import Callable
from random import Random

from simulator.locales import LocaleTree
from simulator.model import Value, to_value_id
from simulator.vocabulary import (
    COLOURS,
    MATERIALS,
    MOTIFS,
    NOUNS,
    OCCASIONS,
    SEASONS,
    SHAPES,
    WASHINGS,
)
from simulator.wording import Garment

_OWN_SHARE_OF_HEIRS = 0.3
_OWN_SHARE = 0.95
_DAYS = 28


def seeded(*parts: object) -> Random:
    """Return a source of draws that depends on nothing but *parts*."""
    return Random("/".join(map(str, parts)))  # noqa: S311 - draws a catalog, no secret


def draw_garment(random: Random) -> Garment:
    """Draw a garment."""
    return Garment(
        noun=random.choice(NOUNS),
        shape=random.choice(SHAPES),
        colour=random.choice(COLOURS),
        material=random.choice(MATERIALS),
        motif=random.choice(MOTIFS),
        occasion=random.choice(OCCASIONS),
    )


def own_texts(random: Random, tree: LocaleTree, text: Callable[[str], str]) -> dict[str, str]:
    """
    Return the texts that locales have of their own.

    The first locale always has one; one that inherits seldom has, and says where it differs.
    """
    own = {}
    for rank, locale in enumerate(tree.locales):
        inherits = len(tree.chain(locale)) > 1
        if rank == 0 or random.random() < (_OWN_SHARE_OF_HEIRS if inherits else _OWN_SHARE):
            own[locale] = text(locale) + (f" ({locale.rpartition('_')[2]})" if inherits else "")
    return own


def draw_product(random: Random, garment: Garment) -> dict[str, Value]:
    """Draw the bare values of a product; any key but the colour and the price may be absent."""
    values: dict[str, Value] = {
        "color": [to_value_id("color", garment.colour.code)],
        "product_ean": _ean(random),
        "product_price": _price(random),
        "product_stock": random.randrange(500),
        "product_sellable": random.random() < 0.8,  # noqa: PLR2004 - most are
        "product_launch_date": _date(random),
        "product_material": _draw_choices(
            random, "product_material", {garment.material.code, random.choice(MATERIALS).code}
        ),
        "product_season": _draw_choices(random, "product_season", {random.choice(SEASONS).code}),
    }
    absent_share = 0.1
    kept = {"color", "product_price"}
    return {
        code: value
        for code, value in values.items()
        if code in kept or random.random() >= absent_share
    }


def draw_model(random: Random) -> dict[str, Value]:
    """Draw the bare values that a reference and its colours have in common."""
    washings = {washing.code for washing in random.sample(WASHINGS, random.randint(1, 3))}
    return {
        "r_season": _draw_choices(random, "r_season", {random.choice(SEASONS).code}),
        "r_indicative_price": _price(random),
        "r_sellable": random.random() < 0.8,  # noqa: PLR2004 - most are
        "r_selling_start_date": _date(random),
        "r_washing": _draw_choices(random, "r_washing", washings),
    }


def draw_variant(random: Random, size: str) -> dict[str, Value]:
    """Draw the bare values of a variant."""
    return {
        "variant_size": [to_value_id("variant_size", size)],
        "variant_ean13": _ean(random),
        "variant_stock": random.randrange(100),
    }


def draw_asset(random: Random) -> dict[str, Value]:
    """Draw the bare values of an asset."""
    people = ("Jane Doe", "Zoé Lefèvre", "Jürgen Groß")
    return {"date_shooting": _date(random), "mannequin": random.choice(people)}


def _draw_choices(random: Random, attribute: str, codes: set[str]) -> Value:
    ids = [to_value_id(attribute, code) for code in sorted(codes)]
    random.shuffle(ids)
    return ids


def _price(random: Random) -> float:
    return random.randrange(1_490, 29_990, 500) / 100


def _date(random: Random) -> str:
    return f"2028-{random.randint(1, 12):02}-{random.randint(1, _DAYS):02}T10:00:00"


def _ean(random: Random) -> str:
    return f"3700{random.randrange(10**9):09}"

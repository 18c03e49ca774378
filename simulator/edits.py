"""Changes the values of a resource, after checking that its attributes can hold them."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Final

from pim.kinds import Kind
from simulator.catalog import Catalog
from simulator.model import REVISION, Attribute, AttributeType, Resource, Value, to_value_id
from simulator.schema import ATTRIBUTES, NAME_ATTRIBUTES
from simulator.vocabulary import Language
from simulator.wording import to_language

NAME: Final = "name"
_EDITIONS: Final = {
    Language.FRENCH: "édition",
    Language.ENGLISH: "edition",
    Language.GERMAN: "Ausgabe",
}
_BARE_TYPES: Final[dict[AttributeType, tuple[type, ...]]] = {
    AttributeType.TEXT: (str,),
    AttributeType.MULTILINE_TEXT: (str,),
    AttributeType.DATE: (str,),
    AttributeType.INTEGER: (int,),
    AttributeType.DECIMAL: (int, float),
    AttributeType.BOOLEAN: (bool,),
}


class EditRejected(ValueError):
    """The edit cannot be made: an unknown attribute, or a value of another type."""


def set_values(
    catalog: Catalog, resource: Resource, locale: str, attributes: Mapping[str, object]
) -> tuple[str, ...]:
    """
    Set attributes, translatable ones in one locale; None takes a value away.

    Returns the codes of the attributes. Nothing is changed if one of them is rejected.

    Raises:
        EditRejected: an attribute or a locale that the resource cannot have, or a wrong value.
    """
    if locale not in catalog.tree.locales:
        raise EditRejected(f"no such locale: {locale!r}; there are {catalog.tree.locales}")
    values, name = deepcopy(resource.values), dict(resource.name)
    for code, value in attributes.items():
        if code == NAME and resource.kind in {Kind.ASSET, Kind.CLASSIFICATION}:
            _set_text(name, locale, value)
        else:
            _set_value(catalog, values, _attribute(resource, code), locale, value)
    resource.values, resource.name = values, name
    catalog.reindex(resource)
    return tuple(attributes)


def automatic_edit(
    resource: Resource, locale: str, *, in_locales: tuple[str, ...]
) -> dict[str, str]:
    """
    Return an edit of the resource's name that no earlier edit has made.

    Its text ends with "edition N" in the locale's language; *in_locales* are where to look for
    the text if the locale has none of its own, nearest first.
    """
    if resource.kind in {Kind.ASSET, Kind.CLASSIFICATION}:
        code, own = NAME, resource.name
    else:
        code = NAME_ATTRIBUTES[resource.owner]
        found = resource.values.get(code)
        own = found if isinstance(found, dict) else {}
    text = next((own[each] for each in in_locales if each in own), resource.code)
    word = _EDITIONS[to_language(locale)]
    for each in _EDITIONS.values():
        text = text.partition(f", {each} ")[0]
    return {code: f"{text}, {word} {resource.revision + 1}"}


def is_shared(resource: Resource, codes: tuple[str, ...]) -> bool:
    """Return whether one of the attributes is bare, so that every locale shows it."""
    return any(
        code in ATTRIBUTES
        and not ATTRIBUTES[code].translatable
        and not (code == NAME and resource.name)
        for code in codes
    )


def _attribute(resource: Resource, code: str) -> Attribute:
    attribute = ATTRIBUTES.get(code)
    if attribute is None or resource.owner not in attribute.owners or code == REVISION:
        known = [
            each.code
            for each in ATTRIBUTES.values()
            if resource.owner in each.owners and each.code != REVISION
        ]
        raise EditRejected(f"a {resource.owner} has no attribute {code!r}; it has {known}")
    return attribute


def _set_value(
    catalog: Catalog, values: dict[str, Value], attribute: Attribute, locale: str, value: object
) -> None:
    code = attribute.code
    if attribute.translatable:
        own = values.setdefault(code, {})
        assert isinstance(own, dict)
        _set_text(own, locale, value)
    elif value is None:
        values.pop(code, None)
    elif attribute.choices_of is not None:
        values[code] = _parse_choices(catalog, attribute, value)
    else:
        values[code] = _parse_bare(attribute, value)


def _set_text(own: dict[str, str], locale: str, value: object) -> None:
    if value is None:
        own.pop(locale, None)
    elif isinstance(value, str):
        own[locale] = value
    else:
        raise EditRejected(f"a text or null is wanted, not {value!r}")


def _parse_choices(catalog: Catalog, attribute: Attribute, value: object) -> list[str]:
    assert attribute.choices_of is not None
    wanted = value if isinstance(value, list) else [value]
    if len(wanted) > 1 and not attribute.multiple:
        raise EditRejected(f"{attribute.code} takes one choice, not {value!r}")
    ids = []
    for each in wanted:
        candidates = (str(each), to_value_id(attribute.choices_of, str(each)))
        id_ = next((candidate for candidate in candidates if candidate in catalog.values), None)
        if id_ is None or catalog.values[id_].attribute != attribute.choices_of:
            raise EditRejected(f"{attribute.code} has no choice {each!r}")
        ids.append(id_)
    return ids


def _parse_bare(attribute: Attribute, value: object) -> Value:
    types = _BARE_TYPES[attribute.type]
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise EditRejected(f"{attribute.code} is a {attribute.type}, not {value!r}")
    assert isinstance(value, str | int | float)
    return value

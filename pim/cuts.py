"""
The lists inside a resource that Quable cuts at 100, and putting them back together.

A list of exactly 100 may be cut. What it lacks is found in a collection that is filtered by the
resource: all links that begin or end at it, its variants, its children.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from pim.answers import Resource, to_code
from pim.kinds import COLLECTIONS, Kind

CUT_AT: Final = 100
LINKS: Final = "links"
_LINK_LISTS: Final = ("documentLinks", "assetLinks", "variantLinks")


@dataclass(frozen=True, slots=True)
class Source:
    """A collection, and the property of its members that names the resource they belong to."""

    collection: str
    owner: str

    @property
    def filter(self) -> str:
        """The filter's name."""
        return f"{self.owner}.id"

    def holds(self, member: Resource, code: str) -> bool:
        """Say whether a member belongs to the resource, or the filter was ignored."""
        return refers_to(member.get(self.owner), code)


_OF_LINKS: Final = (Source(LINKS, "origin"), Source(LINKS, "target"))
_OF_PARTS: Final = {
    (Kind.DOCUMENT, "variants"): Source(COLLECTIONS[Kind.VARIANT], "document"),
    (Kind.CLASSIFICATION, "children"): Source(COLLECTIONS[Kind.CLASSIFICATION], "parent"),
}


def find_cuts(kind: Kind, resource: Resource) -> list[str]:
    """Return the names of the lists that may be cut and can be completed."""
    names = [*_LINK_LISTS, *(name for owner, name in _OF_PARTS if owner is kind)]
    return [name for name in names if len(_to_list(resource.get(name))) == CUT_AT]


def to_sources(kind: Kind, cuts: Iterable[str]) -> list[Source]:
    """Return the collections that hold what the cut lists lack, each once."""
    sources: dict[Source, None] = {}
    for name in cuts:
        part = _OF_PARTS.get((kind, name))
        sources |= dict.fromkeys(_OF_LINKS if part is None else (part,))
    return list(sources)


def complete_lists(
    kind: Kind, resource: Resource, members: Mapping[Source, Sequence[Resource]]
) -> Resource:
    """
    Return the resource with its cut lists completed by the *members* of their sources.

    What the lists held keeps its place and form; what is new follows, in the same form. A list
    whose sources are not given stays as it was.
    """
    cuts = find_cuts(kind, resource)
    completed = dict(resource)
    links = [link for source in _OF_LINKS for link in members.get(source, ())]
    homes = _LinkHomes(resource, [name for name in cuts if name in _LINK_LISTS])
    for name in cuts:
        part = _OF_PARTS.get((kind, name))
        if part is None:
            more = [link for link in links if homes.find(link) == name]
        else:
            more = list(members.get(part, ()))
        completed[name] = _extend(_to_list(resource[name]), more)
    return completed


def refers_to(reference: object, code: str) -> bool:
    """Say whether a reference, `{"id": code}` or an address that ends in the code, means it."""
    if isinstance(reference, str):
        return code in {reference, unquote(reference.rpartition("/")[2])}
    return to_code(reference) == code


class _LinkHomes:
    """Finds the list that a link of the collection belongs into; its JSON does not say."""

    def __init__(self, resource: Resource, cuts: Sequence[str]) -> None:
        self._cuts = cuts
        self._by_id: dict[str | None, str] = {}
        self._by_type: dict[str | None, set[str]] = {}
        for name in _LINK_LISTS:
            for link in _to_list(resource.get(name)):
                self._by_id[to_code(link)] = name
                if name in cuts:
                    self._by_type.setdefault(_to_type(link), set()).add(name)

    def find(self, link: Resource) -> str | None:
        """Return the list that shows it, else the cut one with links of its type, else the first."""
        known = self._by_id.get(to_code(link))
        if known is not None:
            return known
        alike = self._by_type.get(_to_type(link), set())
        return next((name for name in self._cuts if name in alike), next(iter(self._cuts), None))


def _extend(held: Sequence[Any], more: Iterable[Resource]) -> list[Any]:
    ids = {to_code(each) for each in held}
    form = held[0].keys() if isinstance(held[0], Mapping) else frozenset({"id"})
    extended = list(held)
    for member in more:
        if (code := to_code(member)) not in ids:
            ids.add(code)
            extended.append({name: value for name, value in member.items() if name in form})
    return extended


def _to_type(link: object) -> str | None:
    return to_code(link.get("linkType")) if isinstance(link, Mapping) else None


def _to_list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()

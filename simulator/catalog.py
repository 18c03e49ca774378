"""The tables of one Quable instance and the indices between them; knows no HTTP and no clock."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator

from pim.kinds import Kind
from simulator.locales import LocaleTree
from simulator.model import Link, PredefinedValue, Resource, ResourceKey
from simulator.schema import ATTRIBUTES


class Catalog:
    """
    Resources, links and predefined values.

    Links, variants and uses of predefined values can be asked for from both ends; whoever changes
    a resource's choices tells it with `reindex`.
    """

    def __init__(self, tree: LocaleTree) -> None:
        self.tree = tree
        self.resources: dict[Kind, dict[str, Resource]] = {kind: {} for kind in Kind}
        self.values: dict[str, PredefinedValue] = {}
        self.links: dict[str, Link] = {}
        self._codes: dict[Kind, list[str]] = {kind: [] for kind in Kind}  # sorted
        self._links_of: dict[ResourceKey, dict[str, Link]] = defaultdict(dict)
        self._variants_of: dict[str, dict[str, Resource]] = defaultdict(dict)
        self._users_of: dict[str, dict[ResourceKey, None]] = defaultdict(dict)
        self._uses: dict[ResourceKey, set[str]] = {}
        self._legacy_id = 10_000
        self._link_id = 880

    def next_legacy_id(self) -> int:
        """Return a number that no resource has had."""
        self._legacy_id += 1
        return self._legacy_id

    def next_link_id(self) -> str:
        """Return an id that no link has had."""
        self._link_id += 1
        return str(self._link_id)

    def find(self, kind: Kind, code: str) -> Resource | None:
        """Return the resource itself, or None."""
        return self.resources[kind].get(code)

    def codes(self, kind: Kind) -> list[str]:
        """Return all codes of a kind, sorted; not to be changed."""
        return self._codes[kind]

    def all_resources(self) -> Iterator[Resource]:
        """Yield every resource, kind by kind and sorted by code."""
        for kind in Kind:
            for code in self._codes[kind]:
                yield self.resources[kind][code]

    def add(self, resource: Resource) -> None:
        """Add a resource that is not there yet."""
        table = self.resources[resource.kind]
        assert resource.code not in table
        table[resource.code] = resource
        insort(self._codes[resource.kind], resource.code)
        if resource.kind is Kind.VARIANT and resource.parent is not None:
            self._variants_of[resource.parent][resource.code] = resource
        self.reindex(resource)

    def remove(self, kind: Kind, code: str) -> Resource:
        """Remove a resource that is there, and no other: its links and variants are the caller's."""
        resource = self.resources[kind].pop(code)
        codes = self._codes[kind]
        del codes[bisect_left(codes, code)]
        if kind is Kind.VARIANT and resource.parent is not None:
            self._variants_of[resource.parent].pop(code, None)
        for value_id in self._uses.pop(resource.key, ()):
            self._users_of[value_id].pop(resource.key, None)
        return resource

    def reindex(self, resource: Resource) -> None:
        """Note which predefined values a resource uses now."""
        before, now = self._uses.get(resource.key, set()), _choices(resource)
        for value_id in before - now:
            self._users_of[value_id].pop(resource.key, None)
        for value_id in now - before:
            self._users_of[value_id][resource.key] = None
        self._uses[resource.key] = now

    def add_link(self, link: Link) -> None:
        """Add a link, seen from both of its ends."""
        self.links[link.id] = link
        for end in link.ends:
            self._links_of[end][link.id] = link

    def remove_link(self, link_id: str) -> Link:
        """Remove a link that is there."""
        link = self.links.pop(link_id)
        for end in link.ends:
            self._links_of[end].pop(link_id, None)
        return link

    def add_value(self, value: PredefinedValue) -> None:
        """Add a predefined value that is not there yet."""
        assert value.id not in self.values
        self.values[value.id] = value

    def remove_value(self, value_id: str) -> PredefinedValue:
        """Remove a predefined value, also from the resources that use it."""
        for kind, code in self.users_of(value_id):
            resource = self.resources[kind][code]
            for own in resource.values.values():
                if isinstance(own, list) and value_id in own:
                    own.remove(value_id)
            self.reindex(resource)
        return self.values.pop(value_id)

    def links_of(self, key: ResourceKey) -> list[Link]:
        """Return the links that start or end at a resource, in their order."""
        return list(self._links_of.get(key, {}).values())

    def linked_to(self, key: ResourceKey) -> list[ResourceKey]:
        """Return each resource at the other end of a link, once."""
        others = (end for link in self.links_of(key) for end in link.ends if end != key)
        return list(dict.fromkeys(others))

    def variants_of(self, document: str) -> list[Resource]:
        """Return a document's variants, in their order."""
        return list(self._variants_of.get(document, {}).values())

    def users_of(self, value_id: str) -> list[ResourceKey]:
        """Return the resources that use a predefined value."""
        return list(self._users_of.get(value_id, ()))


def _choices(resource: Resource) -> set[str]:
    def chosen() -> Iterable[str]:
        for code, own in resource.values.items():
            if isinstance(own, list) and ATTRIBUTES[code].choices_of:
                yield from own

    return set(chosen())

"""The simulator's catalog against the index: what the PIM holds now, projected and compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from elasticsearch import AsyncElasticsearch

from pim.kinds import Kind
from runtime.settings import Settings
from simulator.answers import show_attribute
from simulator.schema import ATTRIBUTES
from sinks.attribute_types import AttributeType, to_attribute_types
from sinks.comparison import Comparison, compare
from sinks.documents import project
from sinks.fields import to_alias, to_id
from sinks.reading import read_live
from streams.attributes import to_type_names
from topics.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class Agreement:
    """How index and catalog compare, by locale."""

    by_locale: Mapping[str, Comparison]

    @property
    def missing(self) -> int:
        """Search documents that are not there."""
        return sum(len(each.missing) for each in self.by_locale.values())

    @property
    def stale(self) -> int:
        """Search documents that do not say what the PIM says now."""
        return sum(len(each.different) for each in self.by_locale.values())

    @property
    def extra(self) -> int:
        """Search documents of resources that the PIM does not have."""
        return sum(len(each.extra) for each in self.by_locale.values())

    @property
    def same(self) -> int:
        """Search documents that are right."""
        return sum(len(each.same) for each in self.by_locale.values())

    @property
    def is_equal(self) -> bool:
        """Whether the index is what the PIM is."""
        return all(each.is_equal for each in self.by_locale.values())

    def __str__(self) -> str:
        return f"missing {self.missing}, stale {self.stale}, extra {self.extra}"

    def examples(self, count: int = 3) -> list[str]:
        """Return a few of what is wrong, in words."""
        found = []
        for locale, each in self.by_locale.items():
            found += [f"missing in {locale}: {id_}" for id_ in sorted(each.missing)[:count]]
            found += [f"extra in {locale}: {id_}" for id_ in sorted(each.extra)[:count]]
            differences = list(each.different.items())[:count]
            found += [f"stale in {locale}: {id_} at {paths}" for id_, paths in differences]
        return found


async def read_catalog(http: httpx.AsyncClient) -> list[tuple[Kind, str, Mapping[str, Any]]]:
    """Return every resource of the simulator as its API would answer it now, complete."""
    answer = await http.get("/control/catalog", params={"complete": "1"})
    answer.raise_for_status()
    lines = [orjson.loads(line) for line in answer.content.splitlines()]
    return [(Kind(line["kind"]), line["id"], line["resource"]) for line in lines]


def read_types() -> Mapping[str, AttributeType]:
    """Return the types of all attributes, as the simulator's API defines them."""
    definitions = (show_attribute(attribute) for attribute in ATTRIBUTES.values())
    return to_attribute_types(to_type_names(definitions))


async def compare_with_catalog(
    http: httpx.AsyncClient, client: AsyncElasticsearch, settings: Settings
) -> Agreement:
    """Compare every resource of the simulator with what stands in the index, in every locale."""
    everything = await read_catalog(http)
    catalog = [each for each in everything if each[0].value in settings.kinds]
    names = {code: raw["name"] for kind, code, raw in everything if kind is Kind.CLASSIFICATION}
    types = read_types()
    by_locale = {}
    for locale in settings.locales:
        chain = settings.fallback_chain(locale)
        expected = {
            to_id(kind, code): _project(kind, code, raw, chain=chain, types=types, names=names)
            for kind, code, raw in catalog
        }
        stored = await read_live(client, to_alias(settings.index_prefix, locale))
        by_locale[locale] = compare(expected, stored)
    return Agreement(by_locale)


def _project(
    kind: Kind,
    code: str,
    resource: Mapping[str, Any],
    *,
    chain: tuple[str, ...],
    types: Mapping[str, AttributeType],
    names: Mapping[str, Any],
) -> dict[str, Any]:
    snapshot = Snapshot(
        kind=kind,
        code=code,
        version=0,
        partition=0,
        deleted=False,
        fetched_s=0.0,
        notified_s=0.0,
        newest_s=0.0,
        lane="live",
        resource=resource,
        names=names,
    )
    return project(snapshot, chain=chain, types=types, indexed_s=0.0)

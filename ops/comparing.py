"""Asks the PIM for one resource, and sets what it says beside what the index says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.asking_pim import asking_pim, fetch_whole, to_snapshot
from ops.reference import read_reference
from ops.side_by_side import Difference, compare_paths
from pim.kinds import Kind
from runtime.settings import Settings
from sinks.documents import project
from sinks.rules_file import load_rules


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the PIM said, by locale beside what the index holds; *requests* is what it cost."""

    in_pim: bool
    sides: Mapping[str, list[Difference]]
    requests: int


async def compare_with_pim(
    settings: Settings, kind: Kind, code: str, stored: Mapping[str, Mapping[str, Any]]
) -> Comparison:
    """
    Ask the PIM; its requests are accounted for in the quota.

    Raises:
        QuindexError: the PIM does not answer as it should.
    """
    async with asking_pim(settings) as (pim, gate):
        resource = await fetch_whole(pim, kind, code)
        requests = gate.requests
    reference, rules = await read_reference(settings), load_rules(settings.attributes)
    sides = {}
    for locale in settings.locales:
        wanted: Mapping[str, Any] | None = None
        if resource is not None:
            wanted = project(
                to_snapshot(kind, code, resource, reference),
                chain=settings.fallback_chain(locale),
                types=reference.types,
                indexed_s=0.0,
                rules=rules,
            )
        held = stored.get(locale)
        is_live = held is not None and not held["deleted"]
        sides[locale] = compare_paths(wanted, held if is_live else None)
    return Comparison(resource is not None, sides, requests)

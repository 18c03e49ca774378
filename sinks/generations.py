"""The indices behind the aliases, one generation after the other: create, fill, swap, fence."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from elasticsearch import AsyncElasticsearch

from sinks.attribute_rules import NO_RULES, AttributeRules
from sinks.fields import to_alias, to_index
from sinks.indices import read_indices
from sinks.mappings import REFRESH_INTERVAL, REPLICAS, to_mappings, to_settings
from sinks.planning import LIVE

_NUMBER_DIGITS: Final = 6
_FILL: Final[dict[str, Any]] = {"refresh_interval": "-1", "number_of_replicas": 0}


def to_filling_prefix(prefix: str) -> str:
    """Return the prefix of the aliases through which new indices are filled."""
    return f"rebuild-{prefix}"


async def read_live_indices(
    client: AsyncElasticsearch, prefix: str, locales: Sequence[str]
) -> dict[str, str]:
    """Return the index behind each locale's alias; a locale without one is left out."""
    found = {}
    for locale in locales:
        if indices := await read_indices(client, to_alias(prefix, locale)):
            found[locale] = indices[0]
    return found


async def list_indices(
    client: AsyncElasticsearch, prefix: str, locales: Sequence[str]
) -> dict[str, list[str]]:
    """Return all indices of each locale, oldest first."""
    found = {}
    for locale in locales:
        alias = to_alias(prefix, locale)
        names = await client.indices.get(index=f"{alias}-*", expand_wildcards="all")
        found[locale] = sorted(name for name in names if is_generation(name, alias))
    return found


def is_generation(index: str, alias: str) -> bool:
    """Whether an index is one of an alias's: quindex-fr_fr-000001."""
    number = index.removeprefix(f"{alias}-")
    return number != index and len(number) == _NUMBER_DIGITS and number.isdecimal()


def to_next_number(indices: Mapping[str, Sequence[str]]) -> int:
    """Return a number above every index's."""
    numbers = [int(name[-_NUMBER_DIGITS:]) for names in indices.values() for name in names]
    return max(numbers, default=0) + 1


async def create_filling(
    client: AsyncElasticsearch,
    prefix: str,
    locales: Sequence[str],
    number: int,
    rules: AttributeRules = NO_RULES,
) -> dict[str, str]:
    """Create one new index per locale, to be filled through its own alias; one that is there stays."""
    created = {}
    for locale in locales:
        index = to_index(to_alias(prefix, locale), number)
        filling = to_alias(to_filling_prefix(prefix), locale)
        if not await client.indices.exists(index=index):
            settings = {k: v for k, v in to_settings(locale).items() if k != "auto_expand_replicas"}
            await client.indices.create(
                index=index,
                settings=settings | _FILL,
                mappings=to_mappings(locale, rules),
                aliases={filling: {}},
            )
        created[locale] = index
    return created


async def point_filling(client: AsyncElasticsearch, prefix: str, target: Mapping[str, str]) -> None:
    """Let the filling aliases stand for *target*, and for nothing else."""
    actions: list[dict[str, Any]] = []
    for locale, index in target.items():
        alias = to_alias(to_filling_prefix(prefix), locale)
        others = [name for name in await read_indices(client, alias) if name != index]
        actions += [{"remove": {"index": name, "alias": alias}} for name in others]
        actions.append({"add": {"index": index, "alias": alias}})
    await client.indices.update_aliases(actions=actions)


async def restore_settings(client: AsyncElasticsearch, target: Mapping[str, str]) -> None:
    """Give filled indices the settings of live ones, and make what they hold searchable."""
    await client.indices.put_settings(
        index=list(target.values()),
        settings={"refresh_interval": REFRESH_INTERVAL, "auto_expand_replicas": REPLICAS},
    )
    await client.indices.refresh(index=list(target.values()))


async def swap(
    client: AsyncElasticsearch,
    prefix: str,
    *,
    target: Mapping[str, str],
    previous: Mapping[str, str],
) -> None:
    """Move all readers and writers at once, then fence the indices that they have left."""
    actions: list[dict[str, Any]] = []
    for locale, index in target.items():
        alias = to_alias(prefix, locale)
        others = [name for name in await read_indices(client, alias) if name != index]
        actions += [{"remove": {"index": name, "alias": alias}} for name in others]
        actions.append({"add": {"index": index, "alias": alias, "filter": LIVE}})
    await client.indices.update_aliases(actions=actions)
    await fence(client, previous)


async def fence(client: AsyncElasticsearch, previous: Mapping[str, str]) -> None:
    """Block writes: returns once no write to these indices is under way."""
    if previous:
        await client.indices.add_block(index=list(previous.values()), block="write")


async def lift(client: AsyncElasticsearch, target: Mapping[str, str]) -> None:
    """Take the block off again."""
    await client.indices.put_settings(
        index=list(target.values()), settings={"index.blocks.write": None}
    )


async def remove_filling(
    client: AsyncElasticsearch, prefix: str, target: Mapping[str, str]
) -> None:
    """Remove the aliases through which new indices were filled."""
    for locale in target:
        alias = to_alias(to_filling_prefix(prefix), locale)
        for index in await read_indices(client, alias):
            await client.indices.delete_alias(index=index, name=alias)

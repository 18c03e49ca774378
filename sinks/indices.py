"""The indices and aliases of all locales: made once, checked at every start."""

from collections.abc import Sequence
from typing import Any, Final

from elasticsearch import ApiError, AsyncElasticsearch, TransportError, UnsupportedProductError

from runtime.errors import OperatorError, Refused
from sinks.attribute_rules import NO_RULES, AttributeRules
from sinks.cluster_errors import (
    SERVER_MAJOR,
    to_operator_error,
    to_unreachable,
    to_wrong_version,
)
from sinks.fields import to_alias, to_control_index, to_index
from sinks.mappings import to_mappings, to_settings
from sinks.plan import Step
from sinks.planning import LIVE, apply_in_place, check_writable, read_plans, to_found

_CONTROL: Final[dict[str, Any]] = {
    "settings": {"number_of_shards": 1, "auto_expand_replicas": "0-1"},
    "mappings": {"dynamic": False, "properties": {}},
}


async def check_server(client: AsyncElasticsearch) -> str:
    """
    Return the server's version.

    Raises:
        Unreachable: it does not answer.
        OperatorError: it refuses us, or is none that the client can talk to.
    """
    try:
        info = await client.info()
    except UnsupportedProductError as error:
        raise OperatorError(
            "What answers at QUINDEX_ELASTICSEARCH is not Elasticsearch. "
            f"Quindex needs Elasticsearch {SERVER_MAJOR}; OpenSearch will not do."
        ) from error
    except ApiError as error:
        raise to_operator_error(error) from error
    except TransportError as error:
        raise to_unreachable(error) from error
    version = str(info["version"]["number"])
    if int(version.partition(".")[0]) < SERVER_MAJOR:
        raise to_wrong_version(version)
    return version


async def ensure_indices(
    client: AsyncElasticsearch,
    *,
    prefix: str,
    locales: Sequence[str],
    rules: AttributeRules = NO_RULES,
    dry_run: bool = False,
) -> list[str]:
    """
    Make what is missing, and change in place what can be: indices, their filtered aliases.

    Returns what it changed, one line each; the second time nothing. With *dry_run* nothing is
    changed: the lines are those of what would be.

    Raises:
        Unreachable: Elasticsearch does not answer.
        Refused: something is there that is not ours, or needs a rebuild.
        OperatorError: Elasticsearch refuses us.
    """
    aliases = {to_alias(prefix, locale): locale for locale in locales}
    if len(aliases) < len(locales):
        raise Refused("Two of QUINDEX_LOCALES differ by case only, so they would share an index.")
    try:
        changes = [await _ensure_control(client, to_control_index(prefix), dry_run)]
        changes += [
            await _ensure_locale(client, plan.alias, plan.locale, rules, dry_run)
            for plan in await read_plans(client, prefix=prefix, locales=locales, rules=rules)
            if plan.step is Step.CREATE
        ]
        plans = await read_plans(client, prefix=prefix, locales=locales, rules=rules)
        for plan in plans:
            changes += await apply_in_place(client, plan, rules, dry_run=dry_run)
        check_writable([plan for plan in plans if plan.step is Step.REBUILD])
    except ApiError as error:
        raise to_operator_error(error) from error
    except TransportError as error:
        raise to_unreachable(error) from error
    return [change for change in changes if change is not None]


async def read_indices(client: AsyncElasticsearch, alias: str) -> list[str]:
    """Return the names of the indices behind an alias, sorted."""
    if not await client.indices.exists_alias(name=alias):
        return []
    return sorted(await client.indices.get_alias(name=alias))


async def _ensure_control(client: AsyncElasticsearch, index: str, dry_run: bool) -> str | None:
    if await client.indices.exists(index=index):
        return None
    if not dry_run:
        await client.indices.create(index=index, **_CONTROL)
    return f"created index {index}"


async def _ensure_locale(
    client: AsyncElasticsearch, alias: str, locale: str, rules: AttributeRules, dry_run: bool
) -> str | None:
    index = to_index(alias, 1)
    if await client.indices.exists(index=alias):
        raise Refused(
            f"An index is named {alias}, which quindex needs as an alias. "
            "Rename or delete it, or choose another QUINDEX_INDEX_PREFIX."
        )
    if await client.indices.exists(index=index):
        to_found(index, alias, (await client.indices.get(index=index))[index])
        if not dry_run:
            await client.indices.put_alias(index=index, name=alias, filter=LIVE)
        return f"put alias {alias} on the index {index} that was there"
    if not dry_run:
        await client.indices.create(
            index=index,
            settings=to_settings(locale),
            mappings=to_mappings(locale, rules),
            aliases={alias: {"filter": LIVE}},
        )
    return f"created index {index} with alias {alias}"

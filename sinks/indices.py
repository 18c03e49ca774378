"""The indices and aliases of all locales: made once, checked at every start."""

from collections.abc import Sequence
from typing import Any, Final

from elasticsearch import ApiError, AsyncElasticsearch, TransportError, UnsupportedProductError

from runtime.errors import OperatorError, Refused, Unreachable
from sinks.elasticsearch import to_error
from sinks.fields import to_alias, to_control_index, to_index
from sinks.mappings import to_mappings, to_settings

SERVER_MAJOR: Final = 9
_UNAUTHORIZED: Final = (401, 403)
LIVE: Final[dict[str, Any]] = {"term": {"deleted": False}}
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
        raise OperatorError(_to_wrong_version(version))
    return version


async def ensure_indices(
    client: AsyncElasticsearch, *, prefix: str, locales: Sequence[str]
) -> list[str]:
    """
    Make what is missing: an index and its filtered alias per locale, and the control index.

    Returns what it changed, one line each; the second time nothing.

    Raises:
        Unreachable: Elasticsearch does not answer.
        Refused: something is there that is not ours, or needs a rebuild.
        OperatorError: Elasticsearch refuses us.
    """
    aliases = {to_alias(prefix, locale): locale for locale in locales}
    if len(aliases) < len(locales):
        raise Refused("Two of QUINDEX_LOCALES differ by case only, so they would share an index.")
    try:
        changes = [await _ensure_control(client, to_control_index(prefix))]
        changes += [await _ensure_locale(client, *each) for each in aliases.items()]
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


def to_operator_error(error: ApiError) -> OperatorError:
    """Return what the operator can do about a refusal."""
    status, found = error.meta.status, to_error(error)
    kind, reason = found.get("type", ""), str(found.get("reason", ""))
    if status in _UNAUTHORIZED:
        return OperatorError(
            f"Elasticsearch answered {status}: {reason} Check QUINDEX_ELASTICSEARCH_API_KEY, or "
            "user name and password; the key needs to manage, read and write the indices."
        )
    if kind == "media_type_header_exception":
        return OperatorError(_to_wrong_version("8 or older"))
    return OperatorError(f"Elasticsearch answered {status} {kind}: {reason}")


def to_unreachable(error: TransportError) -> Unreachable:
    """Return what the operator can do when nothing answers."""
    return Unreachable(
        f"Elasticsearch does not answer: {error.message} "
        "Check QUINDEX_ELASTICSEARCH, and that the server is up."
    )


async def _ensure_control(client: AsyncElasticsearch, index: str) -> str | None:
    if await client.indices.exists(index=index):
        return None
    await client.indices.create(index=index, **_CONTROL)
    return f"created index {index}"


async def _ensure_locale(client: AsyncElasticsearch, alias: str, locale: str) -> str | None:
    indices = await read_indices(client, alias)
    if indices:
        return await _check_locale(client, alias, locale, indices)
    index = to_index(alias, 1)
    if await client.indices.exists(index=alias):
        raise Refused(
            f"An index is named {alias}, which quindex needs as an alias. "
            "Rename or delete it, or choose another QUINDEX_INDEX_PREFIX."
        )
    if await client.indices.exists(index=index):
        await _check_mapping(client, index, locale)
        await client.indices.put_alias(index=index, name=alias, filter=LIVE)
        return f"put alias {alias} on the index {index} that was there"
    await client.indices.create(
        index=index,
        settings=to_settings(locale),
        mappings=to_mappings(locale),
        aliases={alias: {"filter": LIVE}},
    )
    return f"created index {index} with alias {alias}"


async def _check_locale(
    client: AsyncElasticsearch, alias: str, locale: str, indices: Sequence[str]
) -> str | None:
    if len(indices) > 1:
        raise Refused(
            f"The alias {alias} stands for several indices: {', '.join(indices)}. "
            "Remove it from all but the live one; nothing can be written through it until then."
        )
    await _check_mapping(client, indices[0], locale)
    found = (await client.indices.get_alias(index=indices[0], name=alias))[indices[0]]
    if _is_live(found["aliases"][alias].get("filter")):
        return None
    await client.indices.put_alias(index=indices[0], name=alias, filter=LIVE)
    return f"put the filter of tombstones on alias {alias}"


async def _check_mapping(client: AsyncElasticsearch, index: str, locale: str) -> None:
    found = (await client.indices.get_mapping(index=index))[index]["mappings"]
    ours = found.get("_meta", {}).get("quindex")
    if ours is None:
        raise Refused(
            f"The index {index} was not made by quindex. "
            "Rename or delete it, or choose another QUINDEX_INDEX_PREFIX."
        )
    wanted = to_mappings(locale)["_meta"]["quindex"]
    if ours != wanted:
        raise Refused(
            f"The index {index} was made for {ours}, and this version needs {wanted}. "
            "Run `quindex rebuild`, which needs no request to the PIM."
        )


def _is_live(found: Any) -> bool:
    """Elasticsearch may give a filter back in its long form."""
    return found in (LIVE, {"term": {"deleted": {"value": False}}})


def _to_wrong_version(version: str) -> str:
    return (
        f"Elasticsearch is of version {version}; quindex needs {SERVER_MAJOR}, since its client "
        f"asks for answers that are compatible with {SERVER_MAJOR}. Upgrade the server."
    )

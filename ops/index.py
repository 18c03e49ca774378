"""quindex index: what the indices are against what they should be."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from ops.given import read_settings

if TYPE_CHECKING:
    from elasticsearch import AsyncElasticsearch

    from runtime.settings import Settings
    from sinks.plan import LocalePlan

_NEEDS = ("elasticsearch", "locales")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def command() -> None:
    """
    Compare the indices with what the code and attributes.toml want, and change what can be changed.

    Types of attributes are compared too where QUINDEX_KAFKA is set.
    """


@command.command()
@_as_json
def plan(as_json: bool) -> None:
    """Say what each index needs: nothing, a change in place, or a rebuild. Changes nothing."""
    settings = read_settings(needs=_NEEDS)
    _show(asyncio.run(_with_client(settings, lambda client: read(settings, client))), as_json)


@command.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done; do nothing.")
@_as_json
def apply(dry_run: bool, as_json: bool) -> None:
    """Do what needs no rebuild, and name the command for the rest."""
    settings = read_settings(needs=_NEEDS)
    if dry_run:
        _show(asyncio.run(_with_client(settings, lambda client: read(settings, client))), as_json)
        return
    changes, left = asyncio.run(_with_client(settings, lambda client: _apply(settings, client)))
    if as_json:
        click.echo(json.dumps({"changes": changes, "plans": [to_json(each) for each in left]}))
        return
    for change in changes:
        click.echo(change)
    if not changes:
        click.echo("nothing to change in place")
    for line in to_advice(left):
        click.echo(line)


@command.command("list")
@_as_json
def list_(as_json: bool) -> None:
    """Show the index of each locale, with its documents and size."""
    settings = read_settings(needs=_NEEDS)
    rows = asyncio.run(_with_client(settings, lambda client: _list(settings, client)))
    if as_json:
        click.echo(json.dumps({"indices": rows}))
        return
    for row in rows:
        live = "live" if row["live"] else "kept"
        held = "closed" if row["closed"] else f"{row['documents']} documents"
        click.echo(f"{row['index']}  {live}  {held}  {row['size_bytes']} B")


@command.command()
@click.argument("names", nargs=-1, required=True, metavar="INDEX...")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted; delete nothing.")
@_as_json
def drop(names: Sequence[str], dry_run: bool, as_json: bool) -> None:
    """Delete indices that nobody reads or writes any more: kept ones, and left over ones."""
    settings = read_settings(needs=_NEEDS)
    asyncio.run(_with_client(settings, lambda client: _drop(settings, client, names, dry_run)))
    if as_json:
        click.echo(json.dumps({"deleted": list(names), "dry_run": dry_run}))
        return
    for name in names:
        click.echo(f"{'would delete' if dry_run else 'deleted'} {name}")


async def read(settings: "Settings", client: "AsyncElasticsearch") -> "list[LocalePlan]":
    """
    Return the plans of all locales.

    Raises:
        OperatorError: something does not answer, refuses us, or is not ours.
    """
    from ops.reference import read_reference
    from sinks.planning import read_plans
    from sinks.rules_file import load_rules

    rules = load_rules(settings.attributes)
    types = (await read_reference(settings)).types if settings.kafka else {}
    return await read_plans(
        client,
        prefix=settings.index_prefix,
        locales=settings.locales,
        rules=rules,
        types=types,
    )


def to_lines(plans: "Sequence[LocalePlan]") -> list[str]:
    """Return what is printed of plans."""
    lines = []
    for each in plans:
        lines.append(f"{each.index or each.alias} ({each.locale}): {each.step}")
        lines += [
            f"    {change.step}: {change.what}" + (" (stops the workers)" if change.loses else "")
            for change in each.changes
        ]
    return lines + to_advice(plans)


def to_advice(plans: "Sequence[LocalePlan]") -> list[str]:
    """Return the commands that help, one a line."""
    from sinks.plan import Step

    commands = {
        Step.CREATE: "quindex setup",
        Step.IN_PLACE: "quindex index apply",
        Step.REBUILD: "quindex rebuild",
        Step.LEFT_OVER: "quindex index drop",
    }
    steps = {change.step for each in plans for change in each.changes}
    return [f"{step}: {words}" for step, words in commands.items() if step in steps]


def to_json(plan: "LocalePlan") -> dict[str, Any]:
    """Return a plan as a program reads it."""
    return {
        "locale": plan.locale,
        "alias": plan.alias,
        "index": plan.index,
        "step": plan.step.value,
        "changes": [
            {"step": change.step.value, "what": change.what, "loses": change.loses}
            for change in plan.changes
        ],
    }


def _show(plans: "Sequence[LocalePlan]", as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"plans": [to_json(each) for each in plans]}))
        return
    for line in to_lines(plans):
        click.echo(line)


async def _with_client(
    settings: "Settings", work: "Callable[[AsyncElasticsearch], Awaitable[Any]]"
) -> Any:
    from elasticsearch import ApiError, TransportError

    from ops.connections import elasticsearch_client
    from sinks.cluster_errors import to_operator_error, to_unreachable
    from sinks.indices import check_server

    async with elasticsearch_client(settings) as client:
        await check_server(client)
        try:
            return await work(client)
        except ApiError as error:
            raise to_operator_error(error) from error
        except TransportError as error:
            raise to_unreachable(error) from error


async def _apply(
    settings: "Settings", client: "AsyncElasticsearch"
) -> "tuple[list[str], list[LocalePlan]]":
    from sinks.planning import apply_in_place
    from sinks.rules_file import load_rules

    rules = load_rules(settings.attributes)
    changes = []
    for each in await read(settings, client):
        changes += await apply_in_place(client, each, rules)
    return changes, await read(settings, client)


async def _list(settings: "Settings", client: "AsyncElasticsearch") -> list[dict[str, Any]]:
    from sinks.fields import to_alias
    from sinks.generations import list_indices, read_live_indices

    locales, prefix = settings.locales, settings.index_prefix
    live = await read_live_indices(client, prefix, locales)
    return [
        {
            "index": name,
            "locale": locale,
            "alias": to_alias(prefix, locale),
            "live": live.get(locale) == name,
            **await _measure(client, name),
        }
        for locale, names in (await list_indices(client, prefix, locales)).items()
        for name in names
    ]


async def _measure(client: "AsyncElasticsearch", index: str) -> dict[str, Any]:
    """Return how many live search documents an index has, and its size; a closed one tells none."""
    from sinks.planning import LIVE

    stats = await client.indices.stats(index=index, metric="store", forbid_closed_indices=False)
    found = stats["indices"][index]
    is_closed = found["status"] != "open"
    return {
        "closed": is_closed,
        "documents": None if is_closed else (await client.count(index=index, query=LIVE))["count"],
        "size_bytes": found["primaries"]["store"]["size_in_bytes"],
    }


async def _drop(
    settings: "Settings", client: "AsyncElasticsearch", names: Sequence[str], dry_run: bool
) -> None:
    from ops.unused import check_unused, is_name

    found = {}
    if asked := [name for name in names if is_name(name)]:
        found = (await client.indices.get(index=asked, ignore_unavailable=True)).body
    check_unused(names, found, prefix=settings.index_prefix, locales=settings.locales)
    if not dry_run:
        await client.indices.delete(index=list(names))

"""quindex search: ask the index what a shopper would ask."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

from ops.given import read_settings
from ops.terminal import show, to_json
from pim.kinds import Kind
from runtime.errors import OperatorError

if TYPE_CHECKING:
    from runtime.settings import Settings
    from sinks.found import Found

_BOLD: Final = {"<em>": "\x1b[1m", "</em>": "\x1b[22m"}


@click.command()
@click.argument("query", default="")
@click.option("--locale", help="Default: the first of QUINDEX_LOCALES.")
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]), help="Default: all.")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="ATTRIBUTE=VALUE",
    help="Also FROM..TO; beside attributes: code, document_type, classification, link, asset.",
)
@click.option("--facet", "facets", multiple=True, metavar="ATTRIBUTE", help="Count its values.")
@click.option(
    "--sort",
    "sorts",
    multiple=True,
    metavar="ATTRIBUTE[:desc]",
    help="Also name, code, created_at, modified_at. Default: the best first.",
)
@click.option("--suggest", is_flag=True, help="Complete QUERY to names, as while someone types.")
@click.option("--size", type=click.IntRange(0, 1_000), default=10, show_default=True)
@click.option("--inactive", is_flag=True, help="Find inactive resources too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def command(
    query: str,
    *,
    locale: str | None,
    kind: str | None,
    filters: Sequence[str],
    facets: Sequence[str],
    sorts: Sequence[str],
    suggest: bool,
    size: int,
    inactive: bool,
    as_json: bool,
) -> None:
    """Search the index, in one locale. Without QUERY everything matches."""
    from sinks.found import to_found, to_suggestions
    from sinks.rules_file import load_rules
    from sinks.searching import Question, to_request, to_suggestion

    settings = read_settings(needs=("elasticsearch", "locales"))
    rules = load_rules(settings.attributes)
    question = Question(
        text=query,
        kind=kind,
        filters=[parse_filter(text) for text in filters],
        facets=facets,
        size=size,
        inactive=inactive,
        sort=[parse_sort(text) for text in sorts],
        boosts=rules.boosts,
        sortable=rules.sortable,
    )
    locale = locale or settings.locales[0]
    if suggest:
        request = to_suggestion(question)
        names = to_suggestions(asyncio.run(_search(settings, locale, request)))[:size]
        for line in [to_json(names)] if as_json else map(show, names):
            click.echo(line)
        return
    found = to_found(asyncio.run(_search(settings, locale, to_request(question))), facets)
    if as_json:
        click.echo(to_json(asdict(found)))
        return
    for line in to_lines(found):
        click.echo(line)
    click.echo(f"{found.total} found, {len(found.hits)} shown", err=True)


def to_lines(found: "Found") -> list[str]:
    """Return what is printed of an answer."""
    lines = []
    for hit in found.hits:
        score = "" if hit.score is None else f"  ({hit.score:.2f})"
        key = f"{hit.kind}:{hit.code}"
        lines.append(f"{show(hit.name or hit.code)}  {show(key)}{score}")
        lines += [f"    {_to_bold(show(text))}" for text in hit.highlights]
    for name, counts in found.facets.items():
        lines.append(f"{show(name)}:")
        lines += [f"    {count:>7}  {show(value)}" for value, count in counts]
    return lines


def _to_bold(text: str) -> str:
    for mark, code in _BOLD.items():
        text = text.replace(mark, code)
    return text


def parse_sort(text: str) -> tuple[str, str]:
    """Read ATTRIBUTE[:desc]."""
    name, colon, order = text.rpartition(":")
    if colon and order in {"asc", "desc"} and name:
        return name, order
    return text, "asc"


def parse_filter(text: str) -> tuple[str, str]:
    """
    Read ATTRIBUTE=VALUE.

    Raises:
        BadParameter: it has no equals sign.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is not ATTRIBUTE=VALUE", param_hint="--filter")
    return name, value


async def _search(settings: "Settings", locale: str, request: Mapping[str, Any]) -> Any:
    # Heavy, and --help should answer at once.
    from elasticsearch import ApiError, NotFoundError, TransportError

    from sinks.cluster_errors import to_operator_error, to_unreachable
    from sinks.elasticsearch import connect
    from sinks.fields import to_alias

    alias = to_alias(settings.index_prefix, locale)
    async with connect(settings) as client:
        try:
            response = await client.search(index=alias, **request)
        except NotFoundError as error:
            raise OperatorError(
                f"There is no index for {locale}: no alias {alias}. It is made by `quindex setup` "
                f"for the locales of QUINDEX_LOCALES ({', '.join(settings.locales)})."
            ) from error
        except ApiError as error:
            raise to_operator_error(error) from error
        except TransportError as error:
            raise to_unreachable(error) from error
    return response.body

"""quindex explain."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from ops.given import read_settings

if TYPE_CHECKING:
    from ops.side_by_side import Difference
    from ops.story import Story
    from runtime.settings import Settings

_KINDS = ("document", "variant", "asset", "classification")


@click.command()
@click.argument("code")
@click.option("--kind", default="document", show_default=True, type=click.Choice(_KINDS))
@click.option("--locale", help="Show this locale alone.")
@click.option("--diff", is_flag=True, help="Show PIM and index side by side; asks the PIM.")
@click.option("--ask-pim", is_flag=True, help="Ask the PIM whether it has the resource.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    code: str, *, kind: str, locale: str | None, diff: bool, ask_pim: bool, as_json: bool
) -> None:
    """
    Tell the life of a resource: why it is, or is not, up to date.

    The first line answers; then come its notifications, its fetches, and each locale's search
    document, with what is pending and until when. Asking the PIM costs one request, or a few where
    Quable cuts lists; they are accounted for.

    \b
    Examples:
      quindex explain product_blue_pant
      quindex explain product_blue_pant --locale fr_FR --diff
      quindex explain size_chart --kind asset --json
    """
    asks = diff or ask_pim
    needs = ("kafka", "elasticsearch", "locales", *(("pim_url", "pim_token") if asks else ()))
    settings = read_settings(needs=needs)
    if locale is not None:
        if locale not in settings.locales:
            known = ", ".join(settings.locales)
            raise click.BadParameter(f"{locale!r} is not one of {known}", param_hint="--locale")
        settings = settings.model_copy(update={"locales": (locale,)})
    asyncio.run(_explain(settings, kind, code, asks=asks, diff=diff, as_json=as_json))


async def _explain(
    settings: "Settings", kind_name: str, code: str, *, asks: bool, diff: bool, as_json: bool
) -> None:
    from ops.comparing import compare_with_pim
    from ops.connections import elasticsearch_client
    from ops.explaining import Explainer
    from ops.failures import said_plainly
    from ops.spoken import to_count
    from ops.story import tell
    from pim.kinds import Kind

    kind = Kind(kind_name)
    with said_plainly(settings):
        async with elasticsearch_client(settings) as client:
            gathered = await Explainer(settings, client).gather(kind, code)
        life = gathered.life
        sides: Mapping[str, list[Difference]] = {}
        if asks:
            compared = await compare_with_pim(settings, kind, code, gathered.stored)
            click.echo(f"asked the PIM: {to_count(compared.requests, 'request')}", err=True)
            sides = compared.sides
            life = replace(life, in_pim=compared.in_pim)
    story = tell(life)
    if as_json:
        _print_json(life, story, sides if diff else None)
    else:
        _print(story, sides if diff else {})


def _print(story: "Story", sides: "Mapping[str, list[Difference]]") -> None:
    from ops.side_by_side import to_table

    click.echo(story.headline)
    if story.command:
        click.echo(f"Next: {story.command}")
    if story.lines:
        click.echo()
    for line in story.lines:
        click.echo(line)
    for name, differences in sides.items():
        click.echo()
        for line in to_table(name, differences):
            click.echo(line)


def _print_json(life: Any, story: Any, sides: "Mapping[str, list[Difference]] | None") -> None:
    from ops.terminal import to_json

    found: dict[str, Any] = {
        "headline": story.headline,
        "command": story.command,
        "lines": story.lines,
        **asdict(life),
        "letters": [
            {**asdict(each), "key": repr(each.key), "value": None} for each in life.letters
        ],
    }
    if sides is not None:
        found["diff"] = {
            locale: [asdict(each) for each in each_of] for locale, each_of in sides.items()
        }
    click.echo(to_json(found))

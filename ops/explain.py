"""quindex explain."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from ops.explaining import Gathered
    from ops.side_by_side import Difference
    from ops.story import Story
    from pim.kinds import Kind

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
    settings = load_settings(os.environ, needs=needs)
    if locale is not None:
        if locale not in settings.locales:
            known = ", ".join(settings.locales)
            raise click.BadParameter(f"{locale!r} is not one of {known}", param_hint="--locale")
        settings = settings.model_copy(update={"locales": (locale,)})
    asyncio.run(_explain(settings, kind, code, asks=asks, diff=diff, as_json=as_json))


async def _explain(
    settings: Settings, kind_name: str, code: str, *, asks: bool, diff: bool, as_json: bool
) -> None:
    from ops.connections import elasticsearch_client
    from ops.explaining import Explainer
    from ops.failures import said_plainly
    from ops.story import tell
    from pim.kinds import Kind

    kind = Kind(kind_name)
    with said_plainly(settings):
        async with elasticsearch_client(settings) as client:
            gathered = await Explainer(settings, client).gather(kind, code)
        life = gathered.life
        sides: Mapping[str, list[Difference]] = {}
        if asks:
            in_pim, sides = await _ask(settings, kind, code, gathered)
            life = replace(life, in_pim=in_pim)
    story = tell(life)
    if as_json:
        _print_json(life, story, sides if diff else None)
    else:
        _print(story, sides if diff else {})


async def _ask(
    settings: Settings, kind: "Kind", code: str, gathered: "Gathered"
) -> tuple[bool, Mapping[str, "list[Difference]"]]:
    """Return whether the PIM has it, and by locale what it says beside what the index says."""
    from ops.asking_pim import asking_pim, fetch_whole, to_snapshot
    from ops.reference import read_reference
    from ops.side_by_side import compare_paths
    from sinks.documents import project
    from sinks.rules_file import load_rules

    async with asking_pim(settings) as (pim, gate):
        resource = await fetch_whole(pim, kind, code)
        click.echo(f"asked the PIM: {gate.requests} requests", err=True)
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
        stored = gathered.stored.get(locale)
        is_live = stored is not None and not stored["deleted"]
        sides[locale] = compare_paths(wanted, stored if is_live else None)
    return resource is not None, sides


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

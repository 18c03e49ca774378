"""quindex tail."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from ops.given import read_settings
from ops.moments import Moment

if TYPE_CHECKING:
    from ops.noticed import Filter
    from runtime.settings import Settings

_KINDS: Final = ("document", "variant", "asset", "classification")
_SOURCES: Final = ("webhook", "cascade", "trigger", "replay", "marker", "mark")


@click.command()
@click.option("--code", "codes", multiple=True, help="Of this resource; may be repeated.")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(_KINDS))
@click.option("--event", "events", multiple=True, help="Such as document.update.")
@click.option("--locale", "locales", multiple=True, help="That touch this locale.")
@click.option("--source", "sources", multiple=True, type=click.Choice(_SOURCES))
@click.option("--since", type=Moment(), help="Begin so far back, such as 10m; default: now.")
@click.option("-n", "--number", type=click.IntRange(min=1), help="End after so many.")
@click.option("--no-follow", is_flag=True, help="End where the log ends now.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def command(
    codes: Sequence[str],
    *,
    kinds: Sequence[str],
    events: Sequence[str],
    locales: Sequence[str],
    sources: Sequence[str],
    since: float | None,
    number: int | None,
    no_follow: bool,
    as_json: bool,
) -> None:
    """
    Show notifications as they come, until Ctrl-C.

    \b
    Examples:
      quindex tail
      quindex tail --source webhook --kind document --locale fr_FR
      quindex tail --since 10m --no-follow --json
    """
    settings = read_settings(needs=("kafka",))

    from ops.failures import said_plainly
    from ops.noticed import Filter
    from pim.kinds import Kind
    from topics.notifications import Source

    wanted = Filter(
        frozenset(codes),
        frozenset(Kind(kind) for kind in kinds),
        frozenset(events),
        frozenset(locales),
        frozenset(Source(source) for source in sources),
    )
    with said_plainly(settings):
        asyncio.run(_tail(settings, wanted, since, number, follow=not no_follow, as_json=as_json))


async def _tail(
    settings: "Settings",
    wanted: "Filter",
    since_s: float | None,
    number: int | None,
    *,
    follow: bool,
    as_json: bool,
) -> None:
    import time

    from ops.following import follow_notifications
    from ops.noticed import to_line, to_noticed, to_object
    from ops.terminal import to_json

    shown = 0
    async for seen in follow_notifications(settings, since_s=since_s, follow=follow):
        noticed = to_noticed(seen)
        if not wanted.picks(noticed):
            continue
        click.echo(to_json(to_object(noticed)) if as_json else to_line(noticed, time.time()))
        shown += 1
        if shown == number:
            return

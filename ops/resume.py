"""quindex resume."""

import asyncio
import json
from typing import TYPE_CHECKING

import click

from ops.given import read_settings
from ops.pause import STAGES

if TYPE_CHECKING:
    from runtime.settings import Settings


@click.command()
@click.argument("stage", type=click.Choice(STAGES))
@click.option("--dry-run", is_flag=True, help="Say what would be done; do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def command(stage: str, dry_run: bool, as_json: bool) -> None:
    """
    Let a stage go on that quindex pause has paused.

    One that has stopped by itself is another matter: quindex dead-letters resume.
    """
    settings = read_settings(needs=("kafka",))
    asyncio.run(_resume(settings, stage, dry_run=dry_run))
    if as_json:
        click.echo(json.dumps({"resumed": stage, "dry_run": dry_run}))
        return
    click.echo(f"the stage {stage} {'would go' if dry_run else 'goes'} on")


async def _resume(settings: "Settings", stage: str, *, dry_run: bool) -> None:
    from ops.connections import publisher_of
    from ops.failures import said_plainly
    from ops.whole_logs import read_whole
    from runtime.errors import Refused
    from topics.names import TopicNames
    from topics.pauses import Pauses

    topic = TopicNames(settings.topic_prefix).control
    pauses = Pauses()
    with said_plainly(settings):
        for each in await read_whole(settings, topic):
            pauses.apply(each.key, each.value)
        if (pause := pauses.now.get(stage)) is None:
            raise Refused(f"The stage {stage} is not paused. See quindex status.")
        if not dry_run:
            async with publisher_of(settings) as publisher:
                await publisher.append(topic, key=pause.key, value=None)

"""quindex pause."""

import asyncio
import json
import time
from typing import TYPE_CHECKING

import click

from ops.given import read_settings

if TYPE_CHECKING:
    from runtime.settings import Settings


STAGES = ("debounce", "fetch", "index")


@click.command()
@click.argument("stage", type=click.Choice(STAGES))
@click.option("--reason", default="", help="Shown by quindex status to whoever wonders.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def command(stage: str, reason: str, dry_run: bool, as_json: bool) -> None:
    """
    Let a stage take nothing on, until it is resumed; nothing is lost.

    It finishes what is under way within seconds. Workers that are restarted stay paused.

    \b
    Examples:
      quindex pause fetch --reason "the PIM is being moved"
      quindex resume fetch
    """
    settings = read_settings(needs=("kafka",))
    if not dry_run:
        asyncio.run(_pause(settings, stage, reason))
    if as_json:
        click.echo(json.dumps({"paused": stage, "dry_run": dry_run}))
        return
    click.echo(f"the stage {stage} {'would be paused' if dry_run else 'is paused'}")


async def _pause(settings: "Settings", stage: str, reason: str) -> None:
    from ops.connections import publisher_of
    from ops.failures import said_plainly
    from topics.names import TopicNames
    from topics.pauses import StagePause

    pause = StagePause(stage, reason, time.time())
    with said_plainly(settings):
        async with publisher_of(settings) as publisher:
            topic = TopicNames(settings.topic_prefix).control
            await publisher.append(topic, key=pause.key, value=pause.to_json())

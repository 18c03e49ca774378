"""quindex setup."""

import asyncio
import json
import time
from typing import TYPE_CHECKING

import click

from ops.given import read_settings

if TYPE_CHECKING:
    from runtime.settings import Settings


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be changed; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes as one JSON object.")
def command(dry_run: bool, as_json: bool) -> None:
    """
    Create topics, indices, aliases and the epoch.

    Needs Kafka and Elasticsearch, not the PIM. Run it before the first start, after an upgrade,
    and after either store was lost or restored; the second time it changes nothing.
    """
    settings = read_settings(needs=("kafka", "elasticsearch", "locales"))
    changes = asyncio.run(set_up(settings, dry_run=dry_run))
    if as_json:
        click.echo(json.dumps({"changes": changes, "dry_run": dry_run}))
        return
    for change in changes:
        click.echo(f"would have {change}" if dry_run else change)
    if not changes:
        click.echo("nothing to change: everything is set up")


async def set_up(settings: "Settings", *, dry_run: bool = False) -> list[str]:
    """
    Bring Kafka and Elasticsearch to what the settings ask for; return what was changed, in words.

    With *dry_run* nothing is changed: the words are those of what would be.

    Raises:
        Unreachable: one of them does not answer.
        Refused: something is there that setup must not change.
    """
    from ops.connections import elasticsearch_client, kafka_admin, publisher_of
    from ops.failures import said_plainly
    from sinks.indices import check_server, ensure_indices
    from sinks.rules_file import load_rules
    from streams.epoch_keeper import EpochKeeper
    from topics.creation import ensure_topics
    from topics.layout import to_layouts
    from topics.names import TopicNames

    layouts = to_layouts(
        TopicNames(settings.topic_prefix), replication_factor=settings.replication_factor
    )
    async with elasticsearch_client(settings) as client:
        await check_server(client)
        with kafka_admin(settings) as admin:
            changes = await asyncio.to_thread(
                ensure_topics,
                admin,
                layouts,
                replication_factor=settings.replication_factor,
                dry_run=dry_run,
            )
        changes += await ensure_indices(
            client,
            prefix=settings.index_prefix,
            locales=settings.locales,
            rules=load_rules(settings.attributes),
            dry_run=dry_run,
        )
        # A broker that has yet to hear of a new topic would deny it.
        async with publisher_of(settings, needs_topics=False) as publisher:
            keeper = EpochKeeper(settings, client, publisher, time.time)
            with said_plainly(settings):
                stored = await keeper.plan() if dry_run else (await keeper.ensure())[1]
    return changes + stored

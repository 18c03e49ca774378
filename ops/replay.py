"""quindex replay."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ops.given import read_settings
from ops.moments import Moment

if TYPE_CHECKING:
    from runtime.settings import Settings
    from streams.time_span import Selection


@click.command()
@click.option("--since", "since_s", type=Moment(), required=True, help="From when on: 2h, a date.")
@click.option("--until", "until_s", type=Moment(), help="Up to when; default: now.")
@click.option("--code", "codes", multiple=True, help="Only of these resources.")
@click.option("--event", "events", multiple=True, help="Only of these events: document.update.")
@click.option("--dry-run", is_flag=True, help="Count; append nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def command(  # noqa: PLR0917  # the options, in their order
    since_s: float,
    until_s: float | None,
    codes: Sequence[str],
    events: Sequence[str],
    dry_run: bool,
    as_json: bool,
) -> None:
    """
    Append the notifications of a time span again, so that their resources are fetched anew.

    Kafka keeps them for seven days. Each resource is fetched once, however many there are of it.
    """
    settings = read_settings(needs=("kafka",))
    from streams.time_span import Selection

    selection = Selection(
        until_s=time.time() if until_s is None else until_s,
        codes=frozenset(codes),
        events=frozenset(events),
    )
    count = asyncio.run(_replay(settings, since_s, selection, dry_run=dry_run))
    if as_json:
        click.echo(json.dumps({"resources": count, "dry_run": dry_run}))
        return
    click.echo(f"{'would have' if dry_run else 'having'} {count} resources looked at again")


async def _replay(
    settings: "Settings", since_s: float, selection: "Selection", *, dry_run: bool
) -> int:
    from ops.connections import publisher_of
    from ops.failures import said_plainly
    from ops.progress import Progress
    from runtime.kafka_options import to_aiokafka_options
    from streams.time_span import read_span
    from topics.names import TopicNames
    from topics.notifications import Source, to_headers

    topic = TopicNames(settings.topic_prefix).notifications
    newest: dict[str, tuple[bytes | None, bytes]] = {}
    progress, read = Progress("notifications"), 0
    with said_plainly(settings):
        async for records, left in read_span(topic, to_aiokafka_options(settings), since_s=since_s):
            for record in records:
                key = selection.pick(record.value, appended_s=record.timestamp / 1000)
                if key is not None:
                    newest[key] = (record.key, record.value)
            read += len(records)
            progress("reading", read, left)
    if not dry_run:
        headers = to_headers(Source.REPLAY, now_s=time.time())
        async with publisher_of(settings) as publisher:
            for key_bytes, value in newest.values():
                await publisher.append(topic, key=key_bytes, value=value, headers=headers)
    return len(newest)

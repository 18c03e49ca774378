"""
quindex replay.

If the process dies, what it has appended stays, and is fetched; run again, it appends all anew.
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

import click

from ops.given import read_settings
from ops.moments import Moment

if TYPE_CHECKING:
    from runtime.errors import OperatorError, QuindexError
    from runtime.settings import Settings
    from streams.replaying import Repeat, Selection
    from topics.records import Publisher


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
    from streams.replaying import Selection

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
    from ops.connections import publisher_of, topics_missing
    from ops.failures import said_plainly
    from ops.progress import Progress
    from runtime.kafka_options import to_aiokafka_options
    from streams.replaying import Repeat, Replay
    from streams.time_span import read_span
    from topics.names import TopicNames
    from topics.notifications import Source, to_source

    topic, options = TopicNames(settings.topic_prefix).notifications, to_aiokafka_options(settings)
    span = read_span(topic, options, since_s=since_s, if_missing=topics_missing([topic]))
    replay, progress, read, done = Replay(), Progress("notifications"), 0, 0

    async def pass_on(resources: "Sequence[Sequence[Repeat]]") -> int:
        if publisher is None:
            return len(resources)
        told = Progress("resources")
        return await append(publisher, topic, resources, progress=told, done=done)

    async with AsyncExitStack() as stack:
        stack.enter_context(said_plainly(settings))
        publisher = None if dry_run else await stack.enter_async_context(publisher_of(settings))
        async for records, left in await stack.enter_async_context(aclosing(span)):
            for record in records:
                chosen = selection.pick(record.value, appended_s=record.timestamp / 1000)
                if chosen is not None:
                    is_ours = to_source(dict(record.headers)) is not Source.WEBHOOK
                    replay.add(chosen, Repeat(record.key, record.value), is_ours=is_ours)
            read += len(records)
            progress("reading", read, left)
            if replay.is_full or left == 0:
                done += await pass_on(replay.pop_all())
    return done


async def append(
    publisher: "Publisher",
    topic: str,
    resources: "Sequence[Sequence[Repeat]]",
    *,
    progress: "Callable[[str, int, int], None]",
    done: int = 0,
) -> int:
    """
    Append the notifications of each resource; return how many resources.

    Raises:
        OperatorError: Kafka did not take all; says how many it took, beside *done* before.
    """
    from runtime.errors import QuindexError
    from streams.appending import APPENDS_MAX, append_all
    from topics.notifications import Source, to_headers

    headers, appended = to_headers(Source.REPLAY, now_s=time.time()), 0

    async def append_one(repeats: "Sequence[Repeat]") -> None:
        nonlocal appended
        for repeat in repeats:  # in their order: the newest has the last word
            await publisher.append(topic, key=repeat.key, value=repeat.value, headers=headers)
        appended += 1
        if appended % APPENDS_MAX == 0 or appended == len(resources):
            progress("appending", appended, len(resources) - appended)

    try:
        await append_all(resources, append_one)
    except ExceptionGroup as failures:
        error = failures.exceptions[0]
        if not isinstance(error, QuindexError):
            raise
        raise to_stopped(done + appended, error) from failures
    return appended


def to_stopped(appended: int, error: "QuindexError") -> "OperatorError":
    """Return what is said where Kafka takes no more."""
    from runtime.errors import OperatorError, TransientError, Unreachable

    kind = Unreachable if isinstance(error, TransientError) else OperatorError
    return kind(
        f"{error}\nBefore that, the notifications of {appended} resources were appended again. "
        "Run the same command once more: what is there twice is only fetched once more."
    )

"""quindex deletes."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ops.given import read_settings
from ops.terminal import show as to_shown
from ops.terminal import to_json

if TYPE_CHECKING:
    from runtime.settings import Settings


@click.group()
def command() -> None:
    """
    Decide about deletes that the brake has parked.

    When the PIM suddenly denies more resources than QUINDEX_UNANNOUNCED_DELETES_MAX within an hour
    without having announced their deletion, the rest stays in the index until you decide.
    """


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def show(as_json: bool) -> None:
    """List what is parked."""
    braked = asyncio.run(_read(read_settings(needs=("kafka",))))[1]
    for key, at_s in sorted(braked.items()):
        if as_json:
            click.echo(to_json({"key": key, "at": at_s}))
        else:
            click.echo(
                f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%S} UTC  {to_shown(key)}"
            )
    if not braked and not as_json:
        click.echo("no deletes are parked")


@command.command()
@click.option("--dry-run", is_flag=True, help="Say what would go; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.argument("keys", nargs=-1, metavar="[KIND:CODE]...")
def confirm(keys: Sequence[str], dry_run: bool, as_json: bool) -> None:
    """Let parked deletes go: all, or those named. What the PIM has after all stays."""
    _resolve(keys, delete=True, dry_run=dry_run, as_json=as_json)


@command.command()
@click.option("--dry-run", is_flag=True, help="Say what would be kept; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
@click.argument("keys", nargs=-1, metavar="[KIND:CODE]...")
def discard(keys: Sequence[str], dry_run: bool, as_json: bool) -> None:
    """
    Keep what is parked: all, or those named.

    Each is looked at again too, and so is every unannounced delete that went through in the hour
    before the brake closed: if the PIM was wrong, they come back.
    """
    _resolve(keys, delete=False, dry_run=dry_run, as_json=as_json)


def _resolve(keys: Sequence[str], *, delete: bool, dry_run: bool, as_json: bool) -> None:
    settings = read_settings(needs=("kafka",))
    resolved, again = asyncio.run(_decide(settings, keys, delete=delete, dry_run=dry_run))
    if as_json:
        click.echo(to_json({"resolved": resolved, "again": again, "dry_run": dry_run}))
        return
    verb = "let go" if delete else "kept"
    click.echo(f"{'would have ' if dry_run else ''}{verb} {resolved} parked deletes")
    click.echo(f"{'would look' if dry_run else 'looking'} again at {again} earlier ones")


async def _read(settings: "Settings") -> tuple[dict[str, float], dict[str, float]]:
    """Return the unannounced deletes that went through, and the parked ones, by key."""
    from ops.failures import said_plainly
    from ops.whole_logs import read_whole
    from topics.control import fold_deletes
    from topics.names import TopicNames

    topic = TopicNames(settings.topic_prefix).control
    with said_plainly(settings):
        records = await read_whole(settings, topic)
    return fold_deletes((record.key, record.value) for record in records)


def to_again(passed: Mapping[str, float], braked: Mapping[str, float]) -> list[str]:
    """Return what went through in the hour before the brake closed, and since; not what ever did."""
    from streams.delete_brake import SPAN_S

    since_s = min(braked.values(), default=0.0) - SPAN_S
    return sorted(key for key, at_s in passed.items() if at_s > since_s)


async def _decide(
    settings: "Settings", keys: Sequence[str], *, delete: bool, dry_run: bool
) -> tuple[int, int]:
    from ops.connections import publisher_of
    from pim.kinds import parse_key
    from runtime.errors import Refused
    from topics.control import BRAKED, UNANNOUNCED, to_delete_key
    from topics.names import TopicNames
    from topics.notifications import Source, to_headers, to_key_bytes, to_synthetic

    passed, braked = await _read(settings)
    if unknown := [key for key in keys if key not in braked]:
        raise Refused(f"Not parked: {', '.join(unknown)}. See quindex deletes show.")
    chosen = list(keys) or sorted(braked)
    again = to_again(passed, braked) if chosen and set(chosen) == set(braked) else []
    if dry_run:
        return len(chosen), len(again)
    topics, now_s = TopicNames(settings.topic_prefix), time.time()
    async with publisher_of(settings) as publisher:
        for key in (*chosen, *again):
            kind, code = parse_key(key)
            is_parked = key in braked
            await publisher.append(
                topics.notifications,
                key=to_key_bytes(code),
                value=to_synthetic(
                    kind, code, now_s=now_s, reason="deletes", delete=delete and is_parked
                ),
                headers=to_headers(Source.TRIGGER, now_s=now_s),
            )
            await publisher.append(
                topics.control,
                key=to_delete_key(BRAKED if is_parked else UNANNOUNCED, key),
                value=None,
            )
    return len(chosen), len(again)

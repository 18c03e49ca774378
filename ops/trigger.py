"""quindex trigger."""

import asyncio
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ops.given import read_settings
from ops.terminal import show

if TYPE_CHECKING:
    from runtime.settings import Settings

_KINDS = ("document", "variant", "asset", "classification")


@click.command()
@click.argument("codes", nargs=-1, required=True, metavar="CODE...")
@click.option("--kind", default="document", show_default=True, type=click.Choice(_KINDS))
@click.option(
    "--after",
    "after_s",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Look no earlier than so many seconds from now.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be appended; append nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def command(
    codes: Sequence[str], kind: str, after_s: float | None, dry_run: bool, as_json: bool
) -> None:
    """
    Have resources looked at again, as if Quable had announced a change.

    From there it is an ordinary change: fetched under the quota, versioned, indexed.
    """
    for code in codes:
        check_code(code)
    settings = read_settings(needs=("kafka",))
    if not dry_run:
        asyncio.run(_trigger(settings, kind, codes, after_s))
    if as_json:
        keys = [f"{kind}:{code}" for code in codes]
        click.echo(json.dumps({"triggered": keys, "dry_run": dry_run}))
        return
    for code in codes:
        click.echo(f"{'would trigger' if dry_run else 'triggered'} {kind}:{show(code)}")


def check_code(code: str) -> None:
    """
    Look whether a code is text, which bytes that a shell passes on need not be.

    Raises:
        BadParameter: it is not.
    """
    try:
        code.encode()
    except UnicodeEncodeError as error:
        raise click.BadParameter(f"{show(code)} is not UTF-8", param_hint="CODE") from error


async def _trigger(
    settings: "Settings", kind: str, codes: Sequence[str], after_s: float | None
) -> None:
    from ops.connections import publisher_of
    from pim.kinds import Kind
    from topics.names import TopicNames
    from topics.notifications import Source, to_headers, to_key_bytes, to_synthetic

    topic = TopicNames(settings.topic_prefix).notifications
    now_s = time.time()
    not_before_s = None if after_s is None else now_s + after_s
    async with publisher_of(settings) as publisher:
        for code in codes:
            await publisher.append(
                topic,
                key=to_key_bytes(code),
                value=to_synthetic(Kind(kind), code, now_s=now_s, reason="trigger"),
                headers=to_headers(Source.TRIGGER, now_s=now_s, not_before_s=not_before_s),
            )

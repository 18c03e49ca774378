"""quindex quota."""

import asyncio
import os
import sys
from typing import Final

import click

from runtime.settings import load_settings

WATCH_EVERY_S: Final = 2.0
_CLEAR: Final = "\x1b[H\x1b[J"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--watch", is_flag=True, help="Look again every 2 s, until Ctrl-C.")
def command(as_json: bool, watch: bool) -> None:
    """
    Show how much of the PIM's quota is used, what waits for it, and for how long.

    Reads Kafka only, and sends no request to the PIM. Exit code: 4 when Kafka does not answer.

    \b
    Examples:
      quindex quota
      quindex quota --json | jq .lanes.process.done
    """
    settings = load_settings(os.environ, needs=("kafka",))

    from ops.failures import said_plainly
    from ops.quota_table import to_lines, to_object
    from ops.quota_view import read_quota_view
    from ops.terminal import to_json

    async def look() -> None:
        is_moving = watch and not as_json and sys.stdout.isatty()
        while True:
            view = await read_quota_view(settings)
            text = to_json(to_object(view)) if as_json else "\n".join(to_lines(view))
            click.echo(f"{_CLEAR}{text}" if is_moving else text)
            if not watch:
                return
            await asyncio.sleep(WATCH_EVERY_S)

    with said_plainly(settings):
        asyncio.run(look())

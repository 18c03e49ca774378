"""quindex status."""

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
    Say whether the index is fresh; if not, why, and which command mends it.

    Reads Kafka and Elasticsearch, and needs no address of any process. The first line is the
    verdict. Exit codes: 0 all is well, or as good as; 1 something is stuck; 4 Kafka or
    Elasticsearch does not answer.

    \b
    Examples:
      quindex status
      quindex status --json | jq .verdict
    """
    settings = load_settings(os.environ, needs=("kafka", "elasticsearch", "locales"))

    from ops.collector import Collector
    from ops.status_table import to_lines, to_object
    from ops.terminal import to_json
    from ops.verdict import Level, judge
    from runtime.errors import OperatorError, Unreachable

    async def look() -> int:
        collector = Collector(settings)
        is_moving = watch and not as_json and sys.stdout.isatty()
        while True:
            facts = await collector.collect()
            verdict = judge(facts)
            if as_json:
                click.echo(to_json(to_object(facts, verdict)))
            else:
                text = "\n".join(to_lines(facts, verdict))
                click.echo(f"{_CLEAR}{text}" if is_moving else text)
            if not watch:
                if facts.down:
                    return Unreachable.exit_code
                return OperatorError.exit_code if verdict.level is Level.ERROR else 0
            await asyncio.sleep(WATCH_EVERY_S)

    sys.exit(asyncio.run(look()))

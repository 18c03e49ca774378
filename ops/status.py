"""quindex status."""

import asyncio
import sys

import click

from ops.given import read_settings


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
    settings = read_settings(needs=("kafka", "elasticsearch", "locales"))

    from ops.collector import Collector
    from ops.status_table import to_lines, to_object
    from ops.terminal import to_json
    from ops.verdict import Level, judge
    from ops.watching import watch as show
    from runtime.errors import OperatorError, Unreachable

    collector = Collector(settings)

    async def look() -> tuple[str, int]:
        facts = await collector.collect()
        verdict = judge(facts)
        text = (
            to_json(to_object(facts, verdict)) if as_json else "\n".join(to_lines(facts, verdict))
        )
        if facts.down:
            return text, Unreachable.exit_code
        return text, OperatorError.exit_code if verdict.level is Level.ERROR else 0

    sys.exit(asyncio.run(show(look, again=watch, in_place=not as_json)))

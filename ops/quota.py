"""quindex quota."""

import asyncio

import click

from ops.given import read_settings


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
    settings = read_settings(needs=("kafka",))

    from ops.failures import said_plainly
    from ops.quota_table import to_lines, to_object
    from ops.quota_view import read_quota_view
    from ops.terminal import to_json
    from ops.watching import watch as show

    async def look() -> tuple[str, None]:
        view = await read_quota_view(settings)
        return to_json(to_object(view)) if as_json else "\n".join(to_lines(view)), None

    with said_plainly(settings):
        asyncio.run(show(look, again=watch, in_place=not as_json))

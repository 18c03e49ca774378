"""quindex rollback."""

import asyncio
import json

import click

from ops.given import read_settings


@click.command()
@click.option("--dry-run", is_flag=True, help="Say where readers would go; move nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def command(dry_run: bool, as_json: bool) -> None:
    """
    Move all readers back to the indices of before the last rebuild.

    Then the snapshots that came since are applied to them: nothing is lost. Possible for seven
    days after the rebuild.
    """
    settings = read_settings(needs=("kafka", "elasticsearch", "locales"))

    from ops.transfer_text import to_rollback_lines
    from ops.transfers import roll_back
    from runtime.logs import configure_logs

    configure_logs(level="warning")
    done = asyncio.run(roll_back(settings, dry_run=dry_run))
    if as_json:
        click.echo(json.dumps(done))
        return
    for line in to_rollback_lines(done):
        click.echo(line)

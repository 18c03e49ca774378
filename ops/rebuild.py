"""quindex rebuild."""

import asyncio
import json

import click

from ops.given import read_settings

NEEDS = ("kafka", "elasticsearch", "locales")


@click.command()
@click.option(
    "--parallel",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Readers side by side, each a process of its own.",
)
@click.option("--dry-run", is_flag=True, help="Fill and compare; swap nothing.")
@click.option("--from-pim", is_flag=True, help="Read the whole PIM into snapshots first.")
@click.option("--complete", "only_complete", is_flag=True, help="Only read on after a swap.")
@click.option("--share", hidden=True, help="I/N: read one share of the partitions, no more.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def command(  # noqa: PLR0917  # the options, in their order
    parallel: int,
    dry_run: bool,
    from_pim: bool,
    only_complete: bool,
    share: str | None,
    as_json: bool,
) -> None:
    """
    Fill new indices from the topic of snapshots and move all readers to them.

    Needs no request to the PIM, and loses no write: searches and edits go on meanwhile. Where
    snapshots was lost, --from-pim has the workers backfill it before. Stopped at any point, it goes on there the next time. The old indices are kept for quindex rollback.
    """
    settings = read_settings(needs=NEEDS)

    from ops.transfer_text import to_rebuild_lines
    from ops.transfers import complete, fill_share, open_rebuild, read_pim, rebuild
    from runtime.errors import Refused
    from runtime.logs import configure_logs
    from sinks.transfers import Phase, read_transfer

    configure_logs(level="warning")
    if share is not None:
        mine, _, of = share.partition("/")
        asyncio.run(fill_share(settings, int(mine), int(of)))
        return

    async def finish() -> dict[str, object]:
        async with open_rebuild(settings) as work:
            stored = await read_transfer(work.client, settings.index_prefix)
            if stored is None or stored.transfer.phase is not Phase.SWAPPED:
                raise Refused("No swap waits to be completed.")
            return {"read_on": await complete(work, stored)}

    if from_pim:
        asyncio.run(read_pim(settings))
    done = asyncio.run(
        finish() if only_complete else rebuild(settings, parallel=parallel, dry_run=dry_run)
    )
    if as_json:
        click.echo(json.dumps(done))
        return
    for line in to_rebuild_lines(done):
        click.echo(line)

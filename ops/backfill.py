"""quindex backfill."""

import asyncio
import json
from collections.abc import Sequence

import click

from ops.given import read_settings
from ops.moments import Moment

_KINDS = ("document", "variant", "asset", "classification")


@click.command()
@click.option("--kind", "kinds", type=click.Choice(_KINDS), multiple=True, help="Default: all.")
@click.option("--since", "since_s", type=Moment(), help="Only what was modified since: 2h, a date.")
@click.option("--detach", is_flag=True, help="Start it and return at once.")
@click.option("--dry-run", is_flag=True, help="Say what would be read; start nothing.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the result as one JSON object per scan."
)
def command(
    kinds: Sequence[str], since_s: float | None, detach: bool, dry_run: bool, as_json: bool
) -> None:
    """
    Bring every resource into the index.

    Reads the PIM page by page, 100 resources for one request, under the quota and behind live
    edits. The workers do it: Ctrl-C only stops watching. quindex scans cancel stops a scan.
    """
    settings = read_settings(needs=("kafka",))

    from ops.progress import Progress
    from ops.scanning import (
        follow,
        refuse_failed,
        start_scans,
        tell_started,
        to_kinds,
        to_left,
    )
    from topics.scans import ScanPurpose, ScanRecord

    chosen = to_kinds(kinds, settings)
    if dry_run:
        line = f"would read all resources of {', '.join(chosen)}"
        click.echo(json.dumps({"kinds": chosen, "dry_run": True}) if as_json else line)
        return
    scans = asyncio.run(start_scans(settings, ScanPurpose.BACKFILL, chosen, since_s=since_s))
    tell_started(scans, as_json=as_json and detach)
    if detach:
        return
    progress = Progress("resources", limit="the PIM's quota")

    def report(mine: list[ScanRecord]) -> None:
        progress("reading", sum(scan.resources for scan in mine), to_left(mine))

    done = asyncio.run(follow(settings, [scan.id for scan in scans], report))
    for scan in done:
        if as_json:
            click.echo(json.dumps(scan.model_dump(mode="json", by_alias=True)))
        else:
            click.echo(
                f"{scan.phase.value}: {scan.resources} resources of {scan.kind.value}, "
                f"{scan.requests} requests to the PIM"
            )
    refuse_failed(done)

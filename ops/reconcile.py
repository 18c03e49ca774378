"""quindex reconcile."""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Final

import click

from ops.given import read_settings
from ops.moments import Moment
from ops.terminal import show

DRIFT: Final = 6
_KINDS = ("document", "variant", "asset", "classification")


@click.command()
@click.option("--kind", "kinds", type=click.Choice(_KINDS), multiple=True, help="Default: all.")
@click.option(
    "--since",
    "since_s",
    type=Moment(),
    help="Only what was modified since: fast, but sees no delete.",
)
@click.option("--dry-run", is_flag=True, help="Only compare and report.")
@click.option("--detach", is_flag=True, help="Start it and return at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
def command(
    kinds: Sequence[str], since_s: float | None, dry_run: bool, detach: bool, as_json: bool
) -> None:
    """
    Compare the PIM with the index, content by content, and have what differs looked at again.

    Exit code 6 when drift was found. The workers do it, one request to the PIM per 100 resources:
    Ctrl-C only stops watching.
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

    purpose = ScanPurpose.COMPARE if dry_run else ScanPurpose.RECONCILE
    scans = asyncio.run(start_scans(settings, purpose, to_kinds(kinds, settings), since_s=since_s))
    if detach:
        tell_started(scans, as_json=as_json)
        return
    progress = Progress("resources", limit="the PIM's quota")

    def report(mine: list[ScanRecord]) -> None:
        progress("comparing", sum(scan.resources for scan in mine), to_left(mine))

    done = asyncio.run(follow(settings, [scan.id for scan in scans], report))
    names = ("missing", "different", "extra", "same", "moved_on", "resources", "requests")
    totals = {name: sum(int(getattr(scan, name)) for scan in done) for name in names}
    examples = [example for scan in done for example in scan.examples]
    drift = sum(scan.drift for scan in done)
    if as_json:
        phases = {scan.id: scan.phase.value for scan in done}
        found = {**totals, "drift": drift, "examples": examples, "scans": phases}
        click.echo(json.dumps(found))
    else:
        for name, count in totals.items():
            click.echo(f"{name.replace('_', ' '):<10} {count}")
        for example in examples:
            click.echo(f"  {show(example)}")
        if drift and not dry_run:
            click.echo(
                "what differs is looked at again; quindex reconcile --dry-run shows the rest"
            )
    refuse_failed(done)
    if drift:
        sys.exit(DRIFT)

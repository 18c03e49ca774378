"""quindex scans."""

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ops.given import read_settings
from ops.terminal import show

if TYPE_CHECKING:
    from topics.scans import ScanRecord


@click.group()
def command() -> None:
    """Look at scans (backfill and reconcile), follow or cancel them."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per scan.")
def list_(as_json: bool) -> None:
    """List the scans of the last days, oldest first."""
    from ops.scanning import ScanLog

    settings = read_settings(needs=("kafka",))
    scans = asyncio.run(ScanLog(settings).read())
    for scan in scans:
        click.echo(_to_text(scan, as_json))
    if not scans and not as_json:
        click.echo("no scans")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print its end as one JSON object.")
@click.argument("scan_id")
def watch(scan_id: str, as_json: bool) -> None:
    """Follow a scan until it is over; Ctrl-C only stops watching."""
    from ops.progress import Progress
    from ops.scanning import follow, to_left

    settings = read_settings(needs=("kafka",))
    _find(scan_id)
    progress = Progress("resources", limit="the PIM's quota")

    def report(mine: "list[ScanRecord]") -> None:
        progress("reading", sum(scan.resources for scan in mine), to_left(mine))

    for scan in asyncio.run(follow(settings, [scan_id], report)):
        click.echo(_to_text(scan, as_json))


@command.command()
@click.argument("scan_id")
@click.option("--dry-run", is_flag=True, help="Say what would be cancelled; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the scan as one JSON object.")
def cancel(scan_id: str, dry_run: bool, as_json: bool) -> None:
    """Stop a scan at its next page. What it has read stays."""
    from ops.scanning import cancel_scan

    scan = _find(scan_id)
    if not dry_run:
        asyncio.run(cancel_scan(read_settings(needs=("kafka",)), scan_id))
    if as_json:
        click.echo(_to_text(scan, as_json))
    else:
        click.echo(f"{'would cancel' if dry_run else 'cancelling'} {_to_line(scan)}")


def _find(scan_id: str) -> "ScanRecord":
    from ops.scanning import ScanLog
    from runtime.errors import Refused

    settings = read_settings(needs=("kafka",))
    for scan in asyncio.run(ScanLog(settings).read()):
        if scan.id == scan_id:
            return scan
    raise Refused(f"There is no scan {scan_id}. See quindex scans list.")


def _to_text(scan: "ScanRecord", as_json: bool) -> str:
    return json.dumps(scan.model_dump(mode="json", by_alias=True)) if as_json else _to_line(scan)


def _to_line(scan: "ScanRecord") -> str:
    began = datetime.fromtimestamp(scan.began_s, UTC)
    total = "?" if scan.total is None else str(scan.total)
    return (
        f"{scan.id}  {scan.purpose.value:<9} {scan.kind.value:<14} {scan.phase.value:<9} "
        f"{scan.resources}/{total} resources  {scan.requests} requests  drift {scan.drift}  "
        f"since {began:%Y-%m-%d %H:%M:%S} UTC"
        f"{f'  {show(scan.error)}' if scan.error else ''}"
    )

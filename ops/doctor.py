"""quindex doctor."""

import asyncio
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from ops.given import read_settings
from ops.terminal import show

if TYPE_CHECKING:
    from runtime.settings import Settings


_MARKS: Final = {"ok": "ok     ", "warning": "WARNING", "error": "ERROR  "}


@click.command()
@click.option("--url", help="Where Quable calls, such as https://hooks.example.org: checks TLS.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per check.")
def command(url: str | None, as_json: bool) -> None:
    """
    Examine the installation: settings, secrets, Kafka, Elasticsearch, the PIM, the spool, clocks.

    Each line is ok, WARNING or ERROR, and says what to do. It sends a few requests to the PIM,
    accounts for them in the quota, and says how many they were. Exit code 1: there are errors.

    \b
    Examples:
      quindex doctor
      quindex doctor --url https://hooks.example.org --json
    """
    if url is not None:
        check_address(url)
    needs = ("kafka", "elasticsearch", "locales", "pim_url", "pim_token")
    settings = read_settings(needs=needs)
    sys.exit(asyncio.run(_examine(settings, url, as_json=as_json)))


def check_address(url: str) -> None:
    """
    Look whether Quable could call an address at all.

    Raises:
        BadParameter: it could not.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        is_address = parts.scheme == "https" and bool(host) and parts.port != 0
    except ValueError:  # a port beyond all ports, brackets left open, a name that cannot be one
        is_address = False
    if not is_address:
        raise click.BadParameter(
            f"{show(url)} is not an address such as https://hooks.example.org", param_hint="--url"
        )


async def _examine(settings: "Settings", url: str | None, *, as_json: bool) -> int:
    from ops.checks import Check, Grade, to_worst
    from ops.examining import Examiner
    from ops.terminal import to_json
    from runtime.errors import OperatorError

    found: list[Check] = []
    async for check in Examiner(settings, url).examine():
        found.append(check)
        if as_json:
            click.echo(to_json(asdict(check)))
            continue
        click.echo(f"{_MARKS[check.grade.value]} {show(check.name)}: {show(check.found)}")
        if check.advice:
            click.echo(f"        {check.advice}")
    worst = to_worst(found)
    if not as_json:
        errors = sum(check.grade is Grade.ERROR for check in found)
        warnings = sum(check.grade is Grade.WARNING for check in found)
        click.echo(f"{len(found)} checks, {errors} errors, {warnings} warnings", err=True)
    return OperatorError.exit_code if worst is Grade.ERROR else 0

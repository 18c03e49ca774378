"""The demo: what it starts, the steps that it shows, and the figures that it measures."""

import asyncio
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import click

from ops.demo_steps import STEPS, DemoFailed, Step, load_catalog
from ops.installation import Installation
from runtime.errors import OperatorError
from stack.local import LocalStack

SETTLE_WITHIN_S: Final = 120.0


async def run_demo(*, once: bool, documents: int) -> int:
    """Run the demo; return the exit code."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopping.set)
    work = asyncio.create_task(_run(stopping, once=once, documents=documents))
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait([work, stop], return_when=asyncio.FIRST_COMPLETED)
    if not work.done() and once:
        work.cancel()
    stop.cancel()
    try:
        return await work
    except asyncio.CancelledError:
        return 130
    except DemoFailed as error:
        click.echo(f"\nThe demo failed: {error}", err=True)
        return 1


async def _run(stopping: asyncio.Event, *, once: bool, documents: int) -> int:
    began_s = time.monotonic()
    async with _installation(documents) as installation:
        _say(
            "up", "Kafka, Elasticsearch, simulator, ingress, 2 workers", time.monotonic() - began_s
        )
        await _show(installation, load_catalog)
        for step in STEPS:
            if stopping.is_set():
                return 130
            await _show(installation, step)
        if once:
            click.echo(f"\nAll shown in {time.monotonic() - began_s:.0f} s.")
            return 0
        _invite(installation)
        await stopping.wait()
        click.echo("\nstopping ...")
    return 0


@asynccontextmanager
async def _installation(documents: int) -> AsyncIterator[Installation]:
    with tempfile.TemporaryDirectory(prefix="quindex-demo-") as folder:
        stack = LocalStack(Path(folder) / "stack")
        installation: Installation | None = None
        try:
            click.echo("starting a real Kafka and a real Elasticsearch ...", err=True)
            await asyncio.to_thread(stack.start)
            installation = Installation(
                stack.kafka, stack.elasticsearch, Path(folder), documents=documents
            )
            await installation.start(workers=2)
            yield installation
        finally:
            if installation is not None:
                await installation.stop()
            await asyncio.to_thread(stack.stop)


async def _show(installation: Installation, step: Step) -> None:
    began_s = time.monotonic()
    try:
        shown = await step(installation)
    except OperatorError as error:
        raise DemoFailed(str(error)) from error
    _say(step.__name__.replace("_", " "), shown, time.monotonic() - began_s)


def _say(name: str, shown: str, took_s: float) -> None:
    click.echo(f"{click.style('ok', fg='green')}  {name:<34} {shown}  [{took_s:.1f} s]")


def _invite(installation: Installation) -> None:
    settings = installation.settings
    click.echo(
        f"""
It is all running:
  webhook        {installation.webhook_url}
  PIM (Quable)   {installation.simulator_url}/api   token: simulator-token
  Elasticsearch  {installation.elasticsearch}   aliases: {settings.index_prefix}-fr_fr …
  Kafka          {installation.kafka}   topics: {settings.topic_prefix}.notifications …
  logs           {installation.folder}

Three things to try:

  1. Edit a product in the PIM; it is searchable about two seconds later.
     curl -s -X POST {installation.simulator_url}/control/edit -H 'content-type: application/json' \\
       -d '{{"code": "product_blue_pant", "locale": "fr_FR", "attributes": {{"name": "Pantalon turquoise"}}}}'

  2. Search for it, by another form of the word.
     curl -s '{installation.elasticsearch}/{settings.index_prefix}-fr_fr/_search?q=pantalons+turquoises&filter_path=hits.hits._source.name'

  3. Post a notification as Quable would.
     curl -si -X POST {installation.webhook_url} -H 'Authorization: {installation.authorization}' -d \\
       '{{"uuid":"1","code":"document.update","resource":{{"code":"product_blue_pant","type":"document"}}}}'

Ctrl-C stops everything and leaves nothing behind."""
    )

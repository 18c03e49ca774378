"""The demo: what it starts, the steps that it shows, and the figures that it measures."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Iterator
from typing import Final

import click
import httpx

from ops.demo_steps import STEPS, DemoFailed, Step, load_catalog
from ops.failures import said_plainly
from ops.installation import Installation
from runtime.errors import OperatorError, Unreachable
from stack.child import Child
from stack.local import LocalStack
from stack.server import Server

INTERRUPTED: Final = 130
_LOOK_EVERY_S: Final = 0.5


def run_demo(*, once: bool, documents: int) -> int:
    """
    Run the demo; return the exit code.

    Raises:
        KeyboardInterrupt: SIGINT or SIGTERM while the servers start or stop; both are gone then.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end it in the same way
    began_s = time.monotonic()
    click.echo("starting a real Kafka and a real Elasticsearch ...", err=True)
    # In this thread, where a signal interrupts it, even in the middle of a download.
    with LocalStack() as stack:
        return asyncio.run(_run_until_signal(stack, began_s, once=once, documents=documents))


async def _run_until_signal(
    stack: LocalStack, began_s: float, *, once: bool, documents: int
) -> int:
    """A signal cancels the work at once; a second one, its orderly end."""
    work = asyncio.create_task(_run(stack, began_s, once=once, documents=documents))
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, work.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        return INTERRUPTED
    except DemoFailed as error:
        click.echo(f"\nThe demo failed: {error}", err=True)
        return 1


async def _run(stack: LocalStack, began_s: float, *, once: bool, documents: int) -> int:
    async with _installation(stack, documents) as installation:
        _say(
            "up", "Kafka, Elasticsearch, simulator, ingress, 2 workers", time.monotonic() - began_s
        )
        await _show_all(stack, installation)
        if once:
            click.echo(f"\nAll shown in {time.monotonic() - began_s:.0f} s.")
            return 0
        _invite(installation)
        with contextlib.suppress(asyncio.CancelledError):  # until a signal
            async for said in _ends(stack, installation):
                click.echo(f"\n{said}\n\nThe others still run; Ctrl-C stops them.", err=True)
        click.echo("\nstopping ...")
    return 0


@contextlib.asynccontextmanager
async def _installation(stack: LocalStack, documents: int) -> AsyncIterator[Installation]:
    # On the servers' folder, which goes with them, even if this process is killed.
    folder = stack.folder / "installation"
    installation = Installation(
        stack.kafka, stack.elasticsearch, folder, documents=documents, wipe=stack.folder
    )
    try:
        with _said_plainly(installation):
            await installation.start(workers=2)
        yield installation
    finally:
        await installation.stop()


async def _show_all(stack: LocalStack, installation: Installation) -> None:
    """
    Show each step, as long as everything runs.

    Raises:
        DemoFailed: a step did not show what it promised, or a process has ended.
    """
    try:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(_fail_if_one_ends(stack, installation))
            for step in (load_catalog, *STEPS):
                await _show(installation, step)
            watch.cancel()
    except* OperatorError as errors:
        # Of the end of a process, if that is why, a step knows before those who look after it do.
        await asyncio.sleep(_LOOK_EVERY_S)
        said = [*_to_ends(stack, installation).values(), *map(str, errors.exceptions)]
        failed = DemoFailed(said[0])
    else:
        return
    raise failed


async def _show(installation: Installation, step: Step) -> None:
    began_s = time.monotonic()
    with _said_plainly(installation):
        shown = await step(installation)
    _say(step.__name__.replace("_", " "), shown, time.monotonic() - began_s)


@contextlib.contextmanager
def _said_plainly(installation: Installation) -> Iterator[None]:
    try:
        with said_plainly(installation.settings):
            yield
    except httpx.HTTPError as error:
        url = installation.simulator_url
        raise Unreachable(f"The simulator at {url} does not answer: {error!r}") from error


async def _fail_if_one_ends(stack: LocalStack, installation: Installation) -> None:
    async for said in _ends(stack, installation):
        raise DemoFailed(said)


async def _ends(stack: LocalStack, installation: Installation) -> AsyncIterator[str]:
    """Yield what there is to say of each process that ends by itself, for ever."""
    told: set[str] = set()
    while True:
        for name, said in _to_ends(stack, installation).items():
            if name not in told:
                told.add(name)
                yield said
        await asyncio.sleep(_LOOK_EVERY_S)


def _to_ends(stack: LocalStack, installation: Installation) -> dict[str, str]:
    """Return what there is to say of each process that runs no more, by its name."""
    ended: list[Server | Child] = [each for each in stack.servers if each.running() is None]
    ended += installation.ended
    return {each.name: f"{each.name} ended.\n{each.log_tail()}" for each in ended}


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

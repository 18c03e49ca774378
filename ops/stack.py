"""quindex stack."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runtime.errors import Unreachable
from stack.say import say_on_stderr

if TYPE_CHECKING:
    from stack.server import Server, Status

_PORT = click.IntRange(0, 65_535)

_folder = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".quindex/stack"),
    show_default=True,
    help="Where data, configuration and logs are.",
)


@click.group()
def command() -> None:
    """
    Run a local Kafka and Elasticsearch, without Docker.

    They are for trying quindex and for its tests: one broker, one node, on the loopback address.
    """


@command.command()
@_folder
@click.option("--kafka-port", type=_PORT, default=9092, show_default=True, help="0: a free one.")
@click.option(
    "--elasticsearch-port", type=_PORT, default=9200, show_default=True, help="0: a free one."
)
def up(folder: Path, kafka_port: int, elasticsearch_port: int) -> None:
    """
    Start both, in the background, and print their addresses as settings.

    What runs already is left as it is. The first time, some 100 MB are downloaded.
    """
    from stack.local import LocalStack

    stack = LocalStack(folder, kafka_port=kafka_port, elasticsearch_port=elasticsearch_port)
    for server in stack.servers:
        if claim := server.running():
            say_on_stderr(f"{server.name} already runs on port {claim.port}")
        else:
            say_on_stderr(f"starting {server.name} in {server.folder} ...")
    stack.start(detached=True)
    click.echo(f"QUINDEX_KAFKA={stack.kafka}")
    click.echo(f"QUINDEX_ELASTICSEARCH={stack.elasticsearch}")


@command.command()
@_folder
@click.option("--wipe", is_flag=True, help="Delete the data, configuration and logs too.")
def down(folder: Path, wipe: bool) -> None:
    """Stop both; their data is kept."""
    from stack.local import LocalStack

    for server in LocalStack(folder).servers:
        if claim := server.running():
            say_on_stderr(f"stopping {server.name} ...")
            server.stop()
            click.echo(f"stopped {server.name} (process {claim.pid})")
        else:
            click.echo(f"{server.name} does not run in {server.folder}")
        if wipe and server.folder.exists():
            shutil.rmtree(server.folder)
            click.echo(f"deleted {server.folder}")
    if wipe and folder.exists() and not any(folder.iterdir()):
        folder.rmdir()


@command.command()
@_folder
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def status(folder: Path, as_json: bool) -> None:
    """Say what runs, where, and whether it answers; exit code 4 if one of both does not."""
    from stack.local import LocalStack

    servers = LocalStack(folder).servers
    found = {server.name.lower(): server.status() for server in servers}
    if as_json:
        click.echo(json.dumps({name: each.to_dict() for name, each in found.items()}))
    else:
        for server in servers:
            click.echo(f"{server.name:14}{_in_words(server, found[server.name.lower()])}")
    down = [name for name, each in found.items() if not each.answers]
    if down:
        raise Unreachable(
            f"{' and '.join(down)} in {folder} cannot be used: `quindex stack up` starts what does "
            "not run, and the logs there say why one that runs does not answer."
        )


def _in_words(server: "Server", status: "Status") -> str:
    if status.pid is None:
        return "does not run"
    answers = "answers" if status.answers else f"does not answer, see {server.log}"
    return f"process {status.pid}  {status.address}  {answers}"

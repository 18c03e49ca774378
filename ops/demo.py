"""quindex demo."""

import sys
from typing import Final

import click

DOCUMENTS_MAX: Final = 2_000
"""They, and all that goes with them, are compared whole and in every locale, several times."""


@click.command()
@click.option("--once", is_flag=True, help="Prove it and exit: 0 if everything was shown.")
@click.option(
    "--documents",
    default=300,
    show_default=True,
    type=click.IntRange(20, DOCUMENTS_MAX),
    help="Size of the catalog.",
)
def command(once: bool, documents: int) -> None:
    """
    Show an edit in the PIM become searchable.

    Starts a real Kafka, a real Elasticsearch, a simulated Quable, the ingress and two workers on
    this machine, and prints each step with what it shows and its measured figure. Without --once
    it stays up for you to try things; Ctrl-C leaves nothing behind.
    """
    from ops.demo_run import run_demo
    from runtime.logs import configure_logs

    configure_logs(level="warning")
    sys.exit(run_demo(once=once, documents=documents))

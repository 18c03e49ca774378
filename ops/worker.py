"""quindex worker."""

import asyncio
import os
import sys

import click

from ops.given import read_settings

NEEDS = ("kafka", "elasticsearch", "locales", "pim_url", "pim_token")


@click.command()
def command() -> None:
    """
    Debounce, fetch and index.

    Run as many as you like: Kafka hands out the partitions, one of them owns the requests to the
    PIM. SIGTERM drains, commits and leaves the group; give it 30 seconds. Exit code 70 means that
    a watchdog ended it: start it again.
    """
    settings = read_settings(needs=NEEDS)

    from ops.pipeline import run_worker
    from runtime import points
    from runtime.errors import MustRestart
    from runtime.logs import configure_logs
    from runtime.loop import Loop
    from runtime.tracing import exported_traces

    configure_logs(level=settings.log_level)
    points.arm(os.environ)
    with (
        exported_traces(settings.otlp_endpoint, process="worker"),
        asyncio.Runner(loop_factory=Loop) as runner,
    ):
        try:
            runner.run(run_worker(settings))
        except MustRestart as error:
            sys.exit(error.exit_code)  # the log has said why

"""quindex console."""

import asyncio

import click

from ops.given import read_settings


@click.command()
def command() -> None:
    """
    Show the installation in a browser: what is stuck, a resource's life, dead letters, scans.

    Listens on QUINDEX_CONSOLE_HOST and QUINDEX_CONSOLE_PORT. Anywhere but on this machine's loopback
    it wants QUINDEX_CONSOLE_TOKEN, which visitors then give. Ctrl-C ends it.

    \b
    Examples:
      quindex console
      QUINDEX_CONSOLE_PORT=0 quindex console
    """
    settings = read_settings(needs=("kafka", "elasticsearch", "locales"))

    from ops.pages.serving import check_exposed, serve
    from runtime.logs import configure_logs

    check_exposed(settings)
    configure_logs(level=settings.log_level)
    asyncio.run(serve(settings))

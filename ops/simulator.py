"""`quindex simulator`: Quable in a box."""

import click


@click.command(
    context_settings={"auto_envvar_prefix": "QUINDEX_SIMULATOR", "show_default": True},
    epilog="Every option can be an environment variable: --time-scale is QUINDEX_SIMULATOR_TIME_SCALE.",
)
@click.option("--host", default="127.0.0.1", help="Address to listen on.")
@click.option("--port", default=8190, type=click.IntRange(0, 65_535), help="0: a free one.")
@click.option(
    "--documents", default=300, type=click.IntRange(0, 1_000_000), help="Size of the catalog."
)
@click.option("--locales", default="fr_FR,fr_BE,en_GB", help="Active locales; comma separated.")
@click.option(
    "--fallbacks",
    default="fr_BE:fr_FR",
    help="Which locale inherits from which: child:parent; comma separated.",
)
@click.option("--seed", default=1, help="The same seed gives the same catalog.")
@click.option("--token", default="simulator-token", help="Full Access token of the REST API.")
@click.option("--read-token", default=None, help="Read Access token: GET only.")
@click.option("--webhook-url", default=None, help="Where to send notifications.")
@click.option("--webhook-authorization", default=None, help="Authorization header, verbatim.")
@click.option(
    "--webhook-in-flight",
    default=8,
    type=click.IntRange(min=1),
    help="Webhook calls under way at once.",
)
@click.option(
    "--webhook-counting",
    default="notification",
    type=click.Choice(["notification", "webhook"]),
    help="Whose three failures disable the webhook: one notification's, or any.",
)
@click.option(
    "--time-scale",
    default=1.0,
    type=click.FloatRange(min=0, min_open=True),
    help="60: five minutes between attempts become five seconds.",
)
@click.option(
    "--quota",
    "quotas",
    multiple=True,
    metavar="REQUESTS/SECONDS",
    help="A sliding window; may be repeated. Default: Quable's, 6000/600 and 300000/86400.",
)
def command(**options: object) -> None:
    """
    Run a simulated Quable: REST API v5, webhooks, and a control API to edit and to break things.

    Prints one line per address once it answers, and runs until Ctrl-C or SIGTERM.
    """
    # The server is imported only when it runs, so that --help stays quick.
    from simulator.server import parse_options, serve

    serve(parse_options(options), announce=click.echo)

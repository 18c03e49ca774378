"""`quindex ingress`: take Quable's webhook calls."""

import click


@click.command("ingress")
def command() -> None:
    """
    Take Quable's webhook calls and append them to Kafka.

    Answers 2xx only once a call is stored: in Kafka, else in the spool on this disk.
    """
    import uvloop

    from ingress.process import run_ingress
    from ops.given import read_settings
    from runtime.logs import configure_logs
    from runtime.tracing import exported_traces

    settings = read_settings(needs=("kafka", "webhook_authorization"))
    configure_logs(level=settings.log_level)
    with exported_traces(settings.otlp_endpoint, process="ingress"):
        uvloop.run(run_ingress(settings))

"""How each client library is told where Kafka is and who we are."""

import ssl
from typing import Any

from runtime.errors import SettingsInvalid
from runtime.settings import Settings


def to_kafka_python_options(settings: Settings) -> dict[str, Any]:
    """Return the keyword arguments that each client of kafka-python takes for its connections."""
    options = _to_options(settings)
    if _is_encrypted(settings) and settings.kafka_ca:
        options["ssl_cafile"] = settings.kafka_ca
    return options


def to_aiokafka_options(settings: Settings) -> dict[str, Any]:
    """Return the keyword arguments that each client of aiokafka takes for its connections."""
    options = _to_options(settings)
    if (context := to_ssl_context(settings)) is not None:
        options["ssl_context"] = context
    return options


def to_ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """
    Return the context that checks the brokers' certificates; None: they have none.

    Raises:
        SettingsInvalid: the file of QUINDEX_KAFKA_CA cannot be used.
    """
    if not _is_encrypted(settings):
        return None
    try:
        return ssl.create_default_context(cafile=settings.kafka_ca or None)
    except OSError as error:  # an SSLError too: it holds no certificate
        raise SettingsInvalid(
            f"QUINDEX_KAFKA_CA names {settings.kafka_ca}, which cannot be used: {error}. "
            "It must be a file of certificates in PEM."
        ) from error


def _to_options(settings: Settings) -> dict[str, Any]:
    options: dict[str, Any] = {
        "bootstrap_servers": to_bootstrap_servers(settings),
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.startswith("SASL_"):
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password.get_secret_value(),
        }
    return options


def to_bootstrap_servers(settings: Settings) -> list[str]:
    """Return the brokers to ask first, as host:port."""
    return [part.strip() for part in settings.kafka.split(",") if part.strip()]


def _is_encrypted(settings: Settings) -> bool:
    return settings.kafka_security_protocol.endswith("SSL")

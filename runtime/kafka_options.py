"""How kafka-python is told where Kafka is and who we are; the same for every client of ours."""

from typing import Any

from runtime.settings import Settings


def to_kafka_python_options(settings: Settings) -> dict[str, Any]:
    """Return the keyword arguments that each client of kafka-python takes for its connections."""
    options: dict[str, Any] = {
        "bootstrap_servers": [part.strip() for part in settings.kafka.split(",") if part.strip()],
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.startswith("SASL_"):
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password.get_secret_value(),
        }
    if settings.kafka_security_protocol.endswith("SSL") and settings.kafka_ca:
        options["ssl_cafile"] = settings.kafka_ca
    return options

"""The options of Kafka's clients."""

import ssl

from runtime.kafka_options import to_aiokafka_options, to_kafka_python_options, to_ssl_context
from runtime.settings import Settings


def test_several_brokers_are_a_list_and_nothing_else_is_set() -> None:
    options = to_kafka_python_options(Settings(kafka="a:9092, b:9092,"))

    assert options == {"bootstrap_servers": ["a:9092", "b:9092"], "security_protocol": "PLAINTEXT"}


def test_sasl_over_tls_takes_credentials_and_the_ca() -> None:
    settings = Settings.model_validate(
        {
            "kafka": "a:9092",
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_username": "quindex",
            "kafka_sasl_password": "hidden",
            "kafka_ca": "ca.pem",
        }
    )

    options = to_kafka_python_options(settings)

    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert options["sasl_plain_username"] == "quindex"
    assert options["sasl_plain_password"] == "hidden"  # noqa: S105 (of this test)
    assert options["ssl_cafile"] == "ca.pem"


def test_without_tls_no_ca_is_read() -> None:
    assert "ssl_cafile" not in to_kafka_python_options(Settings(kafka="a:9092", kafka_ca="ca.pem"))


def test_without_tls_aiokafka_gets_no_context() -> None:
    options = to_aiokafka_options(Settings(kafka="a:9092"))

    assert options == {"bootstrap_servers": ["a:9092"], "security_protocol": "PLAINTEXT"}
    assert to_ssl_context(Settings(kafka="a:9092")) is None


def test_with_tls_aiokafka_checks_the_brokers_certificate_and_name() -> None:
    options = to_aiokafka_options(Settings(kafka="a:9092", kafka_security_protocol="SSL"))

    context = options["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname

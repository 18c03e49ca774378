"""An ingress that may not write to dead letters, or not see them, with access control."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest
from kafka.admin import ACLOperation

from ingress.publisher import KafkaPublisher
from runtime.errors import KafkaRefused, KafkaUnavailable
from runtime.kafka_options import to_kafka_python_options
from runtime.settings import load_settings
from tests.certificates import make_certificates
from tests.ingress.brokers import running
from tests.ingress.processes import create_topics
from tests.integration.secured_kafka import PASSWORD, SecuredKafka
from topics.names import TopicNames

pytestmark = [pytest.mark.stack, pytest.mark.faults]  # it starts a Kafka of its own

USER = "quindex-ingress"
WITHIN_S = 60.0
PAUSE_S = 2.0


async def append(publisher: KafkaPublisher, topic: str) -> int:
    """Append once the publisher can; it may have to find Kafka first, or again."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                return await publisher.append(topic, key=b"k", value=b"v")
            except KafkaUnavailable:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("forbidden", "said"),
    [(ACLOperation.WRITE, "Authorization"), (ACLOperation.DESCRIBE, "not among the topics")],
)
def test_a_topic_that_may_not_be_written_costs_the_others_nothing_but_a_pause(
    tmp_path: Path, forbidden: ACLOperation, said: str
) -> None:
    certificates = make_certificates(tmp_path / "certificates")
    kafka = SecuredKafka(tmp_path / "kafka", certificates)
    names = TopicNames(f"r{uuid4().hex[:8]}")
    settings = load_settings(
        {
            "QUINDEX_KAFKA": kafka.secured,
            "QUINDEX_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "QUINDEX_KAFKA_SASL_USERNAME": USER,
            "QUINDEX_KAFKA_SASL_PASSWORD": PASSWORD,
            "QUINDEX_KAFKA_CA": str(certificates.authority),
        },
        env_file=None,
    )

    async def test() -> None:
        await asyncio.to_thread(kafka.let_in, names.prefix)
        allow = await asyncio.to_thread(kafka.forbid, USER, names.dead_letters, forbidden)
        await asyncio.to_thread(create_topics, kafka.address, names)
        publisher = KafkaPublisher(
            to_kafka_python_options(settings),
            (names.notifications, names.dead_letters),
            refused_pause_s=PAUSE_S,
        )
        await publisher.start()
        try:
            assert await append(publisher, names.notifications) == 0
            with pytest.raises(KafkaRefused, match=said):
                await append(publisher, names.dead_letters)
            assert await append(publisher, names.notifications) == 1
            with pytest.raises(KafkaRefused):
                await append(publisher, names.dead_letters)
            assert await append(publisher, names.notifications) == 2

            await asyncio.to_thread(allow)
            async with asyncio.timeout(WITHIN_S):
                while True:
                    try:
                        await append(publisher, names.dead_letters)
                    except KafkaRefused:
                        await asyncio.sleep(0.1)
                    else:
                        break
        finally:
            await publisher.close()

    with running(kafka):
        asyncio.run(test())

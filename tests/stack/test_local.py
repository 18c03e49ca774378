"""The real servers: slow, so one stack serves the whole file."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from elasticsearch import Elasticsearch
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from runtime.errors import OperatorError
from stack.local import LocalStack
from stack.ports import HOST, is_free
from tests.eventually import eventually
from tests.stack.toy import is_alive

pytestmark = pytest.mark.stack

LANGUAGES = (
    "arabic armenian basque bengali brazilian bulgarian catalan cjk czech danish dutch english "
    "estonian finnish french galician german greek hindi hungarian indonesian irish italian "
    "latvian lithuanian norwegian persian portuguese romanian russian serbian sorani spanish "
    "swedish thai turkish"
)

RECORD = b"x" * (7 * 2**20)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture
def client(stack: LocalStack) -> Iterator[Elasticsearch]:
    with Elasticsearch(stack.elasticsearch, request_timeout=30) as client:
        yield client


def create_topic(stack: LocalStack, name: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=stack.kafka)
    admin.create_topics([NewTopic(name, 1, 1, topic_configs={"max.message.bytes": str(8 * 2**20)})])
    admin.close()


def send(stack: LocalStack, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=stack.kafka, max_request_size=8 * 2**20)
    producer.send(topic, value).get(timeout=30)
    producer.close()


def read_all(stack: LocalStack, topic: str) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=stack.kafka, fetch_max_bytes=16 * 2**20)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning(partition)
    end = consumer.end_offsets([partition])[partition]
    values: list[bytes] = []
    while len(values) < end:
        values += [each.value for each in consumer.poll(timeout_ms=1000).get(partition, [])]
    consumer.close()
    return values


def tokens(client: Elasticsearch, text: str, **analysis: object) -> list[str]:
    answer = client.indices.analyze(body={"text": text, **analysis})
    return [each["token"] for each in answer["tokens"]]


def test_the_python_client_knows_the_server(client: Elasticsearch) -> None:
    assert client.ping()
    assert client.info()["version"]["number"] == "9.5.3"


def test_a_french_text_is_found_by_another_form_of_its_words(client: Elasticsearch) -> None:
    text = {"type": "text", "analyzer": "french"}
    client.indices.create(index="french", mappings={"properties": {"name": text}})
    client.index(index="french", document={"name": "Les chaussures jaunes"}, refresh=True)

    found = client.search(index="french", query={"match": {"name": "chaussure jaune"}})
    assert found["hits"]["total"]["value"] == 1


@pytest.mark.parametrize("language", LANGUAGES.split())
def test_every_language_of_a_stock_node_has_its_analyzer(
    client: Elasticsearch, language: str
) -> None:
    assert tokens(client, "Quindex", analyzer=language)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["lowercase", "asciifolding"], ["l'ecole", "jaune"]),
        ([{"type": "asciifolding", "preserve_original": True}], ["L'Ecole", "L'École", "jaune"]),
        ([{"type": "elision", "articles": ["l"], "articles_case": True}], ["École", "jaune"]),
        ([{"type": "edge_ngram", "min_gram": 2, "max_gram": 3}], ["L'", "L'É", "ja", "jau"]),
        ([{"type": "length", "max": 5}], ["jaune"]),
        ([{"type": "stemmer", "language": "light_french"}], ["L'Écol", "jaun"]),
        ([{"type": "snowball", "language": "French"}], ["L'Écol", "jaun"]),
    ],
)
def test_the_token_filters_of_a_catalog_search_are_there(
    client: Elasticsearch, filters: list[object], expected: list[str]
) -> None:
    stripped = tokens(
        client,
        "<p>L'École&nbsp;<b>jaune</b></p>",
        tokenizer="standard",
        char_filter=["html_strip"],
        filter=filters,
    )

    assert stripped == expected


def test_a_wrong_stemmer_is_refused_at_once(stack: LocalStack) -> None:
    wrong = {"wrong": {"type": "stemmer", "language": "light_klingon"}}
    analyzer = {"mine": {"tokenizer": "standard", "filter": ["wrong"]}}
    settings = {"analysis": {"filter": wrong, "analyzer": analyzer}}
    answer = httpx.put(f"{stack.elasticsearch}/wrong", json={"settings": settings})

    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert "KlingonLightStemFilter" in answer.text


def test_a_record_of_seven_megabytes_survives_a_crash(stack: LocalStack) -> None:
    create_topic(stack, "large")
    send(stack, "large", RECORD)
    kafka = stack.kafka
    stack.kafka_server.kill()

    assert not stack.kafka_server.answers()
    stack.kafka_server.start()
    stack.kafka_server.wait_ready(60)
    assert stack.kafka == kafka
    assert read_all(stack, "large") == [RECORD]


def test_documents_survive_a_restart(stack: LocalStack, client: Elasticsearch) -> None:
    client.index(index="kept", id="1", document={"name": "kept"})
    stack.elasticsearch_server.stop()

    assert not stack.elasticsearch_server.answers()
    stack.elasticsearch_server.start()
    stack.elasticsearch_server.wait_ready(60)
    assert client.exists(index="kept", id="1")


def test_paused_servers_answer_again_once_they_are_resumed(stack: LocalStack) -> None:
    for server in stack.servers:
        server.pause()
        assert not server.answers()
        server.resume()
        eventually(server.answers, within_s=20)


def test_a_taken_port_stops_the_start_before_it_begins(tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as other:
        stack = LocalStack(tmp_path, elasticsearch_port=other.getsockname()[1])

        with pytest.raises(OperatorError, match="--elasticsearch-port"):
            stack.start()

    assert not any(tmp_path.iterdir())


PARENT = """
import json, time
from stack.local import LocalStack

stack = LocalStack()
stack.start()
print(json.dumps([
    str(stack.folder),
    [server.running().pid for server in stack.servers],
    [server.port for server in stack.servers],
]), flush=True)
time.sleep(600)
"""


def test_nothing_is_left_of_a_stack_whose_parent_is_killed() -> None:
    parent = subprocess.Popen(  # noqa: S603  # our own code
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    folder, pids, ports = json.loads(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.communicate(timeout=10)

    eventually(lambda: not any(map(is_alive, pids)), within_s=10)
    eventually(lambda: not Path(folder).exists(), within_s=10)
    assert all(is_free(port) for port in ports)

"""What a caller is answered, and where its notification lies then."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import httpx
import pytest

from ingress.app import PATH, Webhook
from ingress.authorization import Authorization
from ingress.body import BODY_MAX_BYTES, HEAD_BYTES
from ingress.breaker import Breaker
from ingress.ladder import Ladder
from runtime.errors import KafkaUnavailable
from runtime.metrics import REGISTRY
from tests.clock import FakeClock
from tests.ingress.doubles import Kafka, MemoryMark, MemorySpool
from tests.ingress.examples import AUTHORIZATION, NAMES, to_accepted, to_body
from tests.pim.quables_examples import EXAMPLE


@dataclass
class Ingress:
    """The application over fake rungs."""

    kafka: Kafka = field(default_factory=Kafka)
    spool: MemorySpool = field(default_factory=MemorySpool)
    mark: MemoryMark = field(default_factory=MemoryMark)
    secrets: Mapping[str, str] = field(default_factory=lambda: {"current": AUTHORIZATION})

    def request(
        self,
        content: bytes | AsyncIterator[bytes] = b"",
        *,
        method: str = "POST",
        path: str = PATH,
        authorization: bytes | None = AUTHORIZATION.encode(),
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Make one request."""
        return asyncio.run(self._request(method, path, content, authorization, headers or {}))

    async def _request(
        self,
        method: str,
        path: str,
        content: bytes | AsyncIterator[bytes],
        authorization: bytes | None,
        headers: Mapping[str, str],
    ) -> httpx.Response:
        clock = FakeClock()
        app = Webhook(
            authorization=Authorization(self.secrets),
            ladder=Ladder(
                publisher=self.kafka,
                is_ready=lambda: True,
                spool=self.spool,
                mark=self.mark,
                breaker=Breaker(),
                names=NAMES,
                monotonic=clock,
                clock=clock,
            ),
            names=NAMES,
            clock=clock,
            monotonic=clock,
        )
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://ingress") as client:
            request = client.build_request(method, path, content=content, headers=headers)
            if authorization is not None:
                request.headers.update({b"authorization": authorization})
            return await client.send(request)


@pytest.fixture
def ingress() -> Ingress:
    return Ingress()


def test_quables_example_lies_on_kafka_byte_for_byte(ingress: Ingress) -> None:
    answer = ingress.request(EXAMPLE)

    assert (answer.status_code, answer.content) == (202, b"")
    [record] = ingress.kafka.records
    assert record.topic == "quindex.notifications"
    assert record.key == b"product_blue_pant"
    assert record.value == EXAMPLE
    assert set(record.headers) == {"source", "received_at"}


@pytest.mark.parametrize("authorization", [None, b"", b"wrong", b"Bearer"])
def test_a_stranger_gets_401_and_leaves_no_trace(
    ingress: Ingress, authorization: bytes | None
) -> None:
    answer = ingress.request(EXAMPLE, authorization=authorization)

    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["connection"] == "close"
    assert ingress.kafka.records == []
    assert ingress.spool.accepted == []


def test_a_strangers_body_is_not_read(ingress: Ingress) -> None:
    is_read = False

    async def body() -> AsyncIterator[bytes]:
        nonlocal is_read
        is_read = True
        yield EXAMPLE

    assert ingress.request(body(), authorization=b"wrong").status_code == 401
    assert not is_read


def test_a_rotation_refuses_nobody() -> None:
    old, new = b"Bearer old", b"Bearer new"
    for secrets, sender in [
        ({"current": "Bearer old", "next": ""}, old),
        ({"current": "Bearer old", "next": "Bearer new"}, old),
        ({"current": "Bearer old", "next": "Bearer new"}, new),
        ({"current": "Bearer new", "next": ""}, new),
    ]:
        assert Ingress(secrets=secrets).request(EXAMPLE, authorization=sender).status_code == 202


def test_when_a_secret_was_last_seen_is_a_metric(ingress: Ingress) -> None:
    ingress.request(EXAMPLE)

    name = "quindex_webhook_secret_seen_timestamp_seconds"
    assert REGISTRY.get_sample_value(name, {"secret": "current"}) == FakeClock()()


@pytest.mark.parametrize(
    "content",
    [b"", b"{nope", b"null", b"\x00" * 100, to_body("a", event="a.b"), b'{"a":' * 2_000],
)
def test_poison_is_accepted_and_set_aside(ingress: Ingress, content: bytes) -> None:
    assert ingress.request(content).status_code == 202

    [record] = ingress.kafka.records
    assert record.topic == "quindex.dead-letters"
    assert record.value == content


def test_poison_goes_down_the_same_ladder(ingress: Ingress) -> None:
    ingress.kafka.failure = KafkaUnavailable("away")
    assert ingress.request(b"{nope").status_code == 202

    [accepted] = ingress.spool.accepted
    assert accepted.topic == "quindex.dead-letters"
    assert accepted.value == b"{nope"
    assert accepted.headers["reason"] == b"not_json"


def test_an_oversized_body_is_accepted_and_its_head_set_aside(ingress: Ingress) -> None:
    assert ingress.request(b"x" * (BODY_MAX_BYTES + 1)).status_code == 202

    [record] = ingress.kafka.records
    assert record.value == b"x" * HEAD_BYTES
    assert record.headers["reason"] == b"too_large"


def test_an_endless_body_is_answered_and_the_connection_closed(ingress: Ingress) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 1024 * 1024

    answer = ingress.request(body())
    assert answer.status_code == 202
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/", "GET", 404),
        ("/metrics", "GET", 404),
        ("/livez", "GET", 404),
        (PATH + "/", "POST", 404),
        (PATH, "GET", 405),
        (PATH, "PUT", 405),
    ],
)
def test_nothing_else_answers(ingress: Ingress, path: str, method: str, status: int) -> None:
    answer = ingress.request(method=method, path=path)

    assert (answer.status_code, answer.content) == (status, b"")
    assert "server" not in answer.headers


def test_two_opinions_about_where_the_body_ends_are_refused(ingress: Ingress) -> None:
    headers = {"transfer-encoding": "chunked", "content-length": "3"}

    assert ingress.request(b"abc", headers=headers).status_code == 400
    assert ingress.kafka.records == []


def test_while_kafka_is_away_the_spool_has_it(ingress: Ingress) -> None:
    ingress.kafka.failure = KafkaUnavailable("away")

    assert ingress.request(to_body("a")).status_code == 202
    assert [accepted.value for accepted in ingress.spool.accepted] == [to_accepted("a").value]


def test_without_a_disk_the_mark_covers_it(ingress: Ingress) -> None:
    ingress.kafka.failure = KafkaUnavailable("away")
    ingress.spool.is_failing = True

    assert ingress.request(to_body("a")).status_code == 202
    assert ingress.mark.times_s == [FakeClock()()]


def test_only_where_nothing_holds_the_answer_is_503(ingress: Ingress) -> None:
    ingress.kafka.failure = KafkaUnavailable("away")
    ingress.spool.is_failing = ingress.mark.is_failing = True

    answer = ingress.request(to_body("a"))
    assert (answer.status_code, answer.content) == (503, b"")


def test_a_defect_on_the_last_rung_is_503_and_shows_nothing(ingress: Ingress) -> None:
    ingress.kafka.failure = ingress.spool.defect = ZeroDivisionError("a defect")
    ingress.mark.defect = ZeroDivisionError("a defect")

    answer = ingress.request(to_body("a"))
    assert (answer.status_code, answer.content) == (503, b"")

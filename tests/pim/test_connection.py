import asyncio
import gzip
import logging
import traceback
from collections.abc import Awaitable

import httpx
import pytest

from pim.connection import PimConnection, to_outcome
from pim.gate import OpenGate
from pim.retries import RetryBudget, RetryPolicy
from runtime.errors import (
    PimAnswerTooLarge,
    PimAnswerUnusable,
    PimFilterIgnored,
    PimTimeout,
    PimUnauthorized,
    PimUnavailable,
    QuindexError,
)
from runtime.metrics import REGISTRY
from tests.clock import FakeClock
from tests.pim.scripted import CountingGate, Reply, ScriptedTransport, to_reply

URL = "https://acme.quable.com/api/documents/a"
TOKEN = "canary-9f3a"  # noqa: S105  # looked for in everything that is told
RESOURCE = {"id": "a"}


def connect(
    transport: httpx.AsyncBaseTransport,
    *,
    tries_max: int = 3,
    budget: RetryBudget | None = None,
    timeout_s: float = 5.0,
    answer_max_bytes: int = 1_000,
    clock: FakeClock | None = None,
) -> PimConnection:
    retries = RetryPolicy(
        tries_max=tries_max, jitter=lambda: 0.0, wait_first_s=0.0, budget=budget or RetryBudget()
    )
    return PimConnection(
        TOKEN,
        transport=transport,
        timeout_s=timeout_s,
        answer_max_bytes=answer_max_bytes,
        retries=retries,
        clock=clock or FakeClock(),
        wall_clock=FakeClock(),
    )


def get(connection: PimConnection, gate: CountingGate | None = None) -> object:
    async def run(answer: Awaitable[object]) -> object:
        try:
            return await answer
        finally:
            await connection.aclose()

    return asyncio.run(run(connection.get(URL, gate or OpenGate())))


def outcomes(outcome: str) -> float:
    return REGISTRY.get_sample_value("quindex_pim_requests_total", {"outcome": outcome}) or 0.0


def test_a_request_says_who_asks_and_for_what() -> None:
    transport = ScriptedTransport(to_reply(RESOURCE))

    assert get(connect(transport)) == RESOURCE
    headers = transport.requests[0].headers
    assert transport.urls == [URL]
    assert headers["accept"] == "application/ld+json"
    assert headers["accept-encoding"] == "gzip"
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["user-agent"] == "quindex"


def test_a_compressed_answer_in_many_chunks_is_read() -> None:
    body = gzip.compress(b'{"id": "a"}')
    chunks = [body[place : place + 1] for place in range(len(body))]

    assert (
        get(connect(ScriptedTransport(Reply(200, {"Content-Encoding": "gzip"}, chunks))))
        == RESOURCE
    )


@pytest.mark.parametrize("status", [404, 410])
def test_gone_is_none_after_one_request(status: int) -> None:
    transport = ScriptedTransport(to_reply({}, status=status))

    assert get(connect(transport)) is None
    assert len(transport.requests) == 1


def test_every_try_passes_the_gate_and_leaves_it_with_its_error() -> None:
    gate = CountingGate()
    transport = ScriptedTransport(
        to_reply({}, status=503),
        to_reply({}, status=429, retry_after="0"),
        to_reply(RESOURCE),
    )

    assert get(connect(transport), gate) == RESOURCE
    assert gate.entered == len(transport.requests) == 3
    assert [getattr(error, "status", None) for error in gate.left] == [503, 429, None]
    assert isinstance(gate.left[0], PimUnavailable)


def test_the_tries_end() -> None:
    transport = ScriptedTransport(to_reply({}, status=503))

    with pytest.raises(PimUnavailable):
        get(connect(transport, tries_max=3))
    assert len(transport.requests) == 3


def test_a_pim_that_is_down_gets_no_further_tries_once_the_budget_is_spent() -> None:
    transport = ScriptedTransport(to_reply({}, status=503))

    with pytest.raises(PimUnavailable):
        get(connect(transport, budget=RetryBudget(saved=0)))
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    ("reply", "error", "outcome"),
    [
        (to_reply({}, status=401), PimUnauthorized, "unauthorized"),
        (to_reply({}, status=403), PimUnauthorized, "unauthorized"),
        (to_reply({}, status=422), PimAnswerUnusable, "unusable"),
        (Reply(302, {"location": "http://169.254.169.254/"}), PimAnswerUnusable, "unusable"),
        (Reply(200, {}, [b"x" * 600, b"x" * 600]), PimAnswerTooLarge, "too_large"),
        (
            Reply(200, {"content-encoding": "gzip"}, [gzip.compress(bytes(9_999_999))]),
            PimAnswerTooLarge,
            "too_large",
        ),
        (to_reply({}, status=429, retry_after="60"), PimUnavailable, "throttled"),
    ],
)
def test_what_the_same_request_cannot_mend_is_asked_once(
    reply: Reply, error: type[QuindexError], outcome: str
) -> None:
    gate, transport, before = CountingGate(), ScriptedTransport(reply), outcomes(outcome)

    with pytest.raises(error):
        get(connect(transport), gate)
    assert gate.entered == len(transport.requests) == 1
    assert transport.bodies[0].closed
    assert outcomes(outcome) == before + 1


@pytest.mark.parametrize(
    "reply",
    [
        httpx.ConnectError("no route to host"),
        httpx.ReadError(""),
        httpx.RemoteProtocolError("the server disconnected"),
        Reply(200, {}, [b'{"id":'], ending=httpx.ReadError("reset")),
        Reply(200, {}, [b'{"id":']),
        Reply(200, {}, [b"<html>We will be back soon</html>"]),
        Reply(200, {"content-encoding": "gzip"}, [b"<html>"]),
        Reply(200, {"content-encoding": "br"}, [b"x"]),
        Reply(502, {}, [b"<html>"]),
        Reply(503, {}, [b"x" * 5_000]),
        Reply(500, {"content-encoding": "br"}, [b"x"]),
        Reply(500, {}, [b"x"], ending=httpx.ReadError("reset")),
    ],
)
def test_an_answer_that_is_none_is_transient_and_asked_for_again(reply: Reply | Exception) -> None:
    gate, before = CountingGate(), outcomes("unavailable")

    assert get(connect(ScriptedTransport(reply, to_reply(RESOURCE))), gate) == RESOURCE
    assert isinstance(gate.left[0], PimUnavailable)
    assert outcomes("unavailable") == before + 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {}, [], ending="never"),
        Reply(200, {}, [b"{"], ending="never"),
        Reply(503, {}, [b"{"], ending="never"),
        httpx.ReadTimeout("no byte"),
        httpx.ConnectTimeout("no connection"),
    ],
)
def test_a_request_has_a_deadline_and_is_not_tried_again_after_it(reply: Reply | Exception) -> None:
    gate, transport, before = CountingGate(), ScriptedTransport(reply), outcomes("timeout")

    with pytest.raises(PimTimeout):
        get(connect(transport, timeout_s=0.02), gate)
    assert gate.entered == len(transport.requests) == 1
    assert isinstance(gate.left[0], PimTimeout)
    assert all(body.closed for body in transport.bodies)
    assert outcomes("timeout") == before + 1


def test_a_request_that_is_given_up_closes_its_answer_and_is_counted() -> None:
    gate, transport = CountingGate(), ScriptedTransport(Reply(200, {}, [b"{"], ending="never"))
    before = outcomes("cancelled")

    async def give_up() -> None:
        connection = connect(transport)
        request = asyncio.create_task(connection.get(URL, gate))
        await transport.answered.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await connection.aclose()

    asyncio.run(give_up())
    assert isinstance(gate.left[0], asyncio.CancelledError)
    assert transport.bodies[0].closed
    assert outcomes("cancelled") == before + 1


def test_no_cookie_is_kept() -> None:
    transport = ScriptedTransport(to_reply(RESOURCE, set_cookie="a=b; Path=/"), to_reply(RESOURCE))

    async def ask_twice() -> None:
        connection = connect(transport)
        await connection.get(URL, OpenGate())
        await connection.get(URL, OpenGate())
        await connection.aclose()

    asyncio.run(ask_twice())
    assert "cookie" not in transport.requests[1].headers


def test_the_time_of_a_request_is_measured() -> None:
    clock = FakeClock()

    class Slow(ScriptedTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            clock.advance(3)
            return await super().handle_async_request(request)

    before = REGISTRY.get_sample_value("quindex_pim_request_seconds_sum") or 0.0
    get(connect(Slow(to_reply(RESOURCE)), clock=clock))

    assert REGISTRY.get_sample_value("quindex_pim_request_seconds_sum") == before + 3


@pytest.mark.parametrize("token", ["", "canary\n", "canary x", "canary\u00e9", "canary\x00"])
def test_a_token_that_cannot_be_a_header_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(ValueError, match="token") as caught:
        PimConnection(token)

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        httpx.ConnectError("refused"),
        to_reply({}, status=401),
        to_reply({"hydra:description": "no"}, status=400),
        Reply(200, {}, [b"<html>"]),
        Reply(200, {}, [b"x" * 9_999]),
    ],
)
def test_the_token_is_told_to_nobody_but_the_pim(
    reply: Reply | Exception, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = connect(ScriptedTransport(reply))
    with caplog.at_level(logging.DEBUG), pytest.raises(QuindexError) as caught:
        get(connection)
    told = [*traceback.format_exception(caught.value), repr(caught.value), repr(connection)]

    assert TOKEN not in "".join([*told, caplog.text, *capsys.readouterr()])


def test_each_error_has_one_word_in_the_metrics() -> None:
    assert to_outcome(PimUnavailable("x", status=429)) == "throttled"
    assert to_outcome(PimUnavailable("x", status=503)) == "unavailable"
    assert to_outcome(PimTimeout("x")) == "timeout"
    assert to_outcome(PimFilterIgnored("x")) == "unusable"

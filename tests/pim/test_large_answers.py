"""Few large answers are read at once, so that their memory is bounded together."""

import asyncio
import gc
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from pim.connection import ANSWER_MAX_BYTES, LARGE_BYTES, LARGE_MAX, PimConnection
from pim.gate import OpenGate
from pim.retries import RetryPolicy
from runtime.errors import QuindexError
from tests.pim.scripted import Reply, ScriptedTransport
from tests.streams.publishers import settle

ASKED = 5


class Chunks(list[bytes]):
    """Chunks that count how many of them were read, of all answers."""

    read = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in super().__iter__():
            type(self).read += 1
            yield chunk


def run(reply: Reply, asked: int = ASKED) -> tuple[int, list[Any]]:
    """Ask several times at once; return the chunks read before anything can end, and the rest."""

    async def scenario() -> tuple[int, list[Any]]:
        connection = PimConnection("token", transport=ScriptedTransport(reply))
        tasks = [
            asyncio.create_task(connection.get("http://pim/api/documents/a", OpenGate()))
            for _ in range(asked)
        ]
        await settle()
        read = Chunks.read
        for task in tasks[:-1]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks[:-1], return_exceptions=True)
        await settle()
        tasks[-1].cancel()
        await asyncio.gather(tasks[-1], return_exceptions=True)
        await connection.aclose()
        return read, outcomes

    Chunks.read = 0
    return asyncio.run(scenario())


def test_further_large_answers_wait_with_what_they_have() -> None:
    large = Chunks([b" " * (LARGE_BYTES + 1), b" "])
    read, _ = run(Reply(200, {}, large, ending="never"))

    assert read == ASKED + LARGE_MAX
    assert Chunks.read > read  # those that were given up have made room


def test_small_answers_do_not_wait() -> None:
    read, _ = run(Reply(200, {}, Chunks([b" " * 100, b" "]), ending="never"))

    assert read == 2 * ASKED


def test_large_answers_come_whole() -> None:
    async def scenario() -> None:
        body = b'{"id": "a", "x": "' + b"y" * 2 * LARGE_BYTES + b'"}'
        half = len(body) // 2
        reply = Reply(200, {}, [body[:half], body[half:]])
        connection = PimConnection("token", transport=ScriptedTransport(reply))
        answers = await asyncio.gather(
            *(connection.get("http://pim/api/documents/a", OpenGate()) for _ in range(ASKED))
        )
        await connection.aclose()

        assert all(isinstance(each, dict) and each["id"] == "a" for each in answers)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(200, {}, [b"x" * LARGE_BYTES] * 2), id="no JSON"),
        pytest.param(Reply(500, {}, [b"x" * LARGE_BYTES] * 2), id="an error"),
        pytest.param(Reply(200, {}, [b"x" * LARGE_BYTES] * 2, ending="never"), id="no end"),
        pytest.param(
            Reply(200, {}, [b"x" * LARGE_BYTES] * (ANSWER_MAX_BYTES // LARGE_BYTES + 1)),
            id="too large",
        ),
    ],
)
def test_a_request_that_failed_leaves_nothing_of_its_body(reply: Reply) -> None:
    async def ask() -> list[QuindexError]:
        connection = PimConnection(
            "token",
            transport=ScriptedTransport(reply),
            timeout_s=0.05,
            retries=RetryPolicy(wait_first_s=0.0),
        )
        errors = []
        for _ in range(ASKED):
            try:
                await connection.get("http://pim/api/documents/a", OpenGate())
            except QuindexError as error:
                errors.append(error)
        await connection.aclose()
        return errors

    gc.disable()  # which comes round seldom, where so few objects are so large
    tracemalloc.start()
    try:
        errors = asyncio.run(ask())
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()

    assert len(errors) == ASKED
    assert held_bytes < LARGE_BYTES

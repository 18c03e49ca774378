"""Reading a body under a cap."""

import asyncio
from collections.abc import Iterable, MutableMapping
from typing import Any

import pytest

from ingress.body import (
    BODY_MAX_BYTES,
    DRAIN_MAX_BYTES,
    HEAD_BYTES,
    Body,
    CallerGone,
    Receive,
    read_body,
)


def receiving(chunks: Iterable[bytes], *, ends: bool = True) -> Receive:
    events = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    events.append({"type": "http.request"} if ends else {"type": "http.disconnect"})
    events.reverse()

    async def receive() -> MutableMapping[str, Any]:
        return events.pop()

    return receive


def read(chunks: Iterable[bytes], *, ends: bool = True) -> Body:
    return asyncio.run(read_body(receiving(chunks, ends=ends)))


def test_a_body_in_pieces_is_put_together() -> None:
    assert read([b"a", b"", b"bc"]) == Body(b"abc", 3)


def test_a_body_of_the_most_bytes_is_kept_whole() -> None:
    body = read([b"x" * BODY_MAX_BYTES])

    assert len(body.kept) == BODY_MAX_BYTES
    assert not body.is_oversized


@pytest.mark.parametrize(
    "chunks",
    [
        [b"x" * (BODY_MAX_BYTES + 1)],
        [b"x", b"x" * BODY_MAX_BYTES],
        [b"x" * BODY_MAX_BYTES, b"x"],
        [b"x" * 65_536] * 20,
    ],
)
def test_of_one_byte_more_only_the_head_is_kept(chunks: list[bytes]) -> None:
    body = read(chunks)

    assert body.is_oversized
    assert body.is_whole
    assert body.kept == b"x" * HEAD_BYTES
    assert body.received_bytes == sum(map(len, chunks))


def test_an_endless_body_is_not_read_to_its_end() -> None:
    chunk = b"x" * 1024 * 1024
    body = read([chunk] * 40)

    assert not body.is_whole
    assert body.received_bytes == DRAIN_MAX_BYTES + len(chunk)
    assert len(body.kept) == HEAD_BYTES


def test_a_caller_that_leaves_within_the_body_left_nothing() -> None:
    with pytest.raises(CallerGone):
        read([b"half"], ends=False)

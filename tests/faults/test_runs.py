"""Waiting in a run: what does not answer now may a moment later."""

import asyncio

import httpx
import pytest

from tests.faults.runs import until, until_true


def test_who_does_not_answer_is_asked_again() -> None:
    answers = iter((httpx.ConnectError("not yet"), False, httpx.ReadTimeout("busy"), True))

    async def ask() -> bool:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    asyncio.run(until_true(ask, within_s=30))

    assert list(answers) == []


def test_what_never_answers_fails_and_says_why() -> None:
    def ask() -> bool:
        raise httpx.ConnectError("gone")

    with pytest.raises(AssertionError, match="not within 0 s: nobody is there") as failed:
        asyncio.run(until(ask, within_s=0, otherwise=lambda: "nobody is there"))

    assert isinstance(failed.value.__cause__, httpx.ConnectError)

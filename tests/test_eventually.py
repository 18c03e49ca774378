"""Waiting for another process, which may be too slow to answer."""

import asyncio

import httpx
import pytest

from tests.eventually import patiently
from tests.faults.runs import until_true


class Slow:
    """Answers True the third time that it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self) -> bool:
        self.asked += 1
        if self.asked < 3:
            raise httpx.ReadTimeout("too slow")
        return True


def test_what_does_not_answer_is_asked_again() -> None:
    slow = Slow()

    assert asyncio.run(patiently(slow, within_s=10))
    assert slow.asked == 3


def test_what_does_not_answer_in_time_is_told() -> None:
    with pytest.raises(httpx.ReadTimeout):
        asyncio.run(patiently(Slow(), within_s=-1))


def test_a_condition_that_nobody_answers_does_not_hold_yet() -> None:
    asyncio.run(until_true(Slow(), within_s=10))

    with pytest.raises(AssertionError, match="too slow"):
        asyncio.run(until_true(Slow(), within_s=-1))

"""What a call is told of its record."""

import asyncio

import pytest
from kafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
)

from ingress.sending import Outcome, Sending
from runtime.errors import KafkaRefused, KafkaUnavailable, QuindexError, RecordTooLarge

OWN, OTHER = TopicAuthorizationFailedError("t"), TopicAuthorizationFailedError("other")


@pytest.mark.parametrize(
    ("outcome", "is_alone", "told"),
    [
        (KafkaTimeoutError("late"), True, KafkaUnavailable),
        (KafkaUnavailable("its producer has just ended"), True, KafkaUnavailable),
        (MessageSizeTooLargeError(), True, RecordTooLarge),
        (MessageSizeTooLargeError(), False, KafkaUnavailable),
        (OWN, False, KafkaRefused),
        (OTHER, True, KafkaUnavailable),  # it ended the producer, and says nothing of this record
        (KafkaRefused("not shown"), False, KafkaRefused),
    ],
)
def test_only_what_is_about_its_own_record_is_for_good(
    outcome: Outcome, is_alone: bool, told: type[QuindexError]
) -> None:
    async def test() -> None:
        stored = asyncio.get_running_loop().create_future()
        sending = Sending("t", None, None, b"v", [], stored, 0.0)
        sending.settle(outcome, is_alone=is_alone)
        with pytest.raises(told):
            await stored

    asyncio.run(test())

"""`quindex replay`: what is appended, and what is said where Kafka takes no more."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from ops.replay import append
from runtime.errors import KafkaRefused, KafkaUnavailable, OperatorError, QuindexError, Unreachable
from streams.appending import APPENDS_MAX
from streams.replaying import Repeat
from topics.memory import MemoryPublisher
from topics.notifications import Source, to_source

TOPIC = "q.notifications"
RESOURCES = [[Repeat(b"%d" % number, b"new %d" % number)] for number in range(APPENDS_MAX + 20)]


class FailingPublisher(MemoryPublisher):
    """Takes *takes* records, and raises from then on."""

    def __init__(self, takes: int, error: Exception) -> None:
        super().__init__()
        self.takes, self.error = takes, error

    async def append(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Mapping[str, bytes] | None = None,
        partition: int | None = None,
    ) -> int:
        """Append, or raise."""
        if len(self.records) == self.takes:
            raise self.error
        return await super().append(
            topic, key=key, value=value, headers=headers, partition=partition
        )


def run(
    publisher: MemoryPublisher,
    resources: list[list[Repeat]],
    *,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    done: int = 0,
) -> int:
    return asyncio.run(append(publisher, TOPIC, resources, progress=progress, done=done))


def test_all_of_a_resource_is_appended_in_its_order() -> None:
    publisher = MemoryPublisher()
    twice = [[Repeat(b"a", b"create"), Repeat(b"a", b"update")], [Repeat(b"b", b"update")]]
    appended = run(publisher, twice)

    assert appended == 2
    assert [each.value for each in publisher.records if each.key == b"a"] == [b"create", b"update"]
    assert len(publisher.of(TOPIC)) == 3
    assert {to_source(each.headers) for each in publisher.records} == {Source.REPLAY}


def test_how_many_were_appended_is_told_while_it_goes_on() -> None:
    told: list[tuple[str, int, int]] = []
    run(MemoryPublisher(), RESOURCES, progress=lambda *each: told.append(each))

    assert told == [("appending", APPENDS_MAX, 20), ("appending", APPENDS_MAX + 20, 0)]


@pytest.mark.parametrize(
    ("error", "becomes"),
    [
        (KafkaUnavailable("no broker took it"), Unreachable),
        (KafkaRefused("not permitted"), OperatorError),
    ],
)
def test_a_failure_says_how_many_were_appended_and_that_once_more_does_no_harm(
    error: QuindexError, becomes: type[OperatorError]
) -> None:
    publisher = FailingPublisher(APPENDS_MAX + 3, error)
    with pytest.raises(OperatorError) as raised:
        run(publisher, RESOURCES, done=1_000)

    assert type(raised.value) is becomes
    assert str(error) in str(raised.value)
    assert f"the notifications of {1_000 + APPENDS_MAX + 3} resources" in str(raised.value)
    assert "Run the same command once more" in str(raised.value)


def test_a_bug_stays_one() -> None:
    with pytest.raises(ExceptionGroup):
        run(FailingPublisher(0, RuntimeError("bug")), RESOURCES)

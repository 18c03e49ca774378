"""What processes say of themselves comes back as it was said, and telling it harms nothing."""

import asyncio

import pytest

from runtime.errors import KafkaRefused, MalformedRecord
from topics.memory import MemoryPublisher
from topics.processes import ProcessRecord, parse_process
from topics.telling import tell_forever, to_process_id

RECORD = ProcessRecord(
    id="worker/host/7",
    role="worker",
    version="26.1.0",
    address="127.0.0.1:9100",
    at=1_795_000_000.0,
    waits_for={"fetch": "the PIM's quota (lane live)"},
)


def test_a_process_comes_back_as_it_was_told() -> None:
    found = parse_process(RECORD.to_json())

    assert found["id"] == "worker/host/7"
    assert found["at"] == 1_795_000_000.0
    assert found["waits_for"] == {"fetch": "the PIM's quota (lane live)"}
    assert found["breaker_open"] is False


@pytest.mark.parametrize(
    "value", [None, b"", b"[]", b"{}", b'{"schema": 2}', b'{"schema": 1, "id": "a", "role": "b"}']
)
def test_what_is_no_process_is_malformed(value: bytes | None) -> None:
    with pytest.raises(MalformedRecord):
        parse_process(value)


def test_every_process_has_a_name_of_its_own() -> None:
    assert to_process_id("worker").startswith("worker/")
    assert to_process_id("worker") != to_process_id("ingress")


def tell(publisher: MemoryPublisher, *, is_ready: bool = True) -> None:
    """Let the telling go on for a moment."""

    async def main() -> None:
        telling = asyncio.create_task(
            tell_forever(publisher, "processes", lambda: RECORD, lambda: is_ready)
        )
        for _ in range(5):
            await asyncio.sleep(0)
        assert not telling.done()
        telling.cancel()

    asyncio.run(main())


def test_a_process_tells_of_itself_at_once() -> None:
    publisher = MemoryPublisher()
    tell(publisher)

    assert [each.key for each in publisher.of("processes")] == [b"worker/host/7"]


def test_nothing_is_told_before_kafka_was_reached() -> None:
    publisher = MemoryPublisher()
    tell(publisher, is_ready=False)

    assert publisher.of("processes") == []


def test_a_refusal_ends_nothing() -> None:
    publisher = MemoryPublisher(failure=KafkaRefused("no right to write"))
    tell(publisher)

    assert publisher.of("processes") == []

"""What the index stage does with one record, whatever the sink says of it."""

import asyncio
from typing import Any

import pytest

from runtime.errors import KafkaUnavailable
from sinks.attribute_types import AttributeType
from sinks.writes import SinkRefused, Verdict
from tests.sinks.stage import BUSY, OK, POISON, UNAVAILABLE, Stage, with_stage


@with_stage
async def test_a_snapshot_is_written_in_every_locale_then_acknowledged(stage: Stage) -> None:
    async with stage.running():
        await stage.take("a", offset=5)
        assert stage.acknowledged == []
        await stage.settled()

    assert stage.acknowledged == [5]
    assert stage.sink.of("quindex-fr_fr")["document:a"]["name"] == "Jupe courte jaune"
    assert stage.sink.of("quindex-en_gb")["document:a"]["name"] == "Short yellow skirt"
    assert stage.indexer.counts[Verdict.OK] == 2


@with_stage
async def test_a_null_deletes_nothing(stage: Stage) -> None:
    await stage.indexer.take(stage.acknowledged.record(None, 5))

    assert stage.acknowledged == [5]
    assert stage.sink.bulks == []


@with_stage
async def test_a_record_that_cannot_be_read_is_set_aside(stage: Stage) -> None:
    await stage.indexer.take(stage.acknowledged.record(b"{}", 5))

    assert stage.acknowledged == [5]
    assert [each.headers["reason"] for each in stage.publisher.records] == [b"malformed_record"]


class Broken(dict[str, AttributeType]):
    """Stands for a fault of ours that one resource brings to light."""

    def __bool__(self) -> bool:
        return True

    def get(self, *_: Any) -> Any:
        raise ZeroDivisionError


def test_a_resource_that_cannot_be_projected_is_set_aside() -> None:
    async def main() -> None:
        stage = Stage(types=Broken())
        await stage.take("a", offset=5)

        assert stage.acknowledged == [5]
        assert [each.headers["reason"] for each in stage.publisher.records] == [
            b"projection_failed"
        ]

    asyncio.run(main())


@with_stage
async def test_a_record_that_cannot_be_set_aside_is_not_acknowledged(stage: Stage) -> None:
    stage.publisher.failure = KafkaUnavailable("gone")

    with pytest.raises(KafkaUnavailable):
        await stage.indexer.take(stage.acknowledged.record(b"{}", 5))
    assert stage.acknowledged == []


@with_stage
async def test_a_stale_write_is_a_success(stage: Stage) -> None:
    async with stage.running():
        await stage.take("a", 2, offset=1)
        await stage.settled()
        await stage.take("a", 1, offset=2)
        await stage.settled()

    assert stage.acknowledged == [1, 2]
    assert stage.indexer.counts[Verdict.STALE] == 2
    assert stage.publisher.records == []


@with_stage
async def test_an_outage_is_waited_out(stage: Stage) -> None:
    stage.sink.failures = [UNAVAILABLE] * 12
    async with stage.running():
        await stage.take("a", offset=1)
        for _ in range(200):
            await asyncio.sleep(0)
        waits_for, acknowledged = stage.indexer.waits_for, list(stage.acknowledged)
        await stage.settled()

    assert (waits_for, acknowledged) == ("elasticsearch: 503", [])
    assert (stage.indexer.waits_for, stage.acknowledged) == (None, [1])
    assert max(stage.time.paused_s) <= 2


@with_stage
async def test_a_paused_stage_writes_nothing_until_it_is_resumed(stage: Stage) -> None:
    stage.paused = "a person"
    async with stage.running():
        await stage.take("a", offset=1)
        for _ in range(200):
            await asyncio.sleep(0)
        await stage.indexer.drain()
        waits_for, acknowledged = stage.indexer.waits_for, list(stage.acknowledged)
        stage.paused = None
        await stage.settled()

    assert (waits_for, acknowledged) == ("a person", [])
    assert (stage.indexer.waits_for, stage.acknowledged) == (None, [1])


@with_stage
async def test_a_document_that_is_refused_for_now_is_written_again(stage: Stage) -> None:
    stage.sink.failures = [[OK, BUSY]]
    async with stage.running():
        await stage.take("a", offset=1)
        await stage.settled()

    assert [len(bulk) for bulk in stage.sink.bulks] == [2, 1]
    assert stage.acknowledged == [1]
    assert stage.indexer.counts == {Verdict.OK: 2, Verdict.AGAIN: 1}


@with_stage
async def test_poison_is_set_aside_once_and_stops_nothing_else(stage: Stage) -> None:
    stage.sink.failures = [[POISON, POISON, OK, OK]]
    async with stage.running():
        await stage.take("a", offset=1)
        await stage.take("b", offset=2)
        await stage.settled()

    assert sorted(stage.acknowledged) == [1, 2]
    assert [(each.key, each.headers["reason"]) for each in stage.publisher.records] == [
        (b"a", b"document_parsing_exception")
    ]


@with_stage
async def test_a_superseded_snapshot_is_acknowledged_with_its_successor(stage: Stage) -> None:
    await stage.take("a", 1, offset=1)
    await stage.take("a", 2, offset=2)
    async with stage.running():
        await stage.settled()

    assert sorted(stage.acknowledged) == [1, 2]
    assert [write.version for bulk in stage.sink.bulks for write in bulk] == [2, 2]


@with_stage
async def test_a_missing_alias_ends_the_stage_and_loses_nothing(stage: Stage) -> None:
    stage.sink.aliases = ("quindex-fr_fr",)
    await stage.take("a", offset=1)

    with pytest.raises(SinkRefused, match="quindex-en_gb"):
        await stage.indexer.run()
    assert stage.acknowledged == []
    assert stage.indexer.held == 1


@with_stage
async def test_a_fault_of_ours_ends_the_stage_and_loses_nothing(stage: Stage) -> None:
    stage.sink.failures = [RuntimeError("a bug")] * 2
    await stage.take("a", offset=1)

    with pytest.raises(RuntimeError, match="a bug"):
        await stage.indexer.run()
    assert stage.acknowledged == []
    assert stage.indexer.held == 2

"""What becomes of a null in `snapshots` that stands for a purged tombstone."""

import asyncio

import pytest

from sinks.tombstones import HEADER_VERSION
from tests.sinks.stage import Stage

PURGED = 5


async def take_null(stage: Stage, *, offset: int) -> None:
    headers = {HEADER_VERSION: str(PURGED).encode()}
    await stage.indexer.take(
        stage.acknowledged.record(None, offset, key=b"document:a", headers=headers)
    )


def triggers(stage: Stage) -> list[bytes | None]:
    return [each.key for each in stage.publisher.of("quindex.notifications")]


@pytest.mark.parametrize("is_written", [True, False])
def test_a_null_that_hides_a_newer_snapshot_has_it_looked_at_again(is_written: bool) -> None:
    async def main() -> None:
        stage = Stage(heals=True)
        async with stage.running():
            await stage.take("a", PURGED, offset=1)
            await stage.settled()
            await stage.take("a", PURGED + 1, offset=2)
            if is_written:
                await stage.settled()
            await take_null(stage, offset=3)

        assert triggers(stage) == [b"a"]
        assert stage.acknowledged == [1, 2, 3]

    asyncio.run(main())


def test_a_null_that_hides_nothing_is_acknowledged_and_waits_for_no_other_resource() -> None:
    async def main() -> None:
        stage = Stage(heals=True)
        stage.paused = "the index stage is paused"
        async with stage.running():
            await stage.take("b", offset=1)
            await take_null(stage, offset=2)

        assert triggers(stage) == []
        assert stage.acknowledged == [2]

    asyncio.run(main())


def test_a_null_that_waits_while_its_partition_goes_is_read_again() -> None:
    async def main() -> None:
        stage = Stage(heals=True)
        await stage.take("a", PURGED + 1, offset=1)
        taking = asyncio.create_task(take_null(stage, offset=2))
        await asyncio.sleep(0)
        assert not taking.done()
        stage.indexer.drop()
        await taking

        assert triggers(stage) == []
        assert stage.acknowledged == []

    asyncio.run(main())

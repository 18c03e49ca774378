"""A disk that hangs does not keep calls from a Kafka that is back."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingress.drain import COALESCE_MAX_S, DISK_MAX_S
from ingress.segments import Segment
from ingress.spool import Spool
from tests.ingress.examples import to_accepted
from tests.ingress.test_drain import Bench, bench, run, store


class RefusingSpool(Spool):
    """On a disk that does not even say what lies on it."""

    def list_sealed(self) -> list[Segment]:
        """Fail."""
        raise OSError(5, "Input/output error")


@asynccontextmanager
async def hanging(it: Bench) -> AsyncIterator[asyncio.Task[bool]]:
    """A step that waits for a disk that hangs."""
    is_free = threading.Event()
    loop = asyncio.get_running_loop()
    for _ in range(64):  # more than there are threads for the disk's work
        loop.run_in_executor(None, is_free.wait)
    stepping = asyncio.create_task(it.drain.step())
    await asyncio.sleep(0)
    try:
        yield stepping
    finally:
        is_free.set()
        await stepping


def test_a_disk_that_hangs_does_not_keep_the_breaker_open(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted("a")])
            it.open_breaker()
            async with hanging(it):
                it.drain.free_calls()
                was_open = it.breaker.is_open  # the disk may still answer
                it.clock.advance(DISK_MAX_S)
                it.drain.free_calls()
                assert [was_open, it.breaker.is_open] == [True, False]
            await it.drain_all()
            assert it.codes() == ["a"]

    run(test)


def test_the_pause_between_probes_is_kept(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            it.open_breaker()
            async with hanging(it):
                it.breaker.probe_failed(it.clock())
                it.breaker.probe_failed(it.clock())
                it.clock.advance(DISK_MAX_S)
                it.drain.free_calls()
                assert it.breaker.is_open

                it.clock.advance(it.breaker.pause_max_s)
                it.is_ready = False
                it.drain.free_calls()
                assert it.breaker.is_open

    run(test)


def test_a_probe_that_is_under_way_is_waited_for(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted("a")])
            it.open_breaker()
            it.kafka.is_stuck = True
            stepping = asyncio.create_task(it.drain.step())
            async with asyncio.timeout(5):
                while not it.kafka.waiting:  # noqa: ASYNC110 (no event says so)
                    await asyncio.sleep(0.001)
            it.clock.advance(100)
            it.drain.free_calls()
            assert it.breaker.is_open

            stepping.cancel()
            await asyncio.wait([stepping])

    run(test)


def test_coalescing_may_take_longer(tmp_path: Path) -> None:
    async def test() -> None:
        row_bytes = len(to_accepted("a").to_row()) + 12
        async with bench(tmp_path, cap_bytes=row_bytes * 11) as it:
            await store(it.spool, [to_accepted("a")] * 10)
            it.open_breaker()
            it.breaker.probe_failed(it.clock())
            async with hanging(it):
                it.clock.advance(it.breaker.pause_max_s)
                it.drain.free_calls()
                was_open = it.breaker.is_open
                it.clock.advance(COALESCE_MAX_S)
                it.drain.free_calls()
                assert [was_open, it.breaker.is_open] == [True, False]

    run(test)


def test_a_disk_that_refuses_does_not_keep_the_breaker_open(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path, spool_type=RefusingSpool) as it:
            it.open_breaker()
            with pytest.raises(OSError, match="Input/output"):
                await it.drain.step()
            assert not it.breaker.is_open

    run(test)


def test_the_disk_is_watched_until_the_process_ends(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            it.open_breaker()
            it.clock.advance(DISK_MAX_S)
            watching = asyncio.create_task(it.drain.watch())
            async with asyncio.timeout(5):
                while it.breaker.is_open:  # noqa: ASYNC110 (no event says so)
                    await asyncio.sleep(0.01)
            watching.cancel()

    run(test)

"""A disk that refuses: nothing is lost, and nothing is appended for ever."""

from pathlib import Path

from runtime.errors import KafkaUnavailable
from tests.ingress.examples import to_accepted
from tests.ingress.test_drain import bench, run, store


def test_where_the_disk_takes_no_note_nothing_is_appended_or_counted_twice(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            away = KafkaUnavailable("away")
            await store(it.spool, [to_accepted(code) for code in "ab"])
            await it.spool.seal()
            [segment] = it.spool.list_sealed()
            segment.path.with_suffix(".done").mkdir()
            await store(it.spool, [to_accepted("c")])
            for failure in (away, None, away):
                it.kafka.failure = failure
                await it.drain.step()
            assert it.codes() == ["a"]

            it.kafka.failure = None
            await it.drain.step()
            await it.drain.step()
            assert it.codes() == ["a", "b"]
            assert not it.spool.is_empty
            await it.drain_all()
            assert it.codes() == ["a", "b", "c"]
            assert it.spool.is_empty

    run(test)


def test_rows_that_were_not_counted_are_drained_all_the_same(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            await store(it.spool, [to_accepted("a")])
            it.spool.count(-1, -(10**6))
            await it.drain_all()

            assert it.codes() == ["a"]

    run(test)

"""What a due record says of the notifications that it stands for."""

import pytest

from tests.streams.examples import to_body
from tests.streams.test_debounce_stage import TIMING, Bench, run
from topics.notifications import Source, to_headers


@pytest.mark.parametrize("source", [Source.WEBHOOK, Source.TRIGGER, Source.REPLAY])
def test_only_quable_tells_when_a_resource_was_changed(source: Source) -> None:
    async def scenario() -> None:
        bench = Bench()
        body = to_body(created_at="2026-01-01T00:00:07+00:00")
        headers = to_headers(source, now_s=0)
        await bench.stage.take(bench.inbox.receive(body, headers=headers))
        await bench.flush_after(TIMING.delay_max_s)

        (record,) = bench.due
        assert record.changed_s == (1_767_225_607.0 if source is Source.WEBHOOK else None)

    run(scenario())


def test_what_was_created_and_edited_at_once_is_new() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.take(event="variant.create")
        await bench.take(event="variant.update")
        await bench.flush_after(TIMING.delay_max_s)

        assert [record.created for record in bench.due] == [True]

    run(scenario())

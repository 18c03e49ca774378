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


def test_what_alone_says_that_a_resource_is_new_is_kept_until_that_is_passed_on() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.take(event="variant.create")
        for _ in range(2):
            await bench.take(event="variant.update")
        assert bench.inbox.acknowledged == [1]  # of a dead worker, the others would come again
        await bench.flush_after(TIMING.lead_s)

        assert sorted(bench.inbox.acknowledged) == [0, 1, 2]
        assert [record.created for record in bench.due] == [True]

    run(scenario())


def test_a_creation_that_is_announced_again_supersedes_the_first() -> None:
    async def scenario() -> None:
        bench = Bench()
        for event in ("variant.create", "variant.create", "variant.update"):
            await bench.take(event=event)

        assert bench.inbox.acknowledged == [0]

    run(scenario())


def test_a_trigger_does_not_hide_when_the_pim_made_its_last_change() -> None:
    async def scenario() -> None:
        bench = Bench()
        for second in (30, 20):  # calls come in any order
            at = f"2026-01-02T03:04:{second}+00:00"
            await bench.take(created_at=at)
        trigger = to_headers(Source.TRIGGER, now_s=bench.clock())
        received = bench.inbox.receive(
            to_body(created_at="2026-01-02T03:04:50+00:00"),
            appended_s=bench.clock(),
            headers=trigger,
        )
        await bench.stage.take(received)
        await bench.flush_after(TIMING.lead_s)

        assert [record.changed_s for record in bench.due] == [1767323070.0]

    run(scenario())


def test_a_notification_of_ours_does_not_take_a_delete_back() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.take(event="document.delete")
        for _ in range(2):
            cascade = to_headers(Source.CASCADE, now_s=bench.clock())
            await bench.stage.take(bench.inbox.receive(to_body(), headers=cascade))
        assert bench.inbox.acknowledged == [1]
        await bench.flush_after(TIMING.lead_s)

        assert sorted(bench.inbox.acknowledged) == [0, 1, 2]
        assert [(record.delete, record.ours) for record in bench.due] == [(True, False)]

    run(scenario())

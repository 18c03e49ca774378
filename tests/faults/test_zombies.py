"""A worker is paused, its session expires, others go on, and then it wakes up."""

import pytest

from tests.faults.fleet import EXIT_KILLED, EXIT_WATCHDOG
from tests.faults.lab import Lab
from tests.faults.plan import Blow, to_plan
from tests.faults.runs import until
from tests.faults.settling import settle
from tests.faults.zombies import stopped_at, to_environment, to_wrapper

pytestmark = [pytest.mark.stack, pytest.mark.faults]

HEALS_WITHIN_S = 60


async def test_the_late_snapshot_of_a_zombie_is_stale_and_the_log_heals(lab: Lab) -> None:
    file = lab.folder / "late-snapshot"
    async with lab.open_run(
        "zombie-snapshot",
        wrapper=to_wrapper("stop-at-point"),
        environment=to_environment("snapshot.before", file),
    ) as run:
        stale, healed = (
            run.fleet.count_logged(f'"{event}"') for event in ("documents.stale", "log.healed")
        )
        async with stopped_at(run, file) as zombie:
            await run.burst.edit(0)
            agreement = await settle(run.installation, 60)
            assert agreement.is_equal, agreement.examples()
            assigned = run.fleet.count_logged('"partitions.assigned"')
        await until(
            lambda: run.fleet.count_logged('"log.healed"') > healed,
            within_s=HEALS_WITHIN_S,
            otherwise=zombie.log_tail,
        )
        verdict = await run.judge()
        lab.say(f"zombie before its snapshot: {verdict}")

        verdict.assert_kept()
        assert run.fleet.count_logged('"documents.stale"') > stale
        # It triggers once whenever it is delivered: until its acknowledgement is committed, that is
        # again with every move of partitions.
        moves = run.fleet.count_logged('"partitions.assigned"') - assigned
        assert 1 <= verdict.evidence.triggers <= 1 + moves
        assert run.fleet.count_exits(EXIT_KILLED) == 0


async def test_the_late_bulk_of_a_zombie_is_refused_as_stale(lab: Lab) -> None:
    file = lab.folder / "late-bulk"
    async with lab.open_run(
        "zombie-bulk",
        wrapper=to_wrapper("stop-at-point"),
        environment=to_environment("bulk.before", file),
    ) as run:
        async with stopped_at(run, file) as zombie:
            await run.burst.edit(0)
            agreement = await settle(run.installation, 60)
            assert agreement.is_equal, agreement.examples()
            stale = zombie.log.read_bytes().count(b'"documents.stale"')
        await until(
            lambda: zombie.log.read_bytes().count(b'"documents.stale"') > stale,
            within_s=HEALS_WITHIN_S,
            otherwise=zombie.log_tail,
        )
        verdict = await run.judge()
        lab.say(f"zombie before its bulk: {verdict}")

        verdict.assert_kept()


async def test_a_worker_paused_in_a_burst_harms_nothing(lab: Lab) -> None:
    plan = to_plan(
        "ci/pause", seconds=20, documents=40, blows={Blow.PAUSE: 1}, blow_s={Blow.PAUSE: 12}
    )
    async with lab.open_run("pause") as run:
        await run.execute(plan)
        verdict = await run.judge()
        lab.say(f"paused for 12 s: {verdict}")

        verdict.assert_kept()
        assert run.fleet.count_exits(EXIT_KILLED) == 0
        assert run.fleet.count_exits(EXIT_WATCHDOG) <= 2  # of two owners of the quota, both end
        assert run.fleet.count_logged("partitions.assigned") >= 4

"""Kafka and Elasticsearch go away in the middle of a burst, and come back."""

import pytest

from tests.faults.fleet import EXIT_KILLED, EXIT_WATCHDOG
from tests.faults.lab import Lab
from tests.faults.plan import Blow, to_plan
from tests.faults.runs import open_run

pytestmark = [pytest.mark.stack, pytest.mark.faults]


async def test_twenty_seconds_without_kafka_and_without_elasticsearch_lose_nothing(
    lab: Lab,
) -> None:
    plan = to_plan(
        "ci/outages",
        seconds=80,
        documents=40,
        blows={Blow.KAFKA: 1, Blow.ELASTICSEARCH: 1},
        blow_s={Blow.KAFKA: 20, Blow.ELASTICSEARCH: 20},
        per_second=4,
    )
    async with (
        lab.own_stack() as stack,
        open_run(
            stack.kafka,
            stack.elasticsearch,
            lab.folder,
            label="outages",
            servers={
                Blow.KAFKA: stack.kafka_server,
                Blow.ELASTICSEARCH: stack.elasticsearch_server,
            },
        ) as run,
    ):
        await run.execute(plan)
        verdict = await run.judge(within_s=180)
        lab.say(f"Kafka and Elasticsearch stopped for 20 s each: {verdict}")

        verdict.assert_kept()
        assert run.fleet.count_exits(EXIT_KILLED) == 0
        assert run.fleet.count_exits(EXIT_WATCHDOG) <= 2
        assert run.fleet.count_logged('"sink.unavailable"') > 0

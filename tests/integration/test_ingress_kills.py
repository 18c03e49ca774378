"""The ingress killed and restarted under load: the caller sees no failure, and nothing is lost."""

import asyncio
import os
import random
import signal
import time
from pathlib import Path
from uuid import uuid4

import pytest

from simulator.delivery import Rules
from simulator.notifications import Notification
from simulator.subscription import Subscription, WebhookOptions
from simulator.webhooks import WebhookService
from stack.choose import Servers
from tests.ingress.examples import AUTHORIZATION
from tests.ingress.load import Load, to_report
from tests.ingress.pairs import two_behind_nginx
from tests.ingress.processes import ingress_for, read_topic, uuids_of

pytestmark = [pytest.mark.stack, pytest.mark.faults]

KILLS = int(os.environ.get("QUINDEX_TEST_INGRESS_KILLS", "10"))
"""The campaign has 60."""
SEED = int(os.environ.get("QUINDEX_TEST_SEED", "1"))
KILLS_ALONE = max(3, KILLS // 5)
"""Of a single process: each takes as long as Quable's retries do."""
CALLS_BETWEEN = (5, 120)
PER_S = 100
"""What a single process is told of."""
RETRY_MIN_S = 2.0
"""Five minutes on a fast scale; longer where the ingress needs longer to start."""
SETTLE_S = 120.0


async def missing_from(bootstrap: str, topic: str, accepted: set[str]) -> set[str]:
    """Return what was accepted and is not on Kafka, once all that is left has been brought there."""
    async with asyncio.timeout(SETTLE_S):
        while True:
            records = await asyncio.to_thread(read_topic, bootstrap, topic)
            if not (missing := accepted - uuids_of(records)):
                return missing
            await asyncio.sleep(0.5)


def test_killed_behind_the_nginx_example_the_caller_sees_no_failure(
    servers: Servers, tmp_path: Path
) -> None:
    chance = random.Random(SEED)  # noqa: S311  # no secret

    async def test() -> None:
        async with two_behind_nginx(servers.kafka, tmp_path) as (both, port, names):
            load = Load(port)
            calling = asyncio.create_task(load.run())
            for _ in range(KILLS):
                await load.until(len(load.calls) + chance.randint(*CALLS_BETWEEN))
                victim = chance.choice(both)
                await victim.stop(signal.SIGKILL)
                await load.until(len(load.calls) + chance.randint(*CALLS_BETWEEN))
                await victim.start()
                await load.answered()  # nginx tries twice: no call may meet two deaths
            load.is_done = True
            await calling

            assert load.statuses == {202}, to_report(load.calls)
            assert await missing_from(servers.kafka, names.notifications, load.accepted) == set()

    asyncio.run(test())


def test_a_rolling_restart_is_not_noticed(servers: Servers, tmp_path: Path) -> None:
    async def test() -> None:
        async with two_behind_nginx(servers.kafka, tmp_path) as (both, port, names):
            load = Load(port)
            calling = asyncio.create_task(load.run())
            for each in both:
                await load.until(len(load.calls) + 200)
                assert await each.stop() == 0
                await each.start()
            await load.until(len(load.calls) + 200)
            load.is_done = True
            await calling

            assert load.statuses == {202}, to_report(load.calls)
            assert await missing_from(servers.kafka, names.notifications, load.accepted) == set()

    asyncio.run(test())


def to_notification(number: int) -> Notification:
    uuid, code = str(uuid4()), f"product-{number % 50}"
    body: dict[str, object] = {
        "uuid": uuid,
        "code": "document.update",
        "resource": {"code": code},
    }
    return Notification(uuid, "document.update", "document", code, body)


async def publish(webhooks: WebhookService, until: asyncio.Event) -> None:
    """Announce PER_S changes a second."""
    number = 0
    while not until.is_set():
        webhooks.publish([to_notification(number)])
        number += 1
        await asyncio.sleep(1 / PER_S)


def test_a_single_process_that_is_killed_does_not_get_the_webhook_disabled(
    servers: Servers, tmp_path: Path
) -> None:
    async def test() -> None:
        async with ingress_for(servers.kafka, tmp_path) as (ingress, names):
            started_s = time.monotonic()
            await ingress.start()
            retry_s = max(RETRY_MIN_S, time.monotonic() - started_s)
            webhooks = WebhookService(
                subscription=Subscription(url=ingress.url, authorization=AUTHORIZATION),
                options=WebhookOptions(time_scale=Rules().retry_s / retry_s),
                clock=asyncio.get_running_loop().time,
            )
            enough = asyncio.Event()
            publishing = asyncio.create_task(publish(webhooks, enough))
            for _ in range(KILLS_ALONE):
                # A notification is tried three times; it must not meet two processes that died.
                succeeded = webhooks.calls.succeeded + int(2 * retry_s * PER_S)
                async with asyncio.timeout(SETTLE_S):
                    while webhooks.calls.succeeded < succeeded:  # noqa: ASYNC110 (a poll is plainer)
                        await asyncio.sleep(0.05)
                await ingress.stop(signal.SIGKILL)
                await ingress.start()
            enough.set()
            await publishing
            async with asyncio.timeout(SETTLE_S):
                while not webhooks.idle:  # noqa: ASYNC110 (a poll is plainer)
                    await asyncio.sleep(0.05)
            accepted = set(webhooks.accepted())
            is_enabled, failed = webhooks.policy.enabled, webhooks.calls.failed
            announced = set(webhooks.entries)
            await webhooks.aclose()

            assert is_enabled
            assert failed > 0  # so there was something to try again
            assert accepted == announced
            assert await missing_from(servers.kafka, names.notifications, accepted) == set()

    asyncio.run(test())

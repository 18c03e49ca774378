"""The real process and the real Kafka: nothing that was accepted is missing, whatever ends it."""

import asyncio
import os
import signal
from pathlib import Path

import httpx
import pytest

from ingress.process import CLOSE_MAX_S, FINISH_S
from runtime.errors import MustRestart
from stack.choose import Servers
from tests.ingress.examples import AUTHORIZATION
from tests.ingress.processes import COMMAND, START_S, Caller, ingress_for, read_topic, uuids_of
from tests.pim.quables_examples import EXAMPLE
from topics.partitions import to_partition

pytestmark = pytest.mark.stack

KILLS = 10
CALLERS = 8
NOWHERE = "127.0.0.1:1"


def kafka_is_there(answer: object) -> bool:
    return isinstance(answer, dict) and answer["kafka"] is True


def test_quables_example_lies_on_kafka_byte_for_byte(servers: Servers, tmp_path: Path) -> None:
    async def test() -> None:
        async with ingress_for(servers.kafka, tmp_path) as (ingress, names):
            await ingress.start()
            await ingress.until(kafka_is_there)
            async with httpx.AsyncClient() as client:
                answer = await client.post(
                    ingress.url, content=EXAMPLE, headers={"authorization": AUTHORIZATION}
                )
            assert (answer.status_code, answer.content) == (202, b"")
            assert "server" not in answer.headers

            [record] = await asyncio.to_thread(read_topic, servers.kafka, names.notifications)
            assert record.key == b"product_blue_pant"
            assert record.value == EXAMPLE
            assert record.headers["source"] == b"webhook"
            assert record.partition == to_partition(b"product_blue_pant", 12)
            assert await ingress.stop() == 0

    asyncio.run(test())
    assert list(tmp_path.iterdir()) == []


def test_it_starts_without_kafka_and_brings_what_it_took_when_kafka_is_there(
    servers: Servers, tmp_path: Path
) -> None:
    async def test() -> None:
        async with ingress_for(servers.kafka, tmp_path) as (ingress, names):
            await ingress.start(QUINDEX_KAFKA=NOWHERE)
            caller = Caller(ingress.url)
            async with httpx.AsyncClient() as client:
                for _ in range(20):
                    assert await caller.call(client)
            assert await ingress.spooled() == 20
            assert await ingress.stop() == 0

            await ingress.start()
            await ingress.drained()
            records = await asyncio.to_thread(read_topic, servers.kafka, names.notifications)
            assert uuids_of(records) == caller.accepted

    asyncio.run(test())


@pytest.mark.parametrize("kafka", ["there", "away"])
def test_killed_again_and_again_it_loses_nothing_that_it_accepted(
    servers: Servers, tmp_path: Path, kafka: str
) -> None:
    async def test() -> None:
        async with ingress_for(servers.kafka, tmp_path) as (ingress, names):
            caller = Caller(ingress.url)
            calling = [asyncio.create_task(caller.keep_calling()) for _ in range(CALLERS)]
            settings = {} if kafka == "there" else {"QUINDEX_KAFKA": NOWHERE}
            for _ in range(KILLS):
                await ingress.start(**settings)
                await caller.until(len(caller.accepted) + 40)
                assert await ingress.stop(signal.SIGKILL) == -signal.SIGKILL
            await ingress.start()
            caller.is_done = True
            await asyncio.gather(*calling)
            await ingress.until(kafka_is_there)
            await ingress.drained()
            records = await asyncio.to_thread(read_topic, servers.kafka, names.notifications)

            assert caller.statuses == {202}
            assert len(caller.accepted) >= 40 * KILLS
            assert caller.accepted - uuids_of(records) == set()

    asyncio.run(test())


def test_stopped_under_load_it_answers_what_it_took(servers: Servers, tmp_path: Path) -> None:
    async def test() -> None:
        async with ingress_for(servers.kafka, tmp_path) as (ingress, names):
            await ingress.start()
            await ingress.until(kafka_is_there)
            caller = Caller(ingress.url)
            calling = [asyncio.create_task(caller.keep_calling()) for _ in range(CALLERS)]
            await caller.until(200)
            assert await ingress.stop() == 0
            caller.is_done = True
            await asyncio.gather(*calling)
            records = await asyncio.to_thread(read_topic, servers.kafka, names.notifications)

            assert caller.statuses == {202}
            assert uuids_of(records) == caller.accepted  # so no call was cut off, either

    asyncio.run(test())


def test_a_taken_port_is_said_plainly(servers: Servers, tmp_path: Path) -> None:
    async def test() -> None:
        async with ingress_for(servers.kafka, tmp_path) as (ingress, _):
            await ingress.start()
            second = await asyncio.create_subprocess_exec(
                *COMMAND, env=ingress.environ(), stderr=asyncio.subprocess.PIPE
            )
            _, said = await second.communicate()

            assert second.returncode == 1
            assert b"Cannot listen on 127.0.0.1" in said
            assert b"Traceback" not in said

    asyncio.run(test())


def test_a_disk_that_hangs_does_not_hold_a_process_that_is_to_end(
    servers: Servers, tmp_path: Path
) -> None:
    home, hanging = tmp_path / "ingress-0", tmp_path / "ingress-1"
    for folder in (home, hanging):
        folder.mkdir()
    os.mkfifo(hanging / "mark")  # whoever reads it waits for ever
    lock = hanging / "lock"

    async def test() -> None:
        async with ingress_for(servers.kafka, tmp_path) as (ingress, _):
            await ingress.start()
            await ingress.until(kafka_is_there)
            async with asyncio.timeout(START_S):
                while not lock.exists():  # noqa: ASYNC110 (another process cannot set an event)
                    await asyncio.sleep(0.01)
            async with asyncio.timeout(FINISH_S + 2 * CLOSE_MAX_S):
                assert await ingress.stop() == MustRestart.exit_code

    asyncio.run(test())
    assert hanging.exists()

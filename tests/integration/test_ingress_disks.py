"""Disks that are full or read-only while Kafka is away, and what a killed process leaves behind."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from stack.choose import Servers
from stack.ports import free_port
from tests.ingress.forwarding import Forwarder
from tests.ingress.processes import Caller, Ingress, ingress_for, read_topic, uuids_of
from topics.names import TopicNames
from topics.notifications import Source, parse_since_s, to_source

pytestmark = pytest.mark.stack

DISK_BYTES = 2 * 1024 * 1024
IMAGE_BYTES = 8 * 1024 * 1024
WITHIN_S = 90.0
NOWHERE = "127.0.0.1:1"


def run(*command: str | Path) -> None:
    done = subprocess.run(list(command), capture_output=True, text=True, check=False)  # noqa: S603  # ours
    assert done.returncode == 0, (
        f"{command} failed: {done.stderr}\n"
        "This test fills and breaks file systems of its own, so it must be allowed to mount them."
    )


@contextmanager
def mounted(folder: Path, *options: str | Path) -> Iterator[Path]:
    """Mount a file system on a new folder."""
    folder.mkdir()
    run("mount", *options, folder)
    try:
        yield folder
    finally:
        run("umount", "--lazy", folder)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    with mounted(folder, "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs") as disk:
        yield disk


@contextmanager
def breakable_disk(folder: Path) -> Iterator[Path]:
    """A file system that can go read-only with files open, as after an error of its device."""
    image = folder.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    run("mkfs.ext4", "-q", image)
    with mounted(folder, "-o", "loop", image) as disk:
        yield disk


def fill(disk: Path) -> Path:
    """Leave not one byte free; return the file that has to go for the disk to have room again."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    return ballast


@asynccontextmanager
async def ingress_without_kafka(
    servers: Servers, disk: Path
) -> AsyncIterator[tuple[Ingress, TopicNames, Forwarder]]:
    """An ingress that takes calls, and the port by which it would find Kafka."""
    kafka = Forwarder(free_port(), int(servers.kafka.rsplit(":", 1)[1]))
    async with ingress_for(servers.kafka, disk) as (ingress, names):
        await ingress.start(QUINDEX_KAFKA=kafka.address)
        yield ingress, names, kafka


async def call(caller: Caller) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        await caller.call(client)


async def metric(ingress: Ingress, name: str) -> float:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{ingress.ports[1]}/metrics")
    return next(
        float(it.split()[1]) for it in answer.text.splitlines() if it.startswith(f"{name} ")
    )


def test_with_a_full_disk_and_no_kafka_the_mark_accepts_and_becomes_a_notification(
    servers: Servers, tmp_path: Path
) -> None:
    async def test(disk: Path) -> None:
        async with ingress_without_kafka(servers, disk) as (ingress, names, kafka):
            caller = Caller(ingress.url)
            await call(caller)
            ballast = await asyncio.to_thread(fill, disk)
            for _ in range(20):  # the first may find room in the last block of the segment
                await call(caller)
            assert caller.statuses == {202}
            marks = await metric(ingress, "quindex_webhook_marks_total")
            assert marks > 0

            await asyncio.to_thread(ballast.unlink)
            rows = await ingress.spooled()
            await call(caller)
            assert await ingress.spooled() == rows + 1  # a disk that has room again is used again

            async with kafka.listening():
                await ingress.until(lambda answer: answer["kafka"] is True, within_s=WITHIN_S)
                await ingress.drained(within_s=WITHIN_S)
                records = await asyncio.to_thread(read_topic, servers.kafka, names.notifications)
                assert await ingress.stop() == 0
            appended = [it for it in records if to_source(it.headers) is Source.MARK]
            called = [it for it in records if to_source(it.headers) is Source.WEBHOOK]
            assert len(appended) == 1
            assert len(uuids_of(called)) == len(caller.accepted) - marks
            received_s = min(float(it.headers["received_at"]) for it in called)
            assert parse_since_s(appended[0].value or b"") < received_s

    with small_disk(tmp_path / "disk") as disk:
        asyncio.run(test(disk))


def test_only_a_read_only_disk_without_kafka_gets_a_503_and_one_alarm_says_so(
    servers: Servers, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def test(disk: Path) -> None:
        async with ingress_without_kafka(servers, disk) as (ingress, _, _):
            caller = Caller(ingress.url)
            await call(caller)
            assert caller.statuses == {202}
            await asyncio.to_thread(run, "mount", "-o", "remount,abort", disk)
            caller.statuses.clear()
            for _ in range(5):
                await call(caller)

            assert caller.statuses == {503}
            await ingress.until(lambda answer: answer["ready"] is False)

    with breakable_disk(tmp_path / "disk") as disk:
        asyncio.run(test(disk))
    alarms = [line for line in capfd.readouterr().err.splitlines() if '"critical"' in line]
    assert len(alarms) == 1
    assert "calls.refused" in alarms[0]
    assert "Read-only file system" in alarms[0]


def test_what_a_killed_process_left_behind_is_brought_to_kafka_by_another(
    servers: Servers, tmp_path: Path
) -> None:
    async def test() -> None:
        async with ingress_for(servers.kafka, tmp_path) as (victim, names):
            other = Ingress(victim.settings)
            await asyncio.gather(victim.start(QUINDEX_KAFKA=NOWHERE), other.start())
            try:
                caller = Caller(victim.url)
                for _ in range(20):
                    await call(caller)
                await victim.stop(signal.SIGKILL)
                async with asyncio.timeout(WITHIN_S):
                    while True:
                        topic = names.notifications
                        records = await asyncio.to_thread(read_topic, servers.kafka, topic)
                        if uuids_of(records) == caller.accepted:
                            break
                        await asyncio.sleep(0.2)
                assert len(caller.accepted) == 20
            finally:
                await other.stop(signal.SIGKILL)

    asyncio.run(test())

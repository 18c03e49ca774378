"""
A drill for every alert: its fault is injected, a real Prometheus says that it fires, and what its
runbook says ends it.

One installation on servers that may be frozen goes through all of them, one after the other.
"""

import asyncio
import sys
from pathlib import Path

import httpx
import pytest

from stack.child import Child
from stack.ports import HOST
from tests.faults.burst import put
from tests.faults.desk import Desk, open_desk
from tests.faults.lab import Lab
from tests.faults.prometheus import FIRES_WITHIN_S, OVER_WITHIN_S, READY_WITHIN_S
from tests.faults.runs import until_true
from tests.faults.settling import settle
from tests.integration.commands import without_settings
from tests.integration.test_ingress_disks import NOWHERE, breakable_disk, fill

pytestmark = [pytest.mark.stack, pytest.mark.faults]

DRIFT_FOUND = 6
POISON = 150
SHORT = {"QUINDEX_PIM_QUOTA_10MIN": "12"}
NOT_DRILLED = {"QuindexCallsRefused"}
"""A mark that is written covers later calls: tests/integration/test_ingress_disks.py has the 503."""


async def test_every_alert_fires_at_its_fault_and_its_runbook_ends_it(lab: Lab) -> None:
    async with open_desk(lab) as desk:
        await desk.edit()
        await desk.watch.until_over()

        await drill_deletes_begin(desk)
        await drill_data(desk)
        await drill_deletes_end(desk)
        await drill_pause(desk)
        await drill_stop(desk)
        await drill_servers(desk)
        await drill_pim(desk)
        await drill_quota(desk)
        await drill_processes(desk)
        with breakable_disk(lab.folder / "alerts-disk") as disk:
            await drill_disk(desk, disk)
        await drill_silence(desk)

        await desk.edit()
        await desk.watch.until_over()
        agreement = await settle(desk.installation, 120)
        assert agreement.is_equal, agreement.examples()
        assert desk.drilled == set(desk.watch.alerts) - NOT_DRILLED


async def drill_deletes_begin(desk: Desk) -> None:
    """A resource that nobody announced as deleted: looked at again 30 s later, then parked."""
    await desk.installation.control("delete", code="short-skirt-green", silent=True)
    await desk.quindex("trigger", "short-skirt-green")


async def drill_deletes_end(desk: Desk) -> None:
    await desk.fires("QuindexDeletesParked")
    assert "short-skirt-green" in await desk.quindex("deletes", "show")
    await desk.quindex("deletes", "confirm")
    await desk.watch.until_over("QuindexDeletesParked")


async def drill_data(desk: Desk) -> None:
    """A stranger, a record that is none, and a search document that was changed by hand."""
    for _ in range(3):
        assert await desk.call("Bearer wrong", desk.installation.ingress_port) == 401
    await desk.fires("QuindexCallsUnauthorized")
    await desk.poison(1)
    await desk.falsify()
    await desk.quindex("reconcile", "--dry-run", "--kind", "document", codes=(DRIFT_FOUND,))
    await desk.fires("QuindexDeadLetters", "QuindexDrift")

    await desk.quindex("dead-letters", "discard", "--reason", "not_json")
    await desk.quindex("reconcile", "--kind", "document", codes=(DRIFT_FOUND,))
    assert "--source" in await desk.quindex("tail", "--help")
    await desk.watch.until_over("QuindexDeadLetters", "QuindexDrift", "QuindexCallsUnauthorized")


async def drill_pause(desk: Desk) -> None:
    """A stage that somebody has paused: what waits for it is late, then slow."""
    await desk.quindex("pause", "index", "--reason", "a drill")
    await desk.edit()
    await desk.fires("QuindexStagePaused", "QuindexStageBehind", "QuindexNotFresh")

    await desk.until_status_says("paused")
    await desk.quindex("resume", "index")
    await desk.fires("QuindexSlow")

    async def is_quick_again() -> bool:
        await desk.edit()
        await asyncio.sleep(1)
        return "QuindexSlow" not in await desk.watch.firing()

    await until_true(is_quick_again, within_s=OVER_WITHIN_S, otherwise="edits are still slow")
    await desk.watch.until_over("QuindexStagePaused", "QuindexStageBehind", "QuindexNotFresh")


async def drill_stop(desk: Desk) -> None:
    """More than most of what a stage is given dies."""
    await desk.poison(POISON)
    await desk.fires("QuindexStageStopped")

    await desk.quindex("dead-letters", "resume", "debounce")
    await desk.watch.until_over("QuindexStageStopped")
    await desk.edit()  # behind the poison: once it is there, no more will die
    await settle(desk.installation, 120)
    await desk.quindex("dead-letters", "discard", "--all", "--yes")
    await desk.watch.until_over("QuindexDeadLetters")


async def drill_servers(desk: Desk) -> None:
    """Both servers freeze."""
    servers = desk.stack.kafka_server, desk.stack.elasticsearch_server
    try:
        servers[1].pause()
        await desk.fires("QuindexElasticsearchAway")
        servers[0].pause()
        await desk.edit()
        await desk.fires("QuindexKafkaAway", "QuindexSpoolWaiting")
    finally:
        for server in servers:  # other scenarios need them too
            server.resume()
    await desk.watch.until_over(
        "QuindexKafkaAway", "QuindexElasticsearchAway", "QuindexSpoolWaiting"
    )


async def drill_pim(desk: Desk) -> None:
    """The PIM does not answer well, then refuses the token."""
    await put(desk.installation, "faults/status", status=503)
    await desk.edit()
    await desk.fires("QuindexPimAway")
    await desk.installation.http.delete("/control/faults")
    await desk.watch.until_over("QuindexPimAway")

    await put(desk.installation, "faults/status", status=401)
    await desk.edit()
    await desk.fires("QuindexPimRefuses")
    await desk.installation.http.delete("/control/faults")
    await desk.restart_worker()
    await desk.watch.until_over("QuindexPimRefuses")


async def drill_quota(desk: Desk) -> None:
    """A quota that is used up; and restart after restart."""
    await desk.restart_worker(**SHORT)
    await desk.edit()
    await desk.fires("QuindexQuotaShort")

    async def is_restarting() -> bool:
        await desk.restart_worker()
        return "QuindexRestarts" in await desk.watch.firing()

    await until_true(is_restarting, within_s=FIRES_WITHIN_S, otherwise="restarts are not seen")
    await desk.fires("QuindexRestarts")
    await desk.edit()
    await desk.watch.until_over("QuindexQuotaShort")


async def drill_processes(desk: Desk) -> None:
    """No worker, and no ingress."""
    await asyncio.gather(
        asyncio.to_thread(desk.worker.stop), asyncio.to_thread(desk.installation.ingress.stop)
    )
    await desk.fires("QuindexWorkerDown", "QuindexNobodyLooks", "QuindexIngressDown")
    desk.installation.ingress.start()
    await desk.start_worker()
    await desk.watch.until_over("QuindexWorkerDown", "QuindexNobodyLooks", "QuindexIngressDown")


async def drill_disk(desk: Desk, disk: Path) -> None:
    """An ingress without Kafka, whose spool is full; and one whose spool is damaged."""
    secret = desk.installation.authorization
    public, operations = desk.second_ports
    address = f"{HOST}:{operations}"
    second = Child(
        "ingress-2",
        [sys.executable, "-m", "ops", "ingress"],
        environment={
            **without_settings(),
            **desk.installation.variables,
            "QUINDEX_INGRESS_PORT": str(public),
            "QUINDEX_OPS_PORT": str(operations),
        },
        log=desk.installation.folder / "ingress-2.log",
    )
    good = desk.installation.folder / "second-spool"

    async def start(**more: str) -> None:
        await asyncio.to_thread(second.start, **more)

    try:
        await start(QUINDEX_KAFKA=NOWHERE, QUINDEX_SPOOL_PATH=str(disk))
        await until_true(lambda: _accepts(operations), within_s=READY_WITHIN_S)
        first_s = await desk.watch.until_seen(address)
        await asyncio.to_thread(fill, disk)
        for _ in range(20):
            await desk.call(secret, public)
        await desk.fires("QuindexMarkUsed")
        await asyncio.to_thread(second.kill)  # its disk is replaced

        await start(QUINDEX_KAFKA=NOWHERE, QUINDEX_SPOOL_PATH=str(good))
        await until_true(lambda: _accepts(operations), within_s=READY_WITHIN_S)
        for _ in range(3):
            assert await desk.call(secret, public) == 202
        await desk.watch.until_seen(address, after_s=first_s)
        await asyncio.to_thread(second.kill)
        damage(good)
        await start(QUINDEX_SPOOL_PATH=str(good))
        await desk.fires("QuindexSpoolDamaged")
        await desk.quindex("scans", "list")
        await desk.quindex("dead-letters", "discard", "--reason", "spool_damaged")
        await desk.watch.until_over("QuindexMarkUsed", "QuindexSpoolDamaged", "QuindexDeadLetters")
    finally:
        await asyncio.to_thread(second.stop)


def damage(spool: Path) -> None:
    """Flip a byte in the middle of what lies there."""
    (segment,) = [path for path in spool.rglob("*.log") if path.stat().st_size]
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0xFF
    segment.write_bytes(content)


async def _accepts(port: int) -> bool:
    try:
        async with httpx.AsyncClient() as http:
            return (await http.get(f"http://{HOST}:{port}/readyz")).is_success
    except httpx.TransportError:
        return False


async def drill_silence(desk: Desk) -> None:
    """Quable has disabled the webhook."""
    await desk.installation.control("webhook/disable")
    await desk.edit()
    await desk.fires("QuindexWebhookSilent")
    await desk.quindex("webhook", "enable")
    await desk.edit()
    await desk.watch.until_over("QuindexWebhookSilent")

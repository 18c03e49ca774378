"""The webhook's secret is changed as docs/operations.md says: not one call is refused."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from stack.choose import Servers
from tests.ingress.load import Load, to_report
from tests.ingress.pairs import two_behind_nginx
from tests.ingress.processes import Ingress

pytestmark = pytest.mark.stack

OLD, NEW = "Bearer old-secret", "Bearer new-secret"
CURRENT = "QUINDEX_WEBHOOK_AUTHORIZATION_FILE"
NEXT = "QUINDEX_WEBHOOK_AUTHORIZATION_NEXT_FILE"
CALLS = 100
PER_S = 50.0


async def seen(ingress: Ingress) -> Mapping[str, float]:
    """Return when each secret last came."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{ingress.ports[1]}/metrics")
    name = "quindex_webhook_secret_seen_timestamp_seconds{"
    lines = [line for line in answer.text.splitlines() if line.startswith(name)]
    return {line.split('"')[1]: float(line.split()[1]) for line in lines}


def test_a_rotation_costs_no_call(servers: Servers, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text(f"{OLD}\n", "utf-8")
    new.write_text(NEW, "utf-8")

    async def test() -> None:
        first_secret = {"QUINDEX_WEBHOOK_AUTHORIZATION": OLD}
        async with two_behind_nginx(servers.kafka, tmp_path, first_secret) as (both, port, _):
            common = {name: both[0].settings[name] for name in both[0].settings}
            del common["QUINDEX_WEBHOOK_AUTHORIZATION"]
            load = Load(port, per_s=PER_S, authorization=OLD)
            calling = asyncio.create_task(load.run())

            async def restart(settings: Mapping[str, str]) -> None:
                for each in both:
                    assert await each.stop() == 0
                    each.settings = {**common, **settings}
                    await each.start()
                    await load.until(len(load.calls) + CALLS)

            await restart({CURRENT: str(old), NEXT: str(new)})
            load.authorization = NEW
            await load.until(len(load.calls) + CALLS)
            for each in both:
                times = await seen(each)
                assert times["next"] > times["current"]  # so the old one may go
            await restart({CURRENT: str(new)})
            assert load.statuses == {202}, to_report(load.calls)

            load.authorization = OLD  # it is of no use any more
            await load.until(len(load.calls) + CALLS)
            load.is_done = True
            await calling
            assert load.statuses == {202, 401}

    asyncio.run(test())

"""What an installation, and the demo on it, make of processes that answer late, wrongly or not."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from ops.demo import DOCUMENTS_MAX, command
from ops.demo_steps import FLOW_IN_WITHIN_S, load_catalog, to_flow_in_s
from ops.installation import Installation
from runtime.errors import OperatorError
from tests.eventually import eventually
from tests.simulator.simulators import open_box

NOWHERE = "127.0.0.1:9"
WITHIN_S = 0.5


def to_installation(folder: Path) -> Installation:
    return Installation(NOWHERE, f"http://{NOWHERE}", folder, documents=3)


async def installed(folder: Path, http: httpx.AsyncClient) -> Installation:
    """Return an installation, of which nothing runs but its simulator, behind *http*."""
    installation = to_installation(folder)
    await installation.http.aclose()
    installation.http = http
    return installation


class Refusing(httpx.AsyncBaseTransport):
    """The way to a simulator that makes no calls."""

    def __init__(self, behind: httpx.AsyncClient) -> None:
        self._behind = behind

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Refuse to announce, and pass on the rest."""
        if request.url.path == "/control/announce":
            return httpx.Response(500, text="out of order")
        answer = await self._behind.send(request)
        return httpx.Response(answer.status_code, content=answer.content)


def test_who_waits_for_webhook_calls_does_not_wait_for_ever(tmp_path: Path) -> None:
    async def check() -> None:
        async with open_box(documents=3, statuses=[500]) as box:
            site = await installed(tmp_path, box.client)
            await site.control("edit")
            await box.simulation.webhooks.settled()  # the next attempt is five minutes away

            with pytest.raises(OperatorError, match="not called for all changes: 1 wait"):
                await site.webhooks_idle(0.01)
            box.simulation.webhooks.disable()
            await site.webhooks_idle(0.01)

    asyncio.run(check())


def test_a_catalog_that_cannot_be_announced_is_one_plain_error(tmp_path: Path) -> None:
    async def check() -> None:
        async with (
            open_box(documents=3) as box,
            httpx.AsyncClient(transport=Refusing(box.client), base_url="http://pim") as http,
        ):
            site = await installed(tmp_path, http)

            with pytest.raises(OperatorError, match="refused announce: out of order"):
                await load_catalog(site)

    asyncio.run(check())


def test_a_process_that_has_ended_is_known_and_one_that_never_began_is_not(tmp_path: Path) -> None:
    installation = to_installation(tmp_path)
    assert installation.ended == []
    installation.simulator.start()
    try:
        assert installation.ended == []
    finally:
        installation.simulator.kill()
        asyncio.run(installation.http.aclose())

    eventually(lambda: installation.ended == [installation.simulator], within_s=10)


def test_a_demo_waits_longer_for_more_documents_and_takes_no_more_than_it_can_show() -> None:
    refused = CliRunner().invoke(command, ["--documents", str(DOCUMENTS_MAX + 1)])

    assert to_flow_in_s(DOCUMENTS_MAX) > 2 * FLOW_IN_WITHIN_S
    assert refused.exit_code == 2
    assert str(DOCUMENTS_MAX) in refused.stderr


def test_who_does_not_answer_is_asked_again_until_the_time_is_over(tmp_path: Path) -> None:
    installation = to_installation(tmp_path)
    began_s = time.monotonic()
    with pytest.raises(httpx.TransportError):
        asyncio.run(installation.settle(WITHIN_S))

    assert time.monotonic() - began_s > WITHIN_S

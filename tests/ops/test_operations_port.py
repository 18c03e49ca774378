"""The operations port of a worker, on a real socket."""

import asyncio

import httpx
import pytest

from ingress.sockets import PortUnavailable, listen
from ops.operations_port import open_operations_port
from runtime.settings import Settings


async def look(*, ready: bool) -> tuple[list[int], str]:
    address, serve = open_operations_port(Settings(), lambda: ready)
    serving = asyncio.create_task(serve())
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}") as http:
            answers = [await http.get(path) for path in ("/livez", "/readyz", "/metrics")]
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    return [answer.status_code for answer in answers], answers[-1].text


def test_it_says_that_it_lives_has_started_and_what_it_counts() -> None:
    statuses, metrics = asyncio.run(look(ready=True))

    assert statuses == [200, 200, 200]
    assert "quindex_dead_letters_total" in metrics


def test_it_is_not_ready_before_it_has_started() -> None:
    assert asyncio.run(look(ready=False))[0] == [200, 503, 200]


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    with listen("127.0.0.1", 0, setting="TEST") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortUnavailable, match="QUINDEX_OPS_PORT"):
            open_operations_port(Settings(ops_port=port), lambda: True)

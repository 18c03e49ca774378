"""The operations port."""

import asyncio

import httpx
import pytest

from ingress.operations import create_operations_app


def get(path: str, *, rungs: dict[str, bool]) -> httpx.Response:
    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(app=create_operations_app(lambda: rungs))
        async with httpx.AsyncClient(transport=transport, base_url="http://operations") as client:
            return await client.get(path)

    return asyncio.run(request())


@pytest.mark.parametrize(
    ("kafka", "spool", "mark", "status"),
    [
        (True, True, True, 200),
        (False, True, True, 200),
        (False, False, True, 200),
        (False, False, False, 503),
    ],
)
def test_ready_means_that_a_call_can_be_accepted_durably(
    *, kafka: bool, spool: bool, mark: bool, status: int
) -> None:
    rungs = {"kafka": kafka, "spool": spool, "mark": mark}
    answer = get("/readyz", rungs=rungs)

    assert answer.status_code == status
    assert answer.json() == {"ready": status == 200, **rungs}


def test_it_is_alive_whatever_it_can_accept() -> None:
    assert get("/livez", rungs={"kafka": False}).text == "alive\n"


def test_metrics_are_those_of_the_catalogue() -> None:
    assert "quindex_webhook_calls" in get("/metrics", rungs={}).text

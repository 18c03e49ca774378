"""The client against Quable in a box: what both take Quable's documentation to mean."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx
import pytest

from pim.client import PimClient
from pim.cuts import CUT_AT
from pim.kinds import Kind
from pim.retries import RetryBudget, RetryPolicy
from runtime.errors import (
    PimAnswerTooLarge,
    PimAnswerUnusable,
    PimFilterIgnored,
    PimTimeout,
    PimUnauthorized,
    PimUnavailable,
    QuindexError,
)
from simulator.app import create_app
from simulator.behaviour import Behaviour
from simulator.changes import delete
from simulator.faults import Fault, FaultKind
from simulator.quota import Quota, Window
from simulator.rest import Tokens
from simulator.simulation import Simulation
from simulator.special_codes import CARE_GUIDE, LOOKBOOK, MADE_TO_MEASURE, NASTY_CODES, SHORT_SKIRT
from tests.clock import FakeClock
from tests.pim.scripted import CountingGate

T = TypeVar("T")
FEW: Final = 40
MANY: Final = 300
"""Documents; only a catalog with many has lists that Quable cuts."""
TOKEN: Final = "canary-9f3a"  # noqa: S105  # of no real instance


@dataclass(frozen=True, slots=True)
class Ground:
    """A client, its gate and the simulator that answers it."""

    client: PimClient
    gate: CountingGate
    simulation: Simulation


def by_id(members: Any) -> list[Any]:
    return sorted(members, key=lambda member: str(member["id"]))


def on_ground(
    task: Callable[[Ground], Awaitable[T]],
    *,
    documents: int = FEW,
    token: str = TOKEN,
    behaviour: Behaviour | None = None,
    quota: Quota | None = None,
    timeout_s: float = 30.0,
    tries_max: int = 1,
) -> T:
    clock = FakeClock()

    async def never(_: float) -> None:
        await asyncio.Event().wait()

    async def run() -> T:
        app = create_app(
            documents=documents,
            tokens=Tokens(TOKEN),
            behaviour=behaviour or Behaviour(),
            quota=quota,
            clock=clock,
            sleep=never,
        )
        gate = CountingGate()
        client = PimClient(
            "http://simulator.test",
            token,
            gate=gate,
            transport=httpx.ASGITransport(app),
            timeout_s=timeout_s,
            answer_max_bytes=4_000_000,
            retries=RetryPolicy(tries_max=tries_max, wait_first_s=0.0, budget=RetryBudget()),
            wall_clock=clock,
        )
        try:
            return await task(Ground(client, gate, app.state.simulation))
        finally:
            await client.aclose()
            await app.state.simulation.aclose()

    return asyncio.run(run())


@pytest.mark.parametrize("id_filter", [True, False])
@pytest.mark.parametrize("kind", Kind)
def test_every_resource_is_fetched_by_its_code(kind: Kind, id_filter: bool) -> None:
    async def fetch(ground: Ground) -> None:
        codes = ground.simulation.instance.catalog.codes(kind)
        assert kind is not Kind.DOCUMENT or set(NASTY_CODES) <= set(codes)
        for code in codes:
            resource = await ground.client.fetch(kind, code)
            assert resource is not None
            assert resource["id"] == code

    on_ground(fetch, behaviour=Behaviour(id_filter=id_filter))


@pytest.mark.parametrize("code", ["no-such", "no/such", "no.such", "..", "no\\such", "é" * 300])
def test_what_does_not_exist_is_none(code: str) -> None:
    async def fetch(ground: Ground) -> None:
        assert await ground.client.fetch(Kind.DOCUMENT, code) is None

    on_ground(fetch)


def test_a_deleted_resource_is_none() -> None:
    async def fetch(ground: Ground) -> None:
        delete(ground.simulation.instance, (Kind.DOCUMENT, SHORT_SKIRT))
        assert await ground.client.fetch(Kind.DOCUMENT, SHORT_SKIRT) is None

    on_ground(fetch)


def test_packs_find_what_single_requests_find() -> None:
    async def fetch(ground: Ground) -> None:
        client = ground.client
        codes = [*ground.simulation.instance.catalog.codes(Kind.DOCUMENT), "no-such", "no/such"]
        packs = [
            await client.fetch_many(Kind.DOCUMENT, pack)
            for pack in client.to_packs(Kind.DOCUMENT, codes)
        ]
        found = {code: resource for pack in packs for code, resource in pack.found.items()}

        assert ground.gate.entered == len(packs) < len(codes) / 10
        assert sorted([*found, "no-such", "no/such"]) == sorted(codes)
        assert [code for pack in packs for code in pack.missing] == ["no-such", "no/such"]
        for code, resource in found.items():
            assert resource == await client.fetch(Kind.DOCUMENT, code)

    on_ground(fetch)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("id_filter", [True, False])
def test_the_probe_tells_whether_the_id_filter_is_on(kind: Kind, id_filter: bool) -> None:
    async def probe(ground: Ground) -> bool:
        return await ground.client.probe_packing(kind)

    assert on_ground(probe, behaviour=Behaviour(id_filter=id_filter)) is id_filter


def test_without_the_id_filter_a_pack_is_refused() -> None:
    async def fetch(ground: Ground) -> None:
        with pytest.raises(PimFilterIgnored):
            await ground.client.fetch_many(Kind.DOCUMENT, [SHORT_SKIRT, LOOKBOOK])

    on_ground(fetch, behaviour=Behaviour(id_filter=False))


@pytest.mark.parametrize("kind", Kind)
def test_pages_hold_every_resource_once_in_order(kind: Kind) -> None:
    async def scan(ground: Ground) -> None:
        codes: list[str] = []
        number, has_next = 1, True
        while has_next:
            page = await ground.client.fetch_page(kind, page=number, limit=7)
            codes += [resource["id"] for resource in page.resources]
            assert page.total == len(ground.simulation.instance.catalog.codes(kind))
            assert page.unreadable == 0
            number, has_next = number + 1, page.has_next
        assert codes == sorted(ground.simulation.instance.catalog.codes(kind))
        assert ground.gate.entered == number - 1 == ground.simulation.ledger.total

    on_ground(scan)


def test_a_page_may_be_of_what_was_modified_or_of_one_type() -> None:
    async def read(ground: Ground) -> None:
        instance = ground.simulation.instance
        everything = instance.catalog.resources[Kind.DOCUMENT].values()
        middle_s = sorted(each.modified_s for each in everything)[len(everything) // 2]
        newer = [each.code for each in everything if int(each.modified_s) >= int(middle_s)]
        colors = [each.code for each in everything if each.document_type == "color"]

        page = await ground.client.fetch_page(Kind.DOCUMENT, page=1, modified_after_s=middle_s)
        assert page.total == len(newer)
        page = await ground.client.fetch_page(
            Kind.DOCUMENT, page=1, filters={"documentType.id": "color"}
        )
        assert sorted(resource["id"] for resource in page.resources) == sorted(colors)

    on_ground(read)


def test_all_attributes_are_read() -> None:
    async def read(ground: Ground) -> list[Any]:
        return list(await ground.client.attributes())

    codes = {attribute["id"] for attribute in on_ground(read)}
    assert {"color_name", "r_washing", "variant_size", "sim_revision"} <= codes


@pytest.mark.parametrize(
    ("kind", "code", "name"),
    [
        (Kind.DOCUMENT, LOOKBOOK, "documentLinks"),
        (Kind.DOCUMENT, MADE_TO_MEASURE, "variants"),
        (Kind.ASSET, CARE_GUIDE, "documentLinks"),
    ],
)
def test_a_cut_resource_is_completed_to_what_the_pim_holds(
    kind: Kind, code: str, name: str
) -> None:
    async def complete(ground: Ground) -> None:
        instance = ground.simulation.instance
        whole = instance.show(instance.resource((kind, code)), complete=True)
        cut = await ground.client.fetch(kind, code)
        assert cut is not None
        assert cut != whole
        before = ground.gate.entered
        completed = await ground.client.complete(kind, cut)

        assert completed[name][:CUT_AT] == cut[name]
        assert by_id(completed[name]) == by_id(whole[name])
        assert {**completed, name: []} == {**whole, name: []}
        assert ground.gate.entered > before + 1

    on_ground(complete, documents=MANY)


def test_the_check_passes() -> None:
    async def check(ground: Ground) -> None:
        await ground.client.check()

    on_ground(check)


def test_a_wrong_token_is_found_by_the_check() -> None:
    async def check(ground: Ground) -> None:
        with pytest.raises(PimUnauthorized):
            await ground.client.check()

    on_ground(check, token="another")  # noqa: S106  # a wrong one


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize("retry_after", [False, True])
def test_a_spent_quota_says_how_long_to_wait_if_the_pim_does(html: bool, retry_after: bool) -> None:
    quota = Quota([Window(2, 600.0)], html=html, retry_after=retry_after)

    async def spend(ground: Ground) -> PimUnavailable:
        await ground.client.check()
        await ground.client.check()
        with pytest.raises(PimUnavailable) as caught:
            await ground.client.check()
        return caught.value

    error = on_ground(spend, quota=quota)
    assert error.status == 429
    assert error.retry_after_s == (600 if retry_after else None)


@pytest.mark.parametrize(
    ("kind", "fault", "error"),
    [
        (FaultKind.STATUS, Fault(status=500), PimUnavailable),
        (FaultKind.STATUS, Fault(status=503, html=True), PimUnavailable),
        (FaultKind.STATUS, Fault(status=403), PimUnauthorized),
        (FaultKind.STATUS, Fault(status=422), PimAnswerUnusable),
        (FaultKind.STATUS, Fault(status=302), PimAnswerUnusable),
        (FaultKind.THROTTLE, Fault(), PimUnavailable),
        (FaultKind.THROTTLE, Fault(html=True, retry_after_s=7), PimUnavailable),
        (FaultKind.MAINTENANCE, Fault(), PimUnavailable),
        (FaultKind.TRUNCATED, Fault(), PimUnavailable),
        (FaultKind.RESET, Fault(), PimUnavailable),
        (FaultKind.HUGE, Fault(), PimAnswerTooLarge),
        (FaultKind.GZIP_BOMB, Fault(), PimAnswerTooLarge),
    ],
)
def test_each_fault_is_sorted(kind: FaultKind, fault: Fault, error: type[QuindexError]) -> None:
    async def meet(ground: Ground) -> None:
        ground.simulation.faults.set(kind, fault)
        for task in (
            ground.client.fetch(Kind.DOCUMENT, SHORT_SKIRT),
            ground.client.fetch_many(Kind.DOCUMENT, [SHORT_SKIRT]),
        ):
            with pytest.raises(error) as caught:
                await task
            assert TOKEN not in str(caught.value)
        assert ground.gate.entered == 2

        ground.simulation.faults.clear()
        assert await ground.client.fetch(Kind.DOCUMENT, SHORT_SKIRT) is not None

    on_ground(meet)


@pytest.mark.parametrize("kind", [FaultKind.LATENCY, FaultKind.SLOW_BODY])
def test_an_answer_that_takes_too_long_is_given_up(kind: FaultKind) -> None:
    async def meet(ground: Ground) -> None:
        ground.simulation.faults.set(kind, Fault())
        with pytest.raises(PimTimeout):
            await ground.client.fetch(Kind.DOCUMENT, SHORT_SKIRT)
        assert ground.gate.entered == 1

    on_ground(meet, timeout_s=0.05, tries_max=3)


@pytest.mark.parametrize("kind", [FaultKind.STATUS, FaultKind.MAINTENANCE, FaultKind.TRUNCATED])
def test_a_fault_that_passes_is_not_even_seen(kind: FaultKind) -> None:
    async def meet(ground: Ground) -> None:
        ground.simulation.faults.set(kind, Fault(times=2))
        assert await ground.client.fetch(Kind.DOCUMENT, SHORT_SKIRT) is not None
        assert ground.gate.entered == ground.simulation.ledger.total == 3

    on_ground(meet, tries_max=3)

"""Whether it says something that a resource was not found, and who finds that out when."""

from pim.client import PROBE_AGAIN_S, PimClient
from pim.kinds import Kind
from tests.clock import FakeClock
from tests.pim.test_client import documents, use
from tests.pim.tiny_pim import TinyPim


def test_absence_is_believed_where_the_address_or_a_list_can_tell() -> None:
    async def look(client: PimClient) -> list[bool]:
        return [await client.believes_absence(Kind.DOCUMENT, code) for code in ("plain", "a.b")]

    assert use(TinyPim(documents("a")), look) == [True, True]
    assert use(TinyPim(documents("a"), filters=()), look) == [True, False]


def test_a_filter_that_was_not_honoured_is_tried_again_after_a_while() -> None:
    pim, now = TinyPim(documents(*"abc"), filters=()), FakeClock()

    async def look_twice(client: PimClient) -> list[bool]:
        seen = [await client.believes_absence(Kind.DOCUMENT, "x.y")]
        pim.filters = ("id[]",)
        seen.append(await client.believes_absence(Kind.DOCUMENT, "x.y"))
        now.advance(PROBE_AGAIN_S)
        return [*seen, await client.believes_absence(Kind.DOCUMENT, "x.y")]

    assert use(pim, look_twice, clock=now) == [False, False, True]

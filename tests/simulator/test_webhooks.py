import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from pim.kinds import Kind
from simulator import changes
from simulator.delivery import Counting
from simulator.entries import State
from simulator.special_codes import BLUE_PANT, SHORT_SKIRT_YELLOW
from simulator.subscription import Subscription, WebhookOptions
from simulator.webhooks import WebhookService
from tests.clock import FakeClock
from tests.simulator.simulators import URL, Box, open_box

PANT = Kind.DOCUMENT, BLUE_PANT


def run(test: Callable[[Box], Awaitable[None]], **options: Any) -> None:
    async def in_box() -> None:
        async with open_box(**options) as box:
            await test(box)

    asyncio.run(in_box())


async def after(box: Box, seconds: float) -> None:
    box.clock.advance(seconds)
    box.simulation.webhooks.start_due()
    await box.simulation.webhooks.settled()


def states(box: Box) -> list[State]:
    return [entry.state for entry in box.simulation.webhooks.entries.values()]


def test_each_notification_is_one_call_with_the_authorization_verbatim() -> None:
    async def check(box: Box) -> None:
        change = changes.edit(box.simulation.instance, PANT)
        assert not box.simulation.webhooks.idle
        await after(box, 0)

        assert [body["uuid"] for body in box.receiver.bodies] == [change.uuid]
        assert box.receiver.authorizations == ["Bearer secret"]
        assert box.simulation.webhooks.accepted() == [change.uuid]
        assert box.simulation.webhooks.idle

    run(check)


def test_an_authorization_beyond_ascii_is_sent_as_utf_8() -> None:
    async def check(box: Box) -> None:
        box.simulation.webhooks.subscription = Subscription(url=URL, authorization="clé")
        changes.edit(box.simulation.instance, PANT)
        await after(box, 0)

        assert box.receiver.authorizations == ["clé".encode().decode("latin-1")]

    run(check)


@pytest.mark.parametrize(
    "url", ["no address", "ftp://receiver/", "http://", "http://127.0.0.1:99999/", "http://xn--a/"]
)
def test_an_address_that_cannot_be_called_is_a_failure(url: str) -> None:
    async def check(box: Box) -> None:
        outer = box.simulation.webhooks
        service = WebhookService(
            subscription=Subscription(url=url), options=WebhookOptions(), clock=FakeClock()
        )
        changes.edit(box.simulation.instance, PANT)
        service.publish([entry.notification for entry in outer.entries.values()])
        await service.settled()
        await service.aclose()

        assert service.calls.failed == 1

    run(check)


def test_a_failure_is_repeated_with_the_same_body_after_five_minutes() -> None:
    async def check(box: Box) -> None:
        changes.edit(box.simulation.instance, PANT)
        await after(box, 0)
        assert states(box) == [State.PENDING]
        await after(box, 299)
        assert len(box.receiver.bodies) == 1
        await after(box, 1)

        assert len(box.receiver.bodies) == 2
        assert box.receiver.bodies[0] == box.receiver.bodies[1]
        assert states(box) == [State.ACCEPTED]

    run(check, statuses=[500])


@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 500, 503])
def test_after_the_third_failure_the_webhook_is_disabled_and_all_is_lost(status: int) -> None:
    async def check(box: Box) -> None:
        changes.edit(box.simulation.instance, PANT)
        for _ in range(3):
            await after(box, 300)
        changes.edit(box.simulation.instance, PANT)
        await after(box, 3_000)

        webhooks = box.simulation.webhooks
        assert not webhooks.policy.enabled
        assert states(box) == [State.GIVEN_UP, State.LOST]
        assert webhooks.calls.total == 3
        assert webhooks.idle
        webhooks.enable()
        changes.edit(box.simulation.instance, PANT)
        await after(box, 0)
        assert states(box)[-1] is State.ACCEPTED

    run(check, statuses=[status] * 3)


def test_counted_across_notifications_three_at_once_are_enough() -> None:
    async def check(box: Box) -> None:
        for _ in range(5):
            changes.edit(box.simulation.instance, PANT)
        await after(box, 0)

        assert not box.simulation.webhooks.policy.enabled
        assert State.LOST in states(box)

    options = WebhookOptions(counting=Counting.WEBHOOK, in_flight_max=1)
    run(check, statuses=[500] * 5, options=options)


def test_no_more_calls_are_under_way_than_allowed_and_each_is_made_once() -> None:
    async def check(box: Box) -> None:
        for _ in range(40):
            changes.edit(box.simulation.instance, PANT)
        await after(box, 0)

        assert box.simulation.webhooks.calls.in_flight_peak == 3
        assert len({body["uuid"] for body in box.receiver.bodies}) == 40
        assert box.simulation.webhooks.calls.total == 40

    run(check, options=WebhookOptions(in_flight_max=3))


def test_a_share_of_notifications_can_be_dropped() -> None:
    async def check(box: Box) -> None:
        for _ in range(100):
            changes.edit(box.simulation.instance, PANT)
        await after(box, 0)

        assert 20 < states(box).count(State.DROPPED) < 80
        assert states(box).count(State.ACCEPTED) == len(box.receiver.bodies)

    run(check, options=WebhookOptions(drop_share=0.5))


def test_a_share_of_notifications_can_come_twice() -> None:
    async def check(box: Box) -> None:
        for _ in range(3):
            changes.edit(box.simulation.instance, PANT)
        await after(box, 0)

        assert len(box.receiver.bodies) == 6
        assert states(box) == [State.ACCEPTED] * 3

    run(check, options=WebhookOptions(duplicate_share=1))


def test_the_order_can_be_shuffled() -> None:
    async def check(box: Box) -> None:
        changed = [changes.edit(box.simulation.instance, PANT).uuid for _ in range(30)]
        for _ in range(20):
            await after(box, 0.5)

        called = [body["uuid"] for body in box.receiver.bodies]
        assert called != changed
        assert sorted(called) == sorted(str(uuid) for uuid in changed)

    run(check, options=WebhookOptions(shuffle_s=10))


def test_a_body_is_kept_for_the_calls_that_are_still_to_be_made_and_no_longer() -> None:
    async def check(box: Box) -> None:
        changes.edit(box.simulation.instance, PANT)
        await after(box, 0)
        await after(box, 300)

        assert len(box.receiver.bodies) == 3  # one was refused, one came twice
        assert box.receiver.bodies[0] == box.receiver.bodies[1] == box.receiver.bodies[2]
        kept = [entry.notification.body for entry in box.simulation.webhooks.entries.values()]
        assert kept == [{}]

    run(check, statuses=[500], options=WebhookOptions(duplicate_share=1))


def test_events_that_nobody_subscribed_to_are_not_sent() -> None:
    async def check(box: Box) -> None:
        webhooks = box.simulation.webhooks
        webhooks.subscription = Subscription(url=URL, events=("document.update",))
        changes.edit(box.simulation.instance, (Kind.ASSET, SHORT_SKIRT_YELLOW))
        await after(box, 0)

        assert [body["code"] for body in box.receiver.bodies] == ["document.update"]

    run(check)


def test_without_a_subscriber_notifications_are_lost() -> None:
    async def check(box: Box) -> None:
        box.simulation.webhooks.subscription = Subscription()
        changes.edit(box.simulation.instance, PANT)
        await after(box, 0)

        assert states(box) == [State.LOST]

    run(check)


class Silent(httpx.AsyncBaseTransport):
    """Never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise httpx.ReadError("unreachable", request=request)


class Refusing(httpx.AsyncBaseTransport):
    """Cannot be connected to."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)


class Broken(httpx.AsyncBaseTransport):
    """Has a bug."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:  # noqa: ARG002
        raise AssertionError


def test_a_bug_in_one_call_holds_up_no_other() -> None:
    async def check(box: Box) -> None:
        bugs: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, told: bugs.append(told))
        outer = box.simulation.webhooks
        service = WebhookService(
            subscription=outer.subscription,
            options=WebhookOptions(in_flight_max=1),
            clock=FakeClock(),
            transport=Broken(),
        )
        for _ in range(3):
            changes.edit(box.simulation.instance, PANT)
        service.publish([entry.notification for entry in outer.entries.values()])
        await service.settled()

        assert service.calls.total == 3
        assert len(bugs) == 3

    run(check)


@pytest.mark.parametrize(
    ("transport", "failure"), [(Silent(), "too_slow"), (Refusing(), "ConnectError")]
)
def test_no_answer_is_a_failure(transport: httpx.AsyncBaseTransport, failure: str) -> None:
    async def check(box: Box) -> None:
        outer = box.simulation.webhooks
        service = WebhookService(
            subscription=outer.subscription,
            options=WebhookOptions(timeout_s=0.01),
            clock=FakeClock(),
            transport=transport,
        )
        changes.edit(box.simulation.instance, PANT)
        service.publish([entry.notification for entry in outer.entries.values()])
        await service.settled()
        await service.aclose()

        assert [entry.last_failure for entry in service.entries.values()] == [failure]
        assert service.calls.failed == 1

    run(check)


def test_calls_under_way_are_abandoned_at_the_end() -> None:
    async def check(box: Box) -> None:
        outer = box.simulation.webhooks
        service = WebhookService(
            subscription=outer.subscription,
            options=WebhookOptions(),
            clock=FakeClock(),
            transport=Silent(),
        )
        changes.edit(box.simulation.instance, PANT)
        service.publish([entry.notification for entry in outer.entries.values()])
        await asyncio.sleep(0)
        assert service.in_flight == 1
        await service.aclose()

        assert service.idle

    run(check)

"""`quindex webhook`: which subscription is meant, and what is said of it."""

from typing import Any

import httpx
import pytest

from ops.checks import Grade, check_subscription
from ops.webhook import activate, choose, subscribe, to_lines, to_made, to_next
from pim.webhooks import EVENTS, Webhook
from runtime.errors import OperatorError, Refused
from simulator.app import create_app
from simulator.rest import Tokens
from simulator.subscription import Subscription
from tests.ops.hostile import HOSTILE
from tests.pim.test_client import TOKEN, use
from tests.pim.test_webhooks import Recorder
from tests.pim.tiny_pim import TinyPim

ACTIVE = Webhook("1", "search", True, "https://h/webhooks/quable", EVENTS)
OTHER = Webhook("2", "shop", False, "https://shop", ("document.update",))


def test_the_one_that_there_is_needs_no_name() -> None:
    assert choose([ACTIVE], None) is ACTIVE
    assert choose([ACTIVE, OTHER], "shop") is OTHER
    assert choose([ACTIVE, OTHER], "2") is OTHER


@pytest.mark.parametrize(
    ("webhooks", "name", "said"),
    [
        ([], None, "No subscription is meant; Quable has: none"),
        ([ACTIVE, OTHER], None, "Several subscriptions are meant; Quable has: search, shop"),
        ([ACTIVE], "shop", "No subscription is meant; Quable has: search"),
    ],
)
def test_what_is_not_clear_is_refused(webhooks: list[Webhook], name: str | None, said: str) -> None:
    with pytest.raises(Refused, match=said):
        choose(webhooks, name)


def test_a_subscription_says_its_state_and_what_it_lacks() -> None:
    assert to_lines(ACTIVE) == ["search  active  https://h/webhooks/quable"]
    lines = to_lines(OTHER)
    assert lines[0] == "shop  INACTIVE  https://shop"
    assert lines[1].startswith("  lacks the events document.create, document.delete, variant.")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_others_wrote_stays_text(text: str) -> None:
    shown = "".join(to_lines(Webhook("1", text, None, text, ())))

    assert shown.isprintable()
    assert "unknown whether active" in shown


def test_the_doctor_judges_subscriptions() -> None:
    assert check_subscription(ACTIVE).grade is Grade.OK
    assert check_subscription(OTHER).grade is Grade.ERROR
    lacking = Webhook("1", "search", True, "https://h", ("document.update",))
    assert check_subscription(lacking).grade is Grade.WARNING


def test_a_subscription_is_made_inactive_until_it_has_its_header() -> None:
    app = create_app(documents=20, tokens=Tokens(TOKEN))
    webhooks, transport = app.state.simulation.webhooks, httpx.ASGITransport(app=app)
    webhooks.subscription = Subscription()

    created = use(transport, lambda pim: subscribe(pim, "search", ACTIVE.url, EVENTS))
    assert created.is_active is False
    assert webhooks.subscription == Subscription(name="search", url=ACTIVE.url, events=EVENTS)
    assert not webhooks.policy.enabled
    with pytest.raises(Refused, match="Quable has a subscription search already"):
        use(transport, lambda pim: subscribe(pim, "search", ACTIVE.url, EVENTS))

    use(transport, lambda pim: activate(pim, "search", dry_run=True))
    assert not webhooks.policy.enabled
    use(transport, lambda pim: activate(pim, "search", dry_run=False))
    assert webhooks.policy.enabled
    webhook, was_active = use(transport, lambda pim: activate(pim, None, dry_run=False))
    assert (webhook.name, was_active) == ("search", True)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("quindex", "quindex webhook enable quindex"),
        ("the shop's", """quindex webhook enable 'the shop'"'"'s'"""),
        ("-x", "quindex webhook enable -- -x"),
    ],
)
def test_what_comes_next_can_be_copied(name: str, command: str) -> None:
    told = to_next(name, is_active=False)

    assert told.endswith(f"QUINDEX_WEBHOOK_AUTHORIZATION, then run `{command}`")


@pytest.mark.parametrize(
    ("dry_run", "is_active", "said"),
    [
        (True, False, "would create search for https://h, inactive"),
        (False, False, "created search for https://h, inactive"),
        (False, True, "created search for https://h, ACTIVE"),
    ],
)
def test_what_was_created_says_its_state(dry_run: bool, is_active: bool, said: str) -> None:
    assert to_made("search", "https://h", dry_run=dry_run, is_active=is_active) == said


def test_one_that_is_active_all_the_same_needs_its_header_at_once() -> None:
    told = to_next("search", is_active=True)

    assert "set its Authorization header to QUINDEX_WEBHOOK_AUTHORIZATION at once" in told
    assert "quindex webhook enable" not in told


def test_what_quable_says_of_a_new_subscription_is_told() -> None:
    shown = {"id": "7", "name": "search", "active": True, "url": "https://h", "events": []}

    class Eager(Recorder):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "POST":
                return await super().handle_async_request(request)
            return await TinyPim({"webhooks": []}).handle_async_request(request)

    created = use(Eager(201, shown), lambda pim: subscribe(pim, "search", "https://h", EVENTS))
    assert created.is_active


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"events": [{"code": "document.update"}]}, "Quable does not tell events of search"),
        ({"events": None, "url": None}, "Quable does not tell url and events of search"),
        ({"name": None}, "Quable does not tell name of 7"),
    ],
)
def test_what_is_not_known_whole_is_not_sent_back(
    told: dict[str, Any], said: str, dry_run: bool
) -> None:
    shown = {"id": "7", "name": "search", "active": False, "url": "https://h", "events": []}
    pim = TinyPim({"webhooks": [{**shown, **told}]})

    with pytest.raises(Refused, match=said):
        use(pim, lambda client: activate(client, None, dry_run=dry_run))


def test_a_subscription_that_stays_inactive_is_no_success() -> None:
    shown = {"id": "7", "name": "search", "active": False, "url": "https://h", "events": []}

    class Deaf(Recorder):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == "PUT":
                return await super().handle_async_request(request)
            return await TinyPim({"webhooks": [shown]}).handle_async_request(request)

    with pytest.raises(OperatorError, match="yet says that search is not active"):
        use(Deaf(200, shown), lambda client: activate(client, None, dry_run=False))

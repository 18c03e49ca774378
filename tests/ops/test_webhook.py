"""`quindex webhook`: which subscription is meant, and what is said of it."""

import pytest

from ops.checks import Grade, check_subscription
from ops.webhook import choose, to_lines
from pim.webhooks import EVENTS, Webhook
from runtime.errors import Refused
from tests.ops.hostile import HOSTILE

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

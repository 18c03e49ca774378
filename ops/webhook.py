"""quindex webhook."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import click

from ops.given import read_settings

if TYPE_CHECKING:
    from pim.client import PimClient
    from pim.webhooks import Webhook
    from runtime.settings import Settings

_NEEDS = ("kafka", "pim_url", "pim_token")
_IN_QUABLE = "in Quable: Admin, Integration, Webhook notifications"


@click.group()
def command() -> None:
    """
    Look at Quable's webhook subscriptions; create or enable one.

    Nothing but these commands ever changes a subscription. Changes need the token with Full
    Access: give it to the one command only, as QUINDEX_PIM_TOKEN.
    """


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per subscription.")
def show(as_json: bool) -> None:
    """List the subscriptions: whether each is active, where it calls, what it lacks."""
    from dataclasses import asdict

    from ops.terminal import to_json

    found = asyncio.run(_list(read_settings(needs=_NEEDS)))
    for webhook in found:
        if as_json:
            click.echo(to_json({**asdict(webhook), "missing_events": webhook.missing_events}))
        else:
            click.echo("\n".join(to_lines(webhook)))
    if not found and not as_json:
        click.echo("Quable has no webhook subscription")


@command.command()
@click.option("--url", required=True, help="Such as https://hooks.example.org/webhooks/quable.")
@click.option("--name", default="quindex", show_default=True, help="How Quable lists it.")
@click.option("--event", "events", multiple=True, help="Default: all that quindex makes use of.")
@click.option("--dry-run", is_flag=True, help="Say what would be created; create nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def create(url: str, name: str, events: Sequence[str], dry_run: bool, as_json: bool) -> None:
    """
    Make an inactive subscription. Set its Authorization header in Quable, then enable it.

    Quable's API does not say how to set that header. A subscription that was active without it
    would have Quable's calls answered 401, and be disabled after three of them.
    """
    from ops.terminal import to_json
    from pim.webhooks import EVENTS

    settings = read_settings(needs=_NEEDS)
    chosen = tuple(events) or EVENTS
    is_active = not dry_run and asyncio.run(_create(settings, name, url, chosen)).is_active is True
    if as_json:
        told = {"name": name, "url": url, "events": chosen}
        click.echo(to_json({**told, "created": not dry_run, "active": is_active}))
    else:
        click.echo(to_made(name, url, dry_run=dry_run, is_active=is_active))
    click.echo(to_next(name, is_active=is_active), err=True)


@command.command()
@click.argument("name", required=False)
@click.option("--dry-run", is_flag=True, help="Say what would be enabled; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def enable(name: str | None, dry_run: bool, as_json: bool) -> None:
    """
    Make a subscription active again, after Quable has disabled it.

    NAME is needed where there are several. The scan of the gap starts by itself once calls come.
    """
    from ops.terminal import show as to_text
    from ops.terminal import to_json

    settings = read_settings(needs=_NEEDS)
    webhook, was_active = asyncio.run(_enable(settings, name, dry_run=dry_run))
    if as_json:
        is_enabled = not was_active and not dry_run
        click.echo(to_json({"name": webhook.name, "was_active": was_active, "enabled": is_enabled}))
        return
    verb = "is active already:" if was_active else "would enable" if dry_run else "enabled"
    click.echo(f"{verb} {to_text(webhook.name)}")


def to_lines(webhook: "Webhook") -> list[str]:
    """Return a subscription for a terminal."""
    from ops.terminal import show as to_text

    state = {True: "active", False: "INACTIVE", None: "unknown whether active"}[webhook.is_active]
    lines = [f"{to_text(webhook.name)}  {state}  {to_text(webhook.url, chars_max=500)}"]
    if webhook.missing_events:
        lines.append(f"  lacks the events {', '.join(webhook.missing_events)}")
    return lines


def to_made(name: str, url: str, *, dry_run: bool, is_active: bool) -> str:
    """Return what was created, or would be."""
    from ops.terminal import show as to_text

    verb, state = "would create" if dry_run else "created", "ACTIVE" if is_active else "inactive"
    return f"{verb} {to_text(name)} for {to_text(url)}, {state}"


def to_next(name: str, *, is_active: bool) -> str:
    """Return what is to be done with a subscription that was created."""
    from ops.terminal import to_argument

    if is_active:
        return (
            "warning: Quable says that it is active all the same, and disables it after three calls "
            "that are answered 401: set its Authorization header to QUINDEX_WEBHOOK_AUTHORIZATION "
            f"at once, {_IN_QUABLE}"
        )
    ends_options = "-- " if name.startswith("-") else ""
    return (
        "next: in Quable, set its Authorization header to QUINDEX_WEBHOOK_AUTHORIZATION, then run "
        f"`quindex webhook enable {ends_options}{to_argument(name)}`"
    )


def choose(webhooks: "Sequence[Webhook]", name: str | None) -> "Webhook":
    """
    Return the subscription that is meant.

    Raises:
        Refused: there is none, or it is not clear which.
    """
    from runtime.errors import Refused

    meant = [each for each in webhooks if name in {None, each.name, each.id}]
    if len(meant) == 1:
        return meant[0]
    known = ", ".join(sorted(each.name for each in webhooks)) or "none"
    what = "No subscription is meant" if not meant else "Several subscriptions are meant"
    raise Refused(f"{what}; Quable has: {known}. See quindex webhook show.")


async def _list(settings: "Settings") -> "list[Webhook]":
    async with _asking(settings) as (pim, _):
        return await pim.webhooks()


async def subscribe(pim: "PimClient", name: str, url: str, events: Sequence[str]) -> "Webhook":
    """
    Create a subscription that is not active: nobody could answer its calls without their header.

    Return it as Quable says that it is now.

    Raises:
        Refused: the name is taken.
        OperatorError: Quable refuses.
    """
    from pim.webhooks import to_payload
    from runtime.errors import Refused

    if any(each.name == name for each in await pim.webhooks()):
        raise Refused(f"Quable has a subscription {name} already. See quindex webhook show.")
    return await _change(pim.create_webhook(to_payload(name, url, events, active=False)))


async def activate(pim: "PimClient", name: str | None, *, dry_run: bool) -> "tuple[Webhook, bool]":
    """
    Make a subscription active; return it, and whether it was so before.

    Raises:
        Refused: it is not clear which one, or not all of it is known.
        OperatorError: Quable refuses, or says that it is not active all the same.
    """
    from runtime.errors import OperatorError, Refused

    webhook = choose(await pim.webhooks(), name)
    if webhook.is_active:
        return webhook, True
    if webhook.untold:
        # Whether a PUT leaves alone what it does not name is not documented.
        raise Refused(
            f"Quable does not tell {' and '.join(webhook.untold)} of {webhook.name or webhook.id} "
            f"in a form that is known, and a change could remove that. Enable it {_IN_QUABLE}."
        )
    if not dry_run:
        changed = await _change(pim.enable_webhook(webhook))
        if changed.is_active is False:
            raise OperatorError(
                f"Quable took the change, yet says that {webhook.name} is not active. "
                f"Enable it {_IN_QUABLE}."
            )
    return webhook, False


async def _create(settings: "Settings", name: str, url: str, events: Sequence[str]) -> "Webhook":
    async with _asking(settings) as (pim, _):
        return await subscribe(pim, name, url, events)


async def _enable(
    settings: "Settings", name: str | None, *, dry_run: bool
) -> "tuple[Webhook, bool]":
    async with _asking(settings) as (pim, _):
        return await activate(pim, name, dry_run=dry_run)


async def _change(change: Any) -> "Webhook":
    from runtime.errors import OperatorError, PimAnswerUnusable, PimUnauthorized

    try:
        webhook: Webhook = await change
    except (PimUnauthorized, PimAnswerUnusable) as error:
        raise OperatorError(
            f"Quable did not take the change: {error}. Is QUINDEX_PIM_TOKEN the token with Full "
            f"Access? Else change it {_IN_QUABLE}."
        ) from error
    return webhook


def _asking(settings: "Settings") -> "AbstractAsyncContextManager[tuple[PimClient, Any]]":
    from ops.asking_pim import asking_pim

    return asking_pim(settings)

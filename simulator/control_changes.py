"""Changes on request: what `POST /control/…` does to the instance."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Final, TypeVar
from uuid import uuid4

from pydantic import BaseModel
from starlette.requests import Request

from pim.kinds import Kind
from simulator import changes
from simulator.control_bodies import (
    AnnounceBody,
    BulkEditBody,
    CreateBody,
    EditBody,
    ImportBody,
    LinkBody,
    RelabelBody,
    RenameBody,
    ResourceBody,
    UnlinkBody,
)
from simulator.hydra import Json
from simulator.instance import Author, Change, Instance, NotThere
from simulator.notifications import Process, new_process, to_call
from simulator.simulation import Simulation

Handler = Callable[[Simulation, Request], Awaitable[object]]

AnyBody = TypeVar("AnyBody", bound=BaseModel)

_BREATHE_EVERY: Final = 50  # changes; webhook calls and API answers go on in between


async def edit(simulation: Simulation, request: Request) -> Json:
    """Edit a resource."""
    body, instance = await read_body(EditBody, request), simulation.instance
    code = body.code or instance.any_code(body.kind)
    author = body.to_author()
    change = changes.edit(
        instance, (body.kind, code), body.attributes, locale=body.locale, author=author
    )
    return to_json(change)


async def create(simulation: Simulation, request: Request) -> Json:
    """Create a resource."""
    body = await read_body(CreateBody, request)
    change = changes.create(
        simulation.instance,
        (body.kind, body.code or f"{body.kind}-{uuid4().hex[:8]}"),
        body.attributes,
        parent=body.parent,
        locale=body.locale,
        author=body.to_author(),
    )
    return to_json(change)


async def delete(simulation: Simulation, request: Request) -> Json:
    """Delete a resource."""
    body, instance = await read_body(ResourceBody, request), simulation.instance
    key = body.kind, body.code or instance.any_code(body.kind)
    return to_json(changes.delete(instance, key, locale=body.locale, author=body.to_author()))


async def recreate(simulation: Simulation, request: Request) -> Json:
    """Create a deleted resource again; the one deleted last if none is named."""
    body, instance = await read_body(ResourceBody, request), simulation.instance
    key = body.kind, body.code or _last_deleted(instance, body.kind)
    return to_json(changes.recreate(instance, key, locale=body.locale, author=body.to_author()))


async def rename_classification(simulation: Simulation, request: Request) -> Json:
    """Rename a classification."""
    body, instance = await read_body(RenameBody, request), simulation.instance
    key = Kind.CLASSIFICATION, body.code or instance.any_code(Kind.CLASSIFICATION)
    attributes = None if body.name is None else {"name": body.name}
    author = body.to_author()
    return to_json(changes.edit(instance, key, attributes, locale=body.locale, author=author))


async def relabel_value(simulation: Simulation, request: Request) -> Json:
    """Change the label of a predefined value."""
    body = await read_body(RelabelBody, request)
    change = changes.relabel(
        simulation.instance, body.id, body.label, locale=body.locale, author=body.to_author()
    )
    return to_json(change)


async def delete_value(simulation: Simulation, request: Request) -> Json:
    """Delete a predefined value."""
    body = await read_body(UnlinkBody, request)
    return to_json(changes.delete_value(simulation.instance, body.id, author=body.to_author()))


async def link(simulation: Simulation, request: Request) -> Json:
    """Link a document to a document or an asset."""
    body = await read_body(LinkBody, request)
    change = changes.link(
        simulation.instance,
        body.origin,
        (body.target_kind, body.target),
        body.link_type,
        author=body.to_author(),
    )
    return to_json(change)


async def unlink(simulation: Simulation, request: Request) -> Json:
    """Delete a link."""
    body = await read_body(UnlinkBody, request)
    return to_json(changes.unlink(simulation.instance, body.id, author=body.to_author()))


async def bulk_edit(simulation: Simulation, request: Request) -> Json:
    """Edit many documents in one process, round after round."""
    body, instance = await read_body(BulkEditBody, request), simulation.instance
    codes = _documents(instance, body.documents)
    process = new_process("bulk_edit", body.process)
    author = body.to_author(process)

    def steps() -> Iterator[Change]:
        for _ in range(body.repeat):
            for code in codes:
                key = Kind.DOCUMENT, code
                yield changes.edit(
                    instance, key, body.attributes, locale=body.locale, author=author
                )

    return await _run(instance, process, author, steps(), codes, finish=body.finish)


async def import_documents(simulation: Simulation, request: Request) -> Json:
    """Create and update many documents in one process."""
    body, instance = await read_body(ImportBody, request), simulation.instance
    updated = _documents(instance, body.update)
    process = new_process("import")
    author = body.to_author(process)
    created = [f"{body.prefix}-{uuid4().hex[:8]}-{number:06}" for number in range(body.create)]

    def steps() -> Iterator[Change]:
        for code in created:
            yield changes.create(instance, (Kind.DOCUMENT, code), locale=body.locale, author=author)
        for code in updated:
            yield changes.edit(instance, (Kind.DOCUMENT, code), locale=body.locale, author=author)

    codes = [*created, *updated]
    return await _run(instance, process, author, steps(), codes, finish=body.finish)


async def announce(simulation: Simulation, request: Request) -> Json:
    """Call the webhook though nothing changed; a body without uuid gets one."""
    body = await read_body(AnnounceBody, request)
    notifications = [to_call(body.body) for _ in range(body.repeat)]
    simulation.webhooks.publish(notifications)
    return {
        "at_s": simulation.instance.clock(),
        "uuids": [notification.uuid for notification in notifications],
    }


HANDLERS: Final[dict[str, Handler]] = {
    "/edit": edit,
    "/create": create,
    "/delete": delete,
    "/recreate": recreate,
    "/rename-classification": rename_classification,
    "/relabel-value": relabel_value,
    "/delete-value": delete_value,
    "/link": link,
    "/unlink": unlink,
    "/bulk-edit": bulk_edit,
    "/import": import_documents,
    "/announce": announce,
}
"""What each POST below /control does."""


async def read_body(model: type[AnyBody], request: Request) -> AnyBody:
    """
    Return the body of a request; no body is one without fields.

    Raises:
        ValidationError: not JSON, or not these fields.
    """
    return model.model_validate_json(await request.body() or b"{}")


def to_json(change: Change) -> Json:
    """Return a change as the control API tells it."""
    return asdict(change)


async def _run(
    instance: Instance,
    process: Process,
    author: Author,
    steps: Iterator[Change],
    codes: Sequence[str],
    *,
    finish: bool,
) -> Json:
    started_s, edits, notifications = instance.clock(), 0, 0
    for change in steps:
        edits += 1
        notifications += change.notifications
        if edits % _BREATHE_EVERY == 0:
            await asyncio.sleep(0)
    if finish:
        notifications += changes.finish(instance, process, author=author).notifications
    return {
        "at_s": instance.clock(),
        "started_s": started_s,
        "process": {"type": process.type, "id": process.id},
        "edits": edits,
        "notifications": notifications,
        "codes": codes,
    }


def _documents(instance: Instance, wanted: int | list[str]) -> list[str]:
    if isinstance(wanted, int):
        return instance.catalog.codes(Kind.DOCUMENT)[: max(0, wanted)]
    for code in wanted:
        instance.resource((Kind.DOCUMENT, code))
    return wanted


def _last_deleted(instance: Instance, kind: Kind) -> str:
    codes = [code for each, code in instance.deleted if each is kind]
    if not codes:
        raise NotThere(f"no {kind} was deleted")
    return codes[-1]

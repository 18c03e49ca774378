"""The steps of the demo: each does something, waits for what must come of it, and says so."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from ops.catalog import read_catalog
from ops.installation import Installation
from pim.kinds import Kind, to_key
from runtime.errors import OperatorError
from sinks.fields import to_alias

FLOW_IN_WITHIN_S: Final = 180.0
FLOW_IN_PER_DOCUMENT_S: Final = 0.1
SEARCHABLE_WITHIN_S: Final = 30.0
BULK_DOCUMENTS: Final = 100
BULK_REPEAT: Final = 5
BULK_REQUESTS_MAX: Final = 5
_CALLS_MAX: Final = 8
_CUT_AT: Final = 100
_EDITED: Final = "product_blue_pant"
_POLL_S: Final = 0.02
_EVENTS: Final = {
    Kind.DOCUMENT: "document.create",
    Kind.VARIANT: "variant.create",
    Kind.ASSET: "media.create",
    Kind.CLASSIFICATION: "classification.create",
}

Step = Callable[[Installation], Awaitable[str]]


class DemoFailed(OperatorError):
    """What a step promised did not happen."""


def to_flow_in_s(documents: int) -> float:
    """Return how long changes of a whole catalog may take to be in the index."""
    return FLOW_IN_WITHIN_S + FLOW_IN_PER_DOCUMENT_S * documents


async def load_catalog(site: Installation) -> str:
    """The PIM announces everything that it holds, as after an import."""
    catalog = await read_catalog(site.http)
    process = {"type": "import", "id": str(uuid4()), "correlationId": "demo"}
    calls = asyncio.Semaphore(_CALLS_MAX)

    async def announce(event: str, code: str) -> None:
        async with calls:
            resource = {"code": code, "type": event.partition(".")[0]}
            body = {"code": event, "resource": resource, "process": process}
            await site.control("announce", body=body)

    requests = await site.requests()
    try:
        async with asyncio.TaskGroup() as group:
            for kind, code, _ in catalog:
                group.create_task(announce(_EVENTS[kind], code))
    except ExceptionGroup as errors:  # the others were cancelled, or say the same
        raise errors.exceptions[0] from None
    await site.webhooks_idle(to_flow_in_s(site.documents))
    await announce("import.finish", process["id"])
    agreement = await site.settle(to_flow_in_s(site.documents))
    if not agreement.is_equal:
        raise DemoFailed(f"{agreement}: {agreement.examples()}")
    used = await site.requests() - requests
    documents = sum(kind is Kind.DOCUMENT for kind, _, _ in catalog)
    return (
        f"{documents} documents (with variants, assets, classifications: {len(catalog)} resources) "
        f"x {len(agreement.by_locale)} locales, {used} requests to the PIM"
    )


async def one_edit_is_searchable(site: Installation) -> str:
    """Somebody changes a name in one locale; it shows there and where it is inherited."""
    await _left_alone(site, _EDITED)
    word = f"turquoise{uuid4().hex[:6]}"
    edited_s = await _edit(site, _EDITED, "fr_FR", {"name": f"Pantalon {word}"})
    took = {}
    for locale in ("fr_FR", "fr_BE"):
        await _until(site, locale, _match(word), {to_key(Kind.DOCUMENT, _EDITED)})
        took[locale] = time.time() - edited_s
    return ", ".join(f"{locale} after {seconds:.2f} s" for locale, seconds in took.items())


async def an_inherited_value_shows(site: Installation) -> str:
    """What fr_BE has no value of its own for, it shows from fr_FR, and says so."""
    found = await _search(site, "fr_BE", {"term": {"code": _EDITED}})
    inherited = found[to_key(Kind.DOCUMENT, _EDITED)]["inherited"]
    if "name" not in inherited:
        raise DemoFailed(f"the name is not inherited: {inherited}")
    return f"fr_BE inherits {', '.join(sorted(inherited)[:4])} from fr_FR"


async def a_french_word_by_another_form(site: Installation) -> str:
    """Full text knows the language: a plural finds the singular."""
    code = "product-00001"
    await _edit(site, code, "fr_FR", {"name": "Cheval à bascule en bois"})
    took_s = await _until(
        site, "fr_FR", _match("chevaux à bascules"), {to_key(Kind.DOCUMENT, code)}
    )
    return f"'chevaux à bascules' finds 'Cheval à bascule', {took_s:.2f} s after the edit"


async def a_bulk_edit_is_coalesced(site: Installation) -> str:
    """100 documents, 5 notifications each: the PIM is asked for them a few times in all."""
    # A document with a list that Quable cuts at 100 costs a request of its own for the rest.
    catalog = await read_catalog(site.http)
    whole = [code for kind, code, resource in catalog if _is_whole(kind, resource)]
    documents = [code for code in whole if code != _EDITED][:BULK_DOCUMENTS]
    requests = await site.requests()
    done = await site.control("bulk-edit", documents=documents, repeat=BULK_REPEAT)
    agreement = await site.settle(to_flow_in_s(site.documents))
    used = await site.requests() - requests
    if not agreement.is_equal:
        raise DemoFailed(f"{agreement}: {agreement.examples()}")
    if used > BULK_REQUESTS_MAX:
        raise DemoFailed(f"{used} requests to the PIM instead of {BULK_REQUESTS_MAX} at most")
    return f"{len(documents)} documents, {done['notifications']} notifications, {used} requests"


async def a_delete_disappears(site: Installation) -> str:
    """A document that is deleted in the PIM is found no more, in no locale."""
    key = to_key(Kind.DOCUMENT, "short-skirt-yellow")
    done = await site.control("delete", kind="document", code="short-skirt-yellow")
    for locale in site.settings.locales:
        await _until(site, locale, {"ids": {"values": [key]}}, set())
    took_s = time.time() - done["at_s"]
    return f"gone from {len(site.settings.locales)} locales {took_s:.2f} s after"


async def the_whole_index_is_the_catalog(site: Installation) -> str:
    """Every resource of the PIM, in every locale, value by value."""
    agreement = await site.settle(to_flow_in_s(site.documents), second_looks=False)
    if not agreement.is_equal:
        raise DemoFailed(f"{agreement}: {agreement.examples()}")
    return f"{agreement.same} search documents compared: {agreement}"


STEPS: Final[tuple[Step, ...]] = (
    a_bulk_edit_is_coalesced,
    a_delete_disappears,
    a_french_word_by_another_form,
    one_edit_is_searchable,
    an_inherited_value_shows,
    the_whole_index_is_the_catalog,
)


def _is_whole(kind: Kind, resource: Mapping[str, Any]) -> bool:
    lists = [value for value in resource.values() if isinstance(value, list)]
    return kind is Kind.DOCUMENT and all(len(value) < _CUT_AT for value in lists)


async def _left_alone(site: Installation, code: str) -> None:
    """Wait until a document's next change counts as a lone edit, which waits for no burst."""
    key = to_key(Kind.DOCUMENT, code)
    found = await _search(site, site.settings.locales[0], {"ids": {"values": [key]}})
    indexed_s = datetime.fromisoformat(found[key]["sync"]["indexed_at"]).timestamp()
    await asyncio.sleep(max(0.0, indexed_s + site.settings.delay_max_s - time.time()))


async def _edit(site: Installation, code: str, locale: str, attributes: Mapping[str, Any]) -> float:
    """Edit a document in the PIM; return when, unix seconds."""
    done = await site.control(
        "edit", kind="document", code=code, locale=locale, attributes=attributes
    )
    return float(done["at_s"])


async def _until(
    site: Installation, locale: str, query: Mapping[str, Any], expected: set[str]
) -> float:
    """Search until exactly *expected* is found; return how long that took, in seconds."""
    began_s = time.monotonic()
    while set(found := await _search(site, locale, query)) != expected:
        if time.monotonic() - began_s > SEARCHABLE_WITHIN_S:
            raise DemoFailed(f"{locale} finds {sorted(found)} instead of {sorted(expected)}")
        await asyncio.sleep(_POLL_S)
    return time.monotonic() - began_s


async def _search(
    site: Installation, locale: str, query: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    async with site.client() as client:
        answer = await client.search(
            index=to_alias(site.prefix, locale), query=dict(query), size=20
        )
    return {hit["_id"]: hit["_source"] for hit in answer["hits"]["hits"]}


def _match(words: str) -> Mapping[str, Any]:
    return {"match": {"name": {"query": words, "operator": "and"}}}

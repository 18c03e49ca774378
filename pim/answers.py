"""Judging what the PIM answered: what it means, and whether it is what was asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import orjson

from runtime.errors import (
    PimAnswerUnusable,
    PimFilterIgnored,
    PimUnauthorized,
    PimUnavailable,
)

Resource = Mapping[str, Any]
"""One of Quable's JSON objects, as it came; its `id` is the code."""

_GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_TRANSIENT: Final = frozenset(
    {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
)
QUOTED_MAX_CHARS: Final = 200
RETRY_AFTER_MAX_S: Final = 3_600.0
"""A longer wait is cut to it: a gateway in trouble may say anything."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request; the names of *headers* are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """
    One page of a list.

    *total* counts the resources on all pages, where the PIM says so. *unreadable* counts members
    that have no id, which *resources* leaves out.
    """

    resources: Sequence[Resource]
    has_next: bool
    total: int | None
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class FetchedPack:
    """The resources of a pack by code, and the codes that the answer did not hold."""

    found: Mapping[str, Resource]
    missing: Sequence[str]


def parse_answer(answer: Answer, *, now_s: float) -> object | None:
    """
    Return the decoded JSON, or None if the PIM no longer has what was asked for.

    *now_s* is unix time, for a Retry-After that names a date.

    Raises:
        PimUnavailable: 429, 5xx, or a body that is no JSON: a maintenance page, a cut connection.
        PimUnauthorized: 401 or 403.
        PimAnswerUnusable: a redirect or another 4xx.
    """
    status = answer.status
    if status in _GONE:
        return None
    if status in _REFUSED:
        raise PimUnauthorized(f"the PIM refused the request with {status}", status=status)
    if status in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise PimUnavailable(
            f"the PIM answered {status}",
            status=status,
            retry_after_s=to_retry_after_s(answer.headers, now_s=now_s),
        )
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise PimAnswerUnusable(
            f"the PIM answered {status}{_quote_description(answer.body)}", status=status
        )
    try:
        decoded: object = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise PimUnavailable(
            f"the PIM answered {status} with {len(answer.body)} bytes that are no JSON",
            status=status,
            retry_after_s=to_retry_after_s(answer.headers, now_s=now_s),
        ) from error
    if decoded is None:
        raise PimAnswerUnusable("the PIM answered with null")
    return decoded


def to_retry_after_s(headers: Mapping[str, str], *, now_s: float) -> float | None:
    """
    Return the wait that Retry-After asks for, in seconds or as a date, or None if it does not.

    A date is compared with the answer's own Date, if it has one: the two clocks may differ.
    """
    given = headers.get("retry-after", "").strip()
    if given.isascii() and given.isdecimal():
        return min(RETRY_AFTER_MAX_S, float(given[:9]))
    then_s = _to_seconds(given)
    if then_s is None:
        return None
    sent_s = _to_seconds(headers.get("date", ""))
    wait_s = then_s - (now_s if sent_s is None else sent_s)
    return min(RETRY_AFTER_MAX_S, max(0.0, wait_s))


def to_modified_s(resource: Resource) -> float | None:
    """Return when the PIM says that a resource was last changed, unix seconds, if it does."""
    given = resource.get("dateModified")
    if not isinstance(given, str):
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def parse_resource(decoded: object, code: str) -> Resource:
    """
    Return the resource that was asked for.

    Raises:
        PimAnswerUnusable: it is another one, or none.
    """
    if not isinstance(decoded, Mapping):
        raise PimAnswerUnusable("the PIM answered with something that is no resource")
    found = to_code(decoded)
    if found != code:
        raise PimAnswerUnusable(f"the PIM answered with {_quote(found)} instead of {_quote(code)}")
    return decoded


def parse_page(decoded: object) -> Page:
    """
    Read a list: ld+json, with or without the prefix `hydra:`.

    Raises:
        PimAnswerUnusable: it is no list.
    """
    if not isinstance(decoded, Mapping):
        raise PimAnswerUnusable("the PIM answered with something that is no list in ld+json")
    members = _of_hydra(decoded, "member")
    if not isinstance(members, list):
        raise PimAnswerUnusable("the PIM answered with something that is no list")
    total = _of_hydra(decoded, "totalItems")
    view = _of_hydra(decoded, "view")
    resources = [member for member in members if to_code(member) is not None]
    return Page(
        resources=resources,
        # An empty page is the last one, whatever it says: or a scan would never end.
        has_next=bool(members and isinstance(view, Mapping) and _of_hydra(view, "next")),
        total=total if isinstance(total, int) and not isinstance(total, bool) else None,
        unreadable=len(members) - len(resources),
    )


def match_pack(page: Page, codes: Sequence[str]) -> FetchedPack:
    """
    Find each code's resource in a list, by its id and never by its position.

    Raises:
        PimFilterIgnored: the list holds, or counts, resources that nobody asked for.
    """
    found = {to_code(resource): resource for resource in page.resources}
    asked = dict.fromkeys(codes)
    if not found.keys() <= asked.keys() or (page.total or 0) > len(asked):
        raise PimFilterIgnored("the PIM ignored the filter by id")
    return FetchedPack(
        found={code: found[code] for code in asked if code in found},
        missing=[code for code in asked if code not in found],
    )


def to_code(resource: object) -> str | None:
    """Return the id of what should be a resource, or None if it has none."""
    if not isinstance(resource, Mapping):
        return None
    id_ = resource.get("id")
    if isinstance(id_, int) and not isinstance(id_, bool):
        return str(id_)
    return id_ if isinstance(id_, str) and id_ else None


def _of_hydra(envelope: Mapping[str, Any], name: str) -> object:
    return envelope.get(f"hydra:{name}", envelope.get(name))


def _to_seconds(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _quote_description(body: bytes) -> str:
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    said = _of_hydra(decoded, "description") if isinstance(decoded, Mapping) else None
    return f": {_quote(said)}" if isinstance(said, str) else ""


def _quote(text: str | None) -> str:
    return "nothing" if text is None else repr(text[:QUOTED_MAX_CHARS])

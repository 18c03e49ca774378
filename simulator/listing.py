"""Pages, filters and orders of a collection."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from simulator.hydra import Json, Parameters

LIMIT_DEFAULT: Final = 30
LIMIT_MAX: Final = 100

_DATES: Final = frozenset({"dateModified", "dateCreated"})


class BadParameter(ValueError):
    """A parameter that Quable would answer with 400."""


@dataclass(frozen=True, slots=True)
class Row:
    """
    An item of a collection, shown only when a page holds it.

    *facets* give what `documentType.id` and the like filter by.
    """

    created_s: float
    modified_s: float
    show: Callable[[], Json]
    facets: Callable[[], Mapping[str, Sequence[str | None]]] = dict


@dataclass(frozen=True, slots=True)
class Collection:
    """A list in the API; *ids* are sorted."""

    type: str
    ids: Callable[[], Sequence[str]]
    find: Callable[[str], Row | None]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a collection; *total* counts what matches the filters."""

    members: list[Json]
    number: int
    limit: int
    total: int


def list_page(collection: Collection, parameters: Parameters, *, id_filter: bool = True) -> Page:
    """
    Return the page that the parameters ask for; unknown parameters are ignored.

    Raises:
        BadParameter: a page, limit, order or date that cannot be read.
    """
    number = _parse_count(parameters, "page", 1)
    limit = min(_parse_count(parameters, "limit", LIMIT_DEFAULT), LIMIT_MAX)
    wanted = _wanted_ids(collection, parameters) if id_filter else None
    ids = collection.ids() if wanted is None else wanted
    accepts = _predicates(parameters)
    if accepts:
        found = ((id_, collection.find(id_)) for id_ in ids)
        ids = [id_ for id_, row in found if row and all(accept(row) for accept in accepts)]
    ids = _order(collection, ids, parameters)
    start = (number - 1) * limit
    rows = (collection.find(id_) for id_ in ids[start : start + limit])
    members = [row.show() for row in rows if row is not None]
    return Page(members, number, limit, len(ids))


def parse_date(text: str) -> float:
    """
    Read a date of a filter, UTC unless it says otherwise, into seconds.

    Raises:
        BadParameter: not a date.
    """
    try:
        date = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise BadParameter(f"not a date: {text!r}") from error
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _parse_count(parameters: Parameters, name: str, default: int) -> int:
    for given, value in parameters:
        if given == name:
            if not value.isdecimal() or int(value) < 1:
                raise BadParameter(f"{name} should not be less than 1")
            return int(value)
    return default


def _wanted_ids(collection: Collection, parameters: Parameters) -> list[str] | None:
    wanted = {value for name, value in parameters if name in {"id", "id[]"}}
    if not wanted:
        return None
    return sorted(id_ for id_ in wanted if collection.find(id_) is not None)


def _predicates(parameters: Parameters) -> list[Callable[[Row], bool]]:
    accepts: list[Callable[[Row], bool]] = []
    wanted: dict[str, set[str]] = {}
    for name, value in parameters:
        field, bracket, operator = name.partition("[")
        if field in _DATES and bracket:
            accepts.append(_date_predicate(field, operator.rstrip("]"), value))
        elif "." in field and operator in {"", "]"}:
            wanted.setdefault(field, set()).add(value)
    accepts += [_facet_predicate(field, values) for field, values in wanted.items()]
    return accepts


def _facet_predicate(field: str, values: set[str]) -> Callable[[Row], bool]:
    def accept(row: Row) -> bool:
        facets = row.facets()
        return field not in facets or not values.isdisjoint(facets[field])

    return accept


def _date_predicate(field: str, operator: str, value: str) -> Callable[[Row], bool]:
    limit_s = parse_date(value)
    compare: dict[str, Callable[[int], bool]] = {
        "after": lambda date_s: date_s >= limit_s,
        "strictly_after": lambda date_s: date_s > limit_s,
        "before": lambda date_s: date_s <= limit_s,
        "strictly_before": lambda date_s: date_s < limit_s,
    }
    accepts = compare.get(operator)

    def accept(row: Row) -> bool:
        return accepts is None or accepts(_date(row, field))

    return accept


def _order(collection: Collection, ids: Sequence[str], parameters: Parameters) -> Sequence[str]:
    for name, value in parameters:
        field, bracket, rest = name.partition("[")
        if field != "order" or not bracket:
            continue
        if value not in {"asc", "desc"}:
            raise BadParameter(f"an order is asc or desc, not {value!r}")
        descending, by = value == "desc", rest.rstrip("]")
        if by == "id":
            return list(reversed(ids)) if descending else ids
        if by in _DATES:
            found = ((id_, collection.find(id_)) for id_ in ids)
            dated = {id_: _date(row, by) for id_, row in found if row is not None}
            return sorted(dated, key=dated.__getitem__, reverse=descending)
    return ids


def _date(row: Row, field: str) -> int:
    return int(row.modified_s if field == "dateModified" else row.created_s)

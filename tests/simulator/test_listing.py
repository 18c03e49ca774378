from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.hydra import to_collection, to_iri
from simulator.listing import BadParameter, Collection, Row, list_page, parse_date

Table = dict[str, float]
TABLES = st.dictionaries(st.text(min_size=1, max_size=4), st.floats(0, 1e9), max_size=30)


def make_collection(table: Table) -> Collection:
    def find(id_: str) -> Row | None:
        if id_ not in table:
            return None
        facets = {"documentType.id": [id_[:1]]}
        return Row(0.0, table[id_], lambda: {"id": id_}, lambda: facets)

    return Collection("Document", lambda: sorted(table), find)


def ids_of(table: Table, *parameters: tuple[str, str], id_filter: bool = True) -> list[object]:
    page = list_page(make_collection(table), parameters, id_filter=id_filter)
    return [member["id"] for member in page.members]


@given(table=TABLES, limit=st.integers(1, 150))
def test_pages_hold_every_item_once_in_the_order_of_ids(table: Table, limit: int) -> None:
    seen: list[object] = []
    number = 1
    while page := ids_of(table, ("page", str(number)), ("limit", str(limit))):
        assert len(page) <= min(limit, 100)
        seen += page
        number += 1

    assert seen == sorted(table)


@given(table=TABLES, wanted=st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=20))
def test_the_id_filter_gives_those_that_exist(table: Table, wanted: Sequence[str]) -> None:
    wanted = [*wanted, *sorted(table)[:5]]
    parameters = [("id[]", id_) for id_ in wanted]

    assert ids_of(table, *parameters, ("limit", "100")) == sorted(set(wanted) & table.keys())


def test_the_id_filter_switched_off_is_ignored() -> None:
    assert ids_of({"a": 0, "b": 0}, ("id[]", "a"), id_filter=False) == ["a", "b"]


@given(table=TABLES, limit_s=st.integers(0, 10**9))
def test_a_date_filter_compares_whole_seconds(table: Table, limit_s: int) -> None:
    def matching(operator: str) -> set[object]:
        date = datetime.fromtimestamp(limit_s, UTC).isoformat()
        parameters = (f"dateModified[{operator}]", date), ("limit", "100")
        return set(ids_of(table, *parameters))

    assert matching("after") == {id_ for id_, at_s in table.items() if int(at_s) >= limit_s}
    assert matching("strictly_after") == {id_ for id_, at_s in table.items() if int(at_s) > limit_s}
    assert matching("before") == {id_ for id_, at_s in table.items() if int(at_s) <= limit_s}
    assert matching("strictly_before") == {
        id_ for id_, at_s in table.items() if int(at_s) < limit_s
    }
    assert matching("unknown") == set(table)


def test_orders_are_by_id_or_by_date() -> None:
    table = {"a": 2.0, "b": 3.0, "c": 1.0}

    assert ids_of(table, ("order[id]", "asc")) == ["a", "b", "c"]
    assert ids_of(table, ("order[id]", "desc")) == ["c", "b", "a"]
    assert ids_of(table, ("order[dateModified]", "asc")) == ["c", "a", "b"]
    assert ids_of(table, ("order[dateModified]", "desc")) == ["b", "a", "c"]
    assert ids_of(table, ("order[unknown]", "asc")) == ["a", "b", "c"]


def test_relations_filter_with_one_value_or_several() -> None:
    table = {"ax": 0.0, "bx": 0.0, "cx": 0.0}

    assert ids_of(table, ("documentType.id", "a")) == ["ax"]
    assert ids_of(table, ("documentType.id[]", "a"), ("documentType.id[]", "c")) == ["ax", "cx"]


def test_what_is_unknown_is_ignored() -> None:
    assert ids_of({"a": 0.0}, ("no.such", "x"), ("flavour", "y"), ("sort[id]", "z")) == ["a"]


@pytest.mark.parametrize(
    "parameter",
    [
        ("page", "0"),
        ("page", "x"),
        ("limit", "-1"),
        ("order[id]", "upwards"),
        ("dateModified[after]", "yesterday"),
    ],
)
def test_what_cannot_be_read_is_refused(parameter: tuple[str, str]) -> None:
    with pytest.raises(BadParameter):
        ids_of({"a": 0.0}, parameter)


def test_dates_are_utc_unless_they_say_otherwise() -> None:
    assert parse_date("2023-11-14 22:13:20") == 1_700_000_000
    assert parse_date("2023-11-14T22:13:20Z") == 1_700_000_000
    assert parse_date("2023-11-14T23:13:20+01:00") == 1_700_000_000


def test_the_next_page_is_missing_on_the_last() -> None:
    def view(page: int) -> object:
        return to_collection(
            "/api/documents",
            "Document",
            [],
            parameters=[("limit", "2"), ("page", str(page)), ("id[]", "a/b")],
            page=page,
            limit=2,
            total=3,
        )["hydra:view"]

    first, last = view(1), view(2)
    assert isinstance(first, dict)
    assert isinstance(last, dict)
    assert first["hydra:next"] == "/api/documents?limit=2&id%5B%5D=a%2Fb&page=2"
    assert "hydra:previous" not in first
    assert "hydra:next" not in last
    assert last["hydra:previous"].endswith("page=1")


def test_an_address_encodes_the_code() -> None:
    assert to_iri("documents", "jupe/été 1") == "/api/documents/jupe%2F%C3%A9t%C3%A9%201"
    assert to_iri("predefined-values", "attribute=color;code=red").endswith("=color;code=red")

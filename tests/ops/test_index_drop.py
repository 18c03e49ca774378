"""Which indices `quindex index drop` deletes."""

from typing import Any

import pytest

from ops.unused import check_unused, is_name
from runtime.errors import Refused

KEPT = "q-fr_fr-000001"
LIVE = "q-fr_fr-000002"


def to_found(*aliases: str, made: bool = True, locale: str = "fr_FR") -> dict[str, Any]:
    meta = {"_meta": {"quindex": {"locale": locale}}} if made else {}
    return {"mappings": meta, "aliases": {alias: {} for alias in aliases}}


FOUND = {
    KEPT: to_found(),
    LIVE: to_found("q-fr_fr"),
    "q-fr_fr-000003": to_found("rebuild-q-fr_fr"),
    "q-fr_fr-000004": to_found(made=False),
    "other-fr_fr-000001": to_found(),
    "q-en_gb-000001": to_found("q-en_gb", locale="en_GB"),
}


def check(*names: str, found: dict[str, Any] = FOUND) -> None:
    check_unused(names, found, prefix="q", locales=["fr_FR"])


def test_what_nobody_uses_may_be_dropped() -> None:
    check(KEPT, "q-en_gb-000001")  # en_GB is no locale any more


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (LIVE, "is live: it is behind the alias q-fr_fr"),
        ("q-fr_fr-000003", "is being filled by a rebuild"),
        ("q-fr_fr-000004", "is no index that quindex made"),
        ("other-fr_fr-000001", "is another installation's: QUINDEX_INDEX_PREFIX is q"),
        ("q-fr_fr", f"q-fr_fr is an alias, of {LIVE}: name the index itself"),
        ("q-fr_fr-*", r"No index of quindex's is named q-fr_fr-\*; each is named in full"),
        ("q-xx-000001", "No index of quindex's is named q-xx-000001; each is named in full"),
    ],
)
def test_all_else_is_refused_and_called_what_it_is(name: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        check(KEPT, name)


def test_what_matches_nothing_is_refused() -> None:
    with pytest.raises(Refused, match="No index"):
        check("q-xx-*", found={})


@pytest.mark.parametrize("name", [KEPT, "q-fr_fr", "0.a-b"])
def test_a_name_is_asked_about(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "*", "q-*", "q-fr_fr-00000?", "a,b", "_all", "_cat", "-q", "<q-{now/d}>", "Q", ".a"],
)
def test_what_can_be_no_name_is_not_asked_about(name: str) -> None:
    assert not is_name(name)

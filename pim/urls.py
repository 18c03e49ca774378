"""
The addresses of Quable's REST API v5, built from configuration, kind and percent-encoded codes.

Nothing that the PIM sends ever becomes part of an address but a code, and that only as one quoted
path segment or one quoted value of a query.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from pim.kinds import COLLECTIONS, Kind

URL_MAX_BYTES: Final = 6_000
"""Of a request for several resources; no limit is documented, and gateways have one near 8 kB."""
PAGE_MAX: Final = 100
"""Resources in a page; Quable's own examples ask for no more."""

_HARD_ON_PATHS: Final = frozenset("/\\.%?#")

Filters = Mapping[str, str | Sequence[str]]
"""Values by the name of the property, such as `documentType.id`; several: any of them."""


@dataclass(frozen=True, slots=True)
class PimUrls:
    """Builds addresses below *api*, which ends in /api."""

    api: str

    def to_resource(self, kind: Kind, code: str) -> str:
        """Return the address of one resource; see `is_reachable_by_path`."""
        return f"{self.api}/{COLLECTIONS[kind]}/{quote(code, safe='')}"

    def to_webhooks(self, id_: str | None = None) -> str:
        """Return the address of all webhook subscriptions, or of one."""
        return f"{self.api}/webhooks" + ("" if id_ is None else f"/{quote(id_, safe='')}")

    def to_pack(self, kind: Kind, codes: Sequence[str]) -> str:
        """Return the address of several resources, found by their ids."""
        return self.to_list(COLLECTIONS[kind], page=1, limit=len(codes), filters={"id": codes})

    def to_list(  # no order, no filter: every resource, in the PIM's own order
        self,
        collection: str,
        *,
        page: int,
        limit: int,
        order: str | None = None,
        modified_after_s: float | None = None,
        filters: Filters | None = None,
    ) -> str:
        """Return the address of one page of a collection."""
        pairs = [pair for name, value in (filters or {}).items() for pair in _to_pairs(name, value)]
        if modified_after_s is not None:
            pairs.append(("dateModified[after]", to_filter_date(modified_after_s)))
        if order is not None:
            pairs.append((f"order[{order}]", "asc"))
        pairs += [("page", str(page)), ("limit", str(limit))]
        return f"{self.api}/{collection}?{urlencode(pairs, quote_via=quote, safe='')}"

    def to_packs(self, kind: Kind, codes: Iterable[str], *, batch_max: int) -> list[list[str]]:
        """
        Split codes into packs of at most *batch_max* that each fit into one address.

        Each code comes once, in the given order. A code that is too long by itself has a pack of
        its own.
        """
        packs: list[list[str]] = []
        room = 0
        for code in dict.fromkeys(codes):
            size = len(urlencode(_to_pairs("id", [code]), quote_via=quote, safe="")) + 1
            if not packs or len(packs[-1]) >= batch_max or size > room:
                packs.append([])
                room = URL_MAX_BYTES - len(self.to_list(COLLECTIONS[kind], page=1, limit=PAGE_MAX))
            packs[-1].append(code)
            room -= size
        return packs


def parse_pim_url(url: str) -> PimUrls:
    """
    Read the address of an instance, with or without its /api.

    Raises:
        ValueError: it is not an address such as https://acme.quable.com.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the PIM's address is not one such as https://acme.quable.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("the PIM's address holds more than scheme, host, port and path")
    return PimUrls(url.rstrip("/").removesuffix("/api").rstrip("/") + "/api")


def is_hard_on_paths(code: str) -> bool:
    """
    Say whether a router may read a code's path as something else, and answer 404 for it.

    Symfony decodes %2F before it matches a route, and API Platform takes what follows a dot for
    a format: such codes are better looked for by filter.
    """
    return any(char in _HARD_ON_PATHS or not char.isprintable() for char in code)


def is_reachable_by_path(code: str) -> bool:
    """Say whether a code has a path at all: a proxy may resolve dot segments, quoted or not."""
    return not {"", ".", ".."}.intersection(code.replace("\\", "/").split("/"))


def to_filter_date(moment_s: float) -> str:
    """Return a moment as Quable's filters want it: UTC, to the second, rounded down."""
    return datetime.fromtimestamp(int(moment_s // 1), UTC).strftime("%Y-%m-%d %H:%M:%S")


def _to_pairs(name: str, value: str | Sequence[str]) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(name, value)]
    return [(f"{name}[]", each) for each in value]

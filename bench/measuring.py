"""What the scenario looks at: revisions in the index, and processes."""

import asyncio
import os
import re
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from elasticsearch import ApiError, AsyncElasticsearch, TransportError

from bench.sites import Site
from ops.catalog import read_catalog
from pim.kinds import Kind

Revisions = Mapping[str, int]

_PAGE: Final = 10_000
_PLAIN: Final = re.compile(r"[a-z0-9_-]{1,100}")
"""Codes that an address and an id can hold as they are: the others are not what is measured here."""
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Wrong:
    """Search documents that do not say what the PIM says, over all locales."""

    missing: int
    stale: int
    extra: int
    wrong_locale: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.missing + self.stale + self.extra + self.wrong_locale

    def to_figures(self) -> dict[str, int]:
        """Return it as it is kept."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Computed:
    """What processes have computed until now."""

    peak_mib: float
    by_pid: Mapping[int, float]

    def since(self, before: "Computed") -> float | None:
        """Return the seconds since then; None: a process has died."""
        if self.by_pid.keys() != before.by_pid.keys():
            return None
        return sum(self.by_pid.values()) - sum(before.by_pid.values())


def is_plain(code: str) -> bool:
    """Whether a document is one of those that are measured."""
    return _PLAIN.fullmatch(code) is not None


async def read_revisions(site: Site) -> dict[str, int]:
    """Return what the PIM holds of documents with plain codes: each edit raises a revision."""
    return {
        code: int(resource["attributes"]["sim_revision"])
        for kind, code, resource in await read_catalog(site.http)
        if kind is Kind.DOCUMENT and is_plain(code)
    }


async def find_wrong(
    site: Site, client: AsyncElasticsearch, expected: Revisions, *, beside: Collection[str] = ()
) -> Wrong:
    """Compare all locales; the codes in *beside* are not looked at."""
    missing = stale = extra = wrong_locale = 0
    for locale in site.settings.locales:
        held = await _read_held(client, f"{site.prefix}-{locale.lower()}", site.revision_field)
        missing += len(expected.keys() - held.keys())
        extra += len(held.keys() - expected.keys() - set(beside))
        both = expected.keys() & held.keys()
        stale += sum(held[code][0] != expected[code] for code in both)
        wrong_locale += sum(held[code][1] != locale for code in both)
    return Wrong(missing, stale, extra, wrong_locale)


async def settle(
    site: Site,
    client: AsyncElasticsearch,
    expected: Revisions,
    *,
    within_s: float,
    beside: Collection[str] = (),
) -> Wrong:
    """Wait until nothing is wrong, or for so long after the PIM's last call."""
    deadline_s = time.monotonic() + within_s
    while True:
        if not (await site.look("idle"))["idle"]:
            deadline_s = time.monotonic() + within_s
            await asyncio.sleep(0.5)
            continue
        try:
            wrong = await find_wrong(site, client, expected, beside=beside)
        except (ApiError, TransportError):
            wrong = Wrong(-1, -1, -1)  # the index does not answer
        if wrong.total == 0 or time.monotonic() > deadline_s:
            return wrong
        await asyncio.sleep(0.5)


def read_computed(pids: Iterable[int]) -> Computed:
    """Return the greatest peak of resident memory, and the seconds of computing of each process."""
    peaks, by_pid = [0.0], {}
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
        peaks += [int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM")]
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        by_pid[pid] = (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
    return Computed(round(max(peaks), 1), by_pid)


async def _read_held(
    client: AsyncElasticsearch, index: str, revision_field: str
) -> dict[str, tuple[int | None, str]]:
    await client.indices.refresh(index=index)
    found: dict[str, tuple[int | None, str]] = {}
    after: list[Any] | None = None
    while True:
        page = await client.search(
            index=index,
            size=_PAGE,
            source=False,
            fields=["code", "locale", revision_field],
            sort=["code"],
            search_after=after,
        )
        hits = page["hits"]["hits"]
        for fields in (hit["fields"] for hit in hits):
            code, locale = fields["code"][0], fields["locale"][0]
            if is_plain(code):
                revision = fields.get(revision_field, [None])[0]
                found[code] = (None if revision is None else int(revision), locale)
        if len(hits) < _PAGE:
            return found
        after = hits[-1]["sort"]

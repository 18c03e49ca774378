"""Has something else happen to each of a few documents, and keeps what `quindex explain` tells of it."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from ops.connections import publisher_of
from sinks.fields import to_alias, to_field
from stack.child import Child
from tests.eventually import eventually
from tests.integration.commands import run_command
from tests.integration.sites import Site, read_records

WITHIN_S: Final = 120.0
NOTE: Final = "product_note"  # no product of the simulator's has one
MORE: Final = {
    "QUINDEX_UNANNOUNCED_DELETES_MAX": "0",
    "QUINDEX_DELAY_MAX_S": "120",  # who was changed twice was not idle, however slow the machine is
}
SHORT: Final = {"QUINDEX_PIM_QUOTA_10MIN": "1"}
SLOW: Final = {"QUINDEX_QUIET_S": "60"}
PRODUCTS: Final = (
    "product-00005",
    "product-00006",
    "product-00007",
    "product-00011",  # fr_BE has no name of its own
    "product-00013",
    "product-00014",
    "product-00015",
)
FRESH: Final = "is up to date"


@dataclass
class Teller:
    """Asks `quindex explain` until it says what is waited for, and keeps what it said."""

    site: Site
    folder: Path
    told: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, **more: str) -> str:
        """Return what a command says."""
        environ = {**self.site.installation.variables, **more}
        done = run_command(*arguments, environ=environ, folder=self.folder)

        assert done.returncode == 0, done.stderr
        return done.stdout

    def keep(self, story: str, code: str, *options: str, until: str, **more: str) -> None:
        """Keep what is told of a document as *story* once that contains *until*."""
        said: list[str] = []

        def is_told() -> bool:
            said.append(self.run("explain", code, *options, **more))
            return until in said[-1]

        try:
            eventually(is_told, within_s=WITHIN_S)
        except AssertionError:
            pytest.fail(f"{story}: {until!r} was not said, but:\n{said[-1]}")
        self.told[story] = to_plain(said[-1].replace(code, "CODE"))

    def edit(self, code: str, locale: str = "fr_FR", **attributes: str) -> None:
        """Edit a document in the PIM, which announces it at once."""
        self.site.control("edit", code=code, locale=locale, attributes=attributes)
        self.site.run(self.site.installation.webhooks_idle())

    def start_worker(self, **more: str) -> Child:
        """Start a worker, and wait until it works."""
        worker = self.site.installation.start_worker(**more)
        worker.wait_for_log("worker.started", WITHIN_S)
        return worker


def to_plain(said: str) -> str:
    """Return a story without what differs each time: moments, spans, offsets; versions by order."""
    versions: dict[str, str] = {}

    def name(found: re.Match[str]) -> str:
        return versions.setdefault(found[0], f"version V{len(versions) + 1}")

    said = re.sub(r"version \d+\.\d+", name, said)
    said = re.sub(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d", "TIME", said)
    said = re.sub(r"\b\d+(\.\d)? (s|min)\b", "SPAN", said)
    said = re.sub(r"\[\d+:\d+\]", "[COLUMN]", said)
    said = said.replace("lane live, early,", "lane live,")  # it depends on when the last edit was
    return re.sub(r"\b\d+/\d+\b", "PLACE", said)


def tell_all(site: Site, folder: Path) -> dict[str, str]:
    """Return all stories; three workers one after the other, since some need other settings."""
    teller = Teller(site, folder)
    many, fresh, deleted, gone, short, quiet, refused = PRODUCTS
    for number in range(5):  # nobody reads them yet, so they are certainly coalesced
        teller.edit(many, name=f"Jupe {number}")
    worker = teller.start_worker()
    tell_of_changes(teller, many, fresh, deleted, gone)
    tell_of_stale(teller, many)
    worker.stop()
    worker = teller.start_worker(**SHORT)
    teller.edit(short, name="Sans quota")
    teller.keep("waiting for the quota", short, until="the stage waits for", **SHORT)
    worker.stop()
    teller.start_worker(**SLOW)
    refuse_notes(site)
    tell_of_waiting(teller, quiet, refused, gone)
    return teller.told


def tell_of_changes(teller: Teller, many: str, fresh: str, deleted: str, gone: str) -> None:
    """A worker with nothing to wait for."""
    teller.edit(fresh, "en_GB", name="A new name")
    teller.edit(gone, name="Bientôt perdu")
    teller.site.control("delete", code=deleted)
    teller.keep("five notifications coalesced", many, until=FRESH)
    teller.keep("fresh", fresh, until=FRESH)
    teller.keep("inherited into another locale", gone, until=FRESH)
    teller.keep("deleted", deleted, until="is deleted")
    teller.site.control("delete", code=gone, silent=True)
    teller.run("trigger", gone)  # the PIM denies it; that is believed half a minute later at most
    teller.site.control("create", code="CODE", attributes={"name": "Neuf"}, silent=True)
    teller.keep("never announced", "CODE", "--ask-pim", until="never announced")
    teller.keep("never announced, the PIM not asked", "CODE", until="never announced")
    teller.keep("unknown to the PIM", "nobody-knows", "--ask-pim", until="unknown")


def tell_of_stale(teller: Teller, code: str) -> None:
    """Append what was fetched of a document at first, as a worker that was paused would."""
    site = teller.site
    topic = site.installation.topics.snapshots
    teller.edit(code, name="Jupe neuve")
    eventually(lambda: len(_read_snapshots(site, code)) > 1, within_s=WITHIN_S)
    first = _read_snapshots(site, code)[0]

    async def append() -> None:
        async with publisher_of(site.installation.settings) as publisher:
            await publisher.append(topic, key=f"document:{code}".encode(), value=first)

    site.run(append())
    eventually(lambda: len(_read_snapshots(site, code)) > 3, within_s=WITHIN_S)  # looked at again
    teller.keep("stale write rejected", code, until="came late was rejected")


def _read_snapshots(site: Site, code: str) -> list[bytes]:
    records = read_records(site, site.installation.topics.snapshots)
    return [each.value for each in records if each.key == f"document:{code}".encode()]


def tell_of_waiting(teller: Teller, quiet: str, refused: str, gone: str) -> None:
    """A worker that wants a minute of quiet, but for the first edit of a document."""
    teller.edit(refused, **{NOTE: "words"})
    teller.edit(quiet, name="Bientôt")
    teller.keep("being looked at", quiet, until=FRESH, **SLOW)
    del teller.told["being looked at"]
    teller.edit(quiet, name="Pas encore")
    teller.keep("waiting for its quiet time", quiet, until="waits for its quiet time", **SLOW)
    teller.keep("dead-lettered by mapping", refused, until="was set aside", **SLOW)
    # Parked first, set aside then.
    teller.keep("parked behind the delete brake", gone, until="set aside  by fetch", **SLOW)


def refuse_notes(site: Site) -> None:
    """Have the French index take notes as objects alone: no text of one can be written there."""

    async def change() -> None:
        async with site.installation.client() as client:
            await client.indices.put_mapping(
                index=to_alias(site.installation.prefix, "fr_FR"),
                properties={
                    "attributes": {
                        "properties": {to_field(NOTE): {"properties": {"text": {"type": "object"}}}}
                    }
                },
            )

    site.run(change())

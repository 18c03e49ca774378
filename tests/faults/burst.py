"""Makes a plan's changes in the simulator, by its control API."""

import asyncio
import re
import time
from dataclasses import dataclass

from ops.catalog import read_catalog
from ops.installation import Installation
from pim.kinds import Kind
from tests.faults.plan import DUPLICATE_SHARE, SHUFFLE_S, Change, Plan, Verb

_PLAIN = re.compile(r"[a-z0-9-]+")
TIME_SCALE = 100.0  # five minutes between a webhook's attempts become three seconds


@dataclass(frozen=True, slots=True)
class Burst:
    """The documents of a run by number."""

    installation: Installation
    codes: tuple[str, ...]
    locales: tuple[str, ...]

    async def make(self, change: Change, plan: Plan) -> None:
        """Make one change of a plan."""
        await self.installation.control(
            change.verb.value,
            kind="document",
            code=self.to_code(change.document, plan),
            locale=self.locales[change.locale % len(self.locales)],
        )

    def to_code(self, document: int, plan: Plan) -> str:
        """Return the code of a document; a plan's own ones are new to the catalog."""
        if document < plan.documents:
            return self.codes[document]
        return f"plan-{plan.seed}-{document}"

    @property
    def plain(self) -> list[int]:
        """The documents that are asked for by their path; lists find codes that routers misread."""
        return [number for number, code in enumerate(self.codes) if _PLAIN.fullmatch(code)]

    async def edit(self, document: int) -> str:
        """Edit a document of the catalog; return its code."""
        code = self.codes[document]
        await self.installation.control("edit", kind="document", code=code, locale=self.locales[0])
        return code

    async def run(self, plan: Plan) -> None:
        """Make all changes when they are due, as the plan says; late ones at once."""
        started_s = time.monotonic()
        for change in plan.changes:
            await asyncio.sleep(max(0.0, change.at_s - (time.monotonic() - started_s)))
            await self.make(change, plan)

    async def restore(self, plan: Plan) -> None:
        """Bring back what the plan has left deleted, so that the next one finds every document."""
        last = {change.document: change.verb for change in plan.changes if _matters(change)}
        for document, verb in last.items():
            if verb is Verb.DELETE and document < plan.documents:
                await self.make(Change(0.0, Verb.RECREATE, document, 0), plan)


async def open_burst(installation: Installation, documents: int) -> Burst:
    """Let webhook calls come shuffled and twice; return who makes the changes."""
    await put(
        installation,
        "webhook/options",
        shuffle_s=SHUFFLE_S,
        duplicate_share=DUPLICATE_SHARE,
        time_scale=TIME_SCALE,
    )
    catalog = await read_catalog(installation.http)
    codes = sorted(code for kind, code, _ in catalog if kind is Kind.DOCUMENT)
    assert len(codes) >= documents
    return Burst(installation, tuple(codes[:documents]), tuple(installation.locales.split(",")))


async def put(installation: Installation, option: str, **body: object) -> None:
    """Change an option of the simulator."""
    answer = await installation.http.put(f"/control/{option}", json=body)
    answer.raise_for_status()


def _matters(change: Change) -> bool:
    return change.verb in {Verb.DELETE, Verb.RECREATE}

"""Commands that ask the PIM: few requests, accounted for like those of a worker that starts."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from ops.connections import publisher_of
from pim.answers import Resource
from pim.client import PimClient
from pim.kinds import Kind
from runtime.errors import Refused, SettingsInvalid
from runtime.settings import Settings
from sinks.classified import to_classifications
from sinks.reference import Reference
from topics.grants import GrantKind, GrantRecord
from topics.names import TopicNames
from topics.records import Publisher
from topics.snapshots import Snapshot


@dataclass
class CheckGate:
    """
    Lets a request pass once the topic `quota` holds its record, so that the owner counts it.

    Without a *publisher* nobody but us counts it.
    """

    publisher: Publisher | None
    topic: str
    owner: str = field(default_factory=lambda: uuid4().hex)
    requests: int = 0

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """Account for one request, then let it be sent."""
        if self.publisher is not None:
            record = GrantRecord(GrantKind.CHECK, self.owner, 1)
            await self.publisher.append(
                self.topic, key=self.owner.encode(), value=record.to_json(), partition=0
            )
        self.requests += 1
        yield


@asynccontextmanager
async def asking_pim(
    settings: Settings, *, before_setup: bool = False
) -> AsyncIterator[tuple[PimClient, CheckGate]]:
    """
    Yield a client whose every request is accounted for, and the gate that counts them.

    Where topics are missing and it may be *before_setup*, there is no account: the few requests
    of an examination are left to the part of the quota that is not ours.

    Raises:
        Unreachable: no broker answers, so that nothing could be accounted for.
        Refused: topics are missing.
        SettingsInvalid: the PIM cannot be asked as the settings say.
    """
    async with AsyncExitStack() as stack:
        publisher = None
        try:
            publisher = await stack.enter_async_context(publisher_of(settings))
        except Refused:
            if not before_setup:
                raise
        gate = CheckGate(publisher, TopicNames(settings.topic_prefix).quota)
        try:
            client = PimClient(
                settings.pim_url,
                settings.pim_token.get_secret_value(),
                gate=gate,
                batch_max=settings.pim_batch_max,
            )
        except ValueError as error:
            raise SettingsInvalid(
                f"The PIM cannot be asked as QUINDEX_PIM_URL and QUINDEX_PIM_TOKEN say: {error}."
            ) from error
        stack.push_async_callback(client.aclose)
        yield client, gate


async def fetch_whole(client: PimClient, kind: Kind, code: str) -> Resource | None:
    """Return a resource as the fetch stage would, cut lists completed; None: it is not there."""
    resource = await client.fetch(kind, code)
    return None if resource is None else await client.complete(kind, resource)


def to_snapshot(kind: Kind, code: str, resource: Resource, reference: Reference) -> Snapshot:
    """Return what the PIM says now as a snapshot, to be projected and compared only."""
    now_s = time.time()
    known = reference.classifications
    return Snapshot(
        kind=kind,
        code=code,
        version=0,
        partition=0,
        deleted=False,
        fetched_s=now_s,
        notified_s=now_s,
        newest_s=now_s,
        lane="live",
        resource=resource,
        names={each: known[each].names for each in to_classifications(resource) if each in known},
    )

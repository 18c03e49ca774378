"""Small simulators in one process, and receivers for their webhook calls."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.app import TOKEN, create_app
from simulator.behaviour import Behaviour
from simulator.instance import Instance
from simulator.locales import LocaleTree
from simulator.notifications import Notification
from simulator.quota import Quota
from simulator.rest import Tokens
from simulator.seeding import seed_catalog
from simulator.simulation import Simulation
from simulator.subscription import Subscription, WebhookOptions
from tests.clock import FakeClock

TREE = LocaleTree(("fr_FR", "fr_BE", "en_GB"), {"fr_BE": "fr_FR"})
URL = "http://receiver/webhooks/quable"


@dataclass
class Outbox:
    """Collects what an instance publishes."""

    notifications: list[Notification] = field(default_factory=list)

    def publish(self, notifications: Sequence[Notification]) -> None:
        """Collect."""
        self.notifications += notifications

    def take(self) -> list[tuple[str, str]]:
        """Return event and code of each notification since the last time."""
        taken = [(each.event, each.resource) for each in self.notifications]
        self.notifications.clear()
        return taken


def make_instance(
    outbox: Outbox | None = None,
    *,
    documents: int = 30,
    clock: FakeClock | None = None,
    behaviour: Behaviour | None = None,
) -> Instance:
    """Return an instance without HTTP."""
    return Instance(
        seed_catalog(seed=1, documents=documents, tree=TREE),
        seed=1,
        clock=clock or FakeClock(),
        publish=(outbox or Outbox()).publish,
        behaviour=behaviour or Behaviour(),
    )


@dataclass
class Receiver:
    """A subscriber: gives the *statuses* in turn, then 202; keeps what it was sent."""

    statuses: list[int] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        """Answer one call."""
        self.bodies.append(orjson.loads(await request.body()))
        self.authorizations.append(request.headers.get("authorization"))
        return Response(status_code=self.statuses.pop(0) if self.statuses else 202)

    @property
    def transport(self) -> httpx.ASGITransport:
        """The way to it."""
        app = Starlette(routes=[Route("/webhooks/quable", self.__call__, methods=["POST"])])
        return httpx.ASGITransport(app)


@dataclass
class Box:
    """A whole simulator with a client and a receiver."""

    simulation: Simulation
    client: httpx.AsyncClient
    receiver: Receiver
    clock: FakeClock

    async def get(self, path: str, status: int = 200) -> Any:
        """Return the JSON of an answer."""
        answer = await self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def post(self, path: str, content: object = None, status: int = 200) -> Any:
        """Return the JSON of an answer."""
        answer = await self.client.post(path, json=content)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def put(self, path: str, content: object = None, status: int = 200) -> Any:
        """Return the JSON of an answer."""
        answer = await self.client.put(path, json=content)
        assert answer.status_code == status, answer.text
        return answer.json()


@asynccontextmanager
async def open_box(
    *,
    documents: int = 30,
    quota: Quota | None = None,
    behaviour: Behaviour | None = None,
    statuses: Sequence[int] = (),
    options: WebhookOptions | None = None,
) -> AsyncIterator[Box]:
    """Run a simulator; its clock stands still, and waiting takes no time but moves the clock."""
    clock, receiver = FakeClock(), Receiver(list(statuses))

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)

    app = create_app(
        documents=documents,
        clock=clock,
        sleep=sleep,
        quota=quota,
        behaviour=behaviour or Behaviour(),
        tokens=Tokens(TOKEN, "read-only"),
        subscription=Subscription(url=URL, authorization="Bearer secret"),
        webhook_options=options or WebhookOptions(),
        webhook_transport=receiver.transport,
    )
    simulation: Simulation = app.state.simulation
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/ld+json"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://simulator", headers=headers
    ) as client:
        try:
            yield Box(simulation, client, receiver, clock)
        finally:
            await simulation.aclose()

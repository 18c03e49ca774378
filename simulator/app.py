"""Wires the simulator: catalog, REST API, webhook service, control API."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import httpx
from starlette.applications import Starlette
from starlette.routing import Mount

from runtime.clock import Clock
from simulator.behaviour import Behaviour
from simulator.control import control_routes
from simulator.faults import Faults
from simulator.instance import Instance
from simulator.locales import LocaleTree
from simulator.quota import QUABLE_WINDOWS, Quota, RequestLedger
from simulator.responses import Sleep
from simulator.rest import RestApi, Tokens
from simulator.seeding import seed_catalog
from simulator.simulation import Simulation
from simulator.subscription import Subscription, WebhookOptions
from simulator.webhooks import WebhookService

DOCUMENTS: Final = 300
LOCALES: Final = ("fr_FR", "fr_BE", "en_GB")
FALLBACKS: Final[Mapping[str, str]] = {"fr_BE": "fr_FR"}
TOKEN: Final = "simulator-token"  # noqa: S105 - the simulator's default, guards nothing

_PEAK_WINDOWS_S: Final = (1.0, 10.0, 60.0, *(window.window_s for window in QUABLE_WINDOWS))


def create_app(
    *,
    seed: int = 1,
    documents: int = DOCUMENTS,
    locales: Sequence[str] = LOCALES,
    fallbacks: Mapping[str, str] = FALLBACKS,
    tokens: Tokens = Tokens(TOKEN),  # noqa: B008 - frozen
    subscription: Subscription = Subscription(),  # noqa: B008 - frozen
    webhook_options: WebhookOptions = WebhookOptions(),  # noqa: B008 - frozen
    behaviour: Behaviour = Behaviour(),  # noqa: B008 - frozen
    quota: Quota | None = None,
    peak_windows_s: Sequence[float] = _PEAK_WINDOWS_S,
    clock: Clock = time.time,
    sleep: Sleep = asyncio.sleep,
    webhook_transport: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """
    Return the simulator as an ASGI app; `app.state.simulation` is the handle to its parts.

    *quota* None is Quable's own. *peak_windows_s* are the sliding windows whose peaks the ledger
    keeps. Works without lifespan; then the caller awaits `simulation.aclose()` in the end.

    Raises:
        ValueError: no locale, or fallbacks that run in a circle.
    """
    catalog = seed_catalog(
        seed=seed, documents=documents, tree=LocaleTree(tuple(locales), dict(fallbacks))
    )
    webhooks = WebhookService(
        subscription=subscription,
        options=webhook_options,
        clock=clock,
        transport=webhook_transport,
        seed=seed,
    )
    instance = Instance(
        catalog, seed=seed, clock=clock, publish=webhooks.publish, behaviour=behaviour
    )
    faults, ledger = Faults(seed=seed), RequestLedger(peak_windows_s)
    rest = RestApi(
        instance,
        webhooks,
        tokens=tokens,
        quota=quota or Quota(QUABLE_WINDOWS),
        ledger=ledger,
        faults=faults,
        clock=clock,
        sleep=sleep,
    )
    simulation = Simulation(instance, webhooks, rest, ledger, faults)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await simulation.aclose()

    routes = [Mount("/api", app=simulation.rest), *control_routes(simulation)]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.simulation = simulation
    return app

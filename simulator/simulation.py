"""Everything that one simulator consists of; the handle that tests hold."""

from dataclasses import dataclass

from simulator.faults import FaultKind, Faults
from simulator.instance import Instance
from simulator.quota import RequestLedger
from simulator.rest import RestApi
from simulator.webhooks import WebhookService


@dataclass(frozen=True, slots=True)
class Simulation:
    """
    The parts of a running simulator, for code in the same process.

    Edits are functions of `simulator.changes`; they need a running event loop.
    """

    instance: Instance
    webhooks: WebhookService
    rest: RestApi
    ledger: RequestLedger
    faults: Faults

    def faults_changed(self) -> None:
        """Remember as much of the past as the stale answers that are on need."""
        lags = [fault.seconds for kind, fault, _ in self.faults.on() if kind is FaultKind.STALE]
        self.instance.past.keep(max(lags, default=0.0))

    async def aclose(self) -> None:
        """Stop calling the subscriber."""
        await self.webhooks.aclose()

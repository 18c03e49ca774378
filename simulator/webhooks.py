"""Calls the subscriber: one POST per notification, with Quable's rules for failures."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from heapq import heappop, heappush
from typing import Final

import httpx
import orjson

from runtime.clock import Clock
from simulator.delivery import DeliveryPolicy
from simulator.entries import Calls, Entry, State
from simulator.garments import seeded
from simulator.notifications import Notification
from simulator.subscription import Subscription, WebhookOptions

PENDING_MAX: Final = 1_000_000
"""Notifications that wait for their call; beyond, a new one is lost, and counted so."""

_IDLE_S: Final = 2.0
"""Connections are closed before a server does (uvicorn: 5 s), lest a call meets a closed one."""


class WebhookService:
    """
    Sends what is published to it, in the background of the running event loop.

    Needs no start: publishing starts the calls, up to *in_flight_max* at once. Tests that move
    their own clock call `start_due` after it.
    """

    def __init__(
        self,
        *,
        subscription: Subscription,
        options: WebhookOptions,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        seed: int = 0,
    ) -> None:
        self.subscription = subscription
        self.options = options
        self.policy = DeliveryPolicy(options.to_rules())
        self.calls = Calls()
        self.entries: dict[str, Entry] = {}
        self._clock = clock
        # Not a client: redirects are failures, and bursts of calls are the simulator's main work.
        self._transport = transport or httpx.AsyncHTTPTransport(
            trust_env=False,
            limits=httpx.Limits(
                max_connections=None,
                max_keepalive_connections=None,
                keepalive_expiry=_IDLE_S,
            ),
        )
        self._random = seeded(seed, "webhooks")
        self._pending: list[tuple[float, int, Notification]] = []  # a heap: due, sequence, which
        self._sequence = 0
        self._in_flight: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def publish(self, notifications: Sequence[Notification]) -> None:
        """Queue notifications to be sent; the caller runs in an event loop."""
        now_s = self._clock()
        for notification in notifications:
            if self.subscription.events and notification.event not in self.subscription.events:
                continue
            entry = Entry(replace(notification, body={}), now_s)
            self.entries[notification.uuid] = entry
            if not self.policy.enabled or not self.subscription.url:
                entry.state = State.LOST
            elif self._random.random() < self.options.drop_share:
                entry.state = State.DROPPED
            elif len(self._pending) >= PENDING_MAX:
                entry.state = State.LOST
            else:
                self._push(notification, now_s + self._random.random() * self.options.shuffle_s)
        self.start_due()

    def configure(self, options: WebhookOptions) -> None:
        """Change the options; retries that wait keep the time they were given."""
        self.options = options
        self.policy.rules = options.to_rules()
        self.start_due()

    def enable(self) -> None:
        """Enable the webhook, as a person does; what was lost stays lost."""
        self.policy.enable()
        self.start_due()

    def disable(self) -> None:
        """Disable the webhook, as a person does; what waits is lost."""
        self.policy.disable()
        self._lose_pending()

    @property
    def waiting(self) -> int:
        """How many notifications wait for a call, or for their next one."""
        return len(self._pending)

    @property
    def in_flight(self) -> int:
        """How many calls are under way."""
        return len(self._in_flight)

    @property
    def idle(self) -> bool:
        """Whether no call is under way or will be made."""
        return not self._pending and not self._in_flight

    def accepted(self) -> list[str]:
        """Return the uuids of the notifications that were answered in the 200s, oldest first."""
        return [uuid for uuid, entry in self.entries.items() if entry.state is State.ACCEPTED]

    def start_due(self) -> None:
        """Start the calls that are due, as many as may be under way."""
        now_s = self._clock()
        while (
            self._pending
            and self._pending[0][0] <= now_s
            and len(self._in_flight) < self.options.in_flight_max
        ):
            _, _, notification = heappop(self._pending)
            task = asyncio.get_running_loop().create_task(self._attempt(notification))
            self._in_flight.add(task)
            task.add_done_callback(self._ended)
        self.calls.in_flight_peak = max(self.calls.in_flight_peak, len(self._in_flight))
        self._set_timer(now_s)

    async def settled(self) -> None:
        """Wait until no call is under way and none is due; retries may still wait."""
        while self._in_flight:
            await asyncio.wait(self._in_flight)
            await asyncio.sleep(0)  # lets the callbacks start what is due next

    async def aclose(self) -> None:
        """Stop: calls under way are abandoned, what waits is never sent."""
        if self._timer is not None:
            self._timer.cancel()
        self._pending.clear()
        for task in list(self._in_flight):
            task.cancel()
        await asyncio.gather(*self._in_flight, return_exceptions=True)
        await self._transport.aclose()

    def _push(self, notification: Notification, due_s: float) -> None:
        self._sequence += 1
        heappush(self._pending, (due_s, self._sequence, notification))

    def _set_timer(self, now_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending and self._pending[0][0] > now_s:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._pending[0][0] - now_s, self.start_due)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled():
            try:
                task.result()
            finally:
                self.start_due()  # a bug of ours in one call holds up no other

    async def _attempt(self, notification: Notification) -> None:
        entry = self.entries[notification.uuid]
        entry.attempts += 1
        self.calls.total += 1
        outcome = await self._call(notification)
        self.calls.answers[outcome] += 1
        if outcome.startswith("2"):
            self.calls.succeeded += 1
            self.policy.succeeded()
            self._accept(entry, notification)
            return
        self.calls.failed += 1
        entry.last_failure = outcome
        retry_at_s = self.policy.failed(attempts=entry.attempts, now_s=self._clock())
        if retry_at_s is not None:
            self._push(notification, retry_at_s)
        elif entry.state is State.PENDING:
            entry.state = State.GIVEN_UP
        if not self.policy.enabled:
            self._lose_pending()

    def _accept(self, entry: Entry, notification: Notification) -> None:
        first = entry.state is State.PENDING
        entry.state = State.ACCEPTED
        entry.accepted_s = entry.accepted_s or self._clock()
        if first and self.policy.enabled and self._random.random() < self.options.duplicate_share:
            self._push(notification, self._clock())

    async def _call(self, notification: Notification) -> str:
        """Return the answer's status, or the name of what went wrong."""
        headers = [(b"Content-Type", b"application/json"), (b"User-Agent", b"Quable")]
        if self.subscription.authorization is not None:
            headers.append((b"Authorization", self.subscription.authorization.encode()))
        content = orjson.dumps(notification.body)
        try:
            async with asyncio.timeout(self.options.timeout_s):
                request = httpx.Request(
                    "POST", self.subscription.url or "", headers=headers, content=content
                )
                answer = await self._transport.handle_async_request(request)
                await answer.aread()
                await answer.aclose()
        except TimeoutError:
            return "too_slow"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ExceptionGroup) as error:
            return type(error).__name__  # the last two: names and ports that no address has
        return str(answer.status_code)

    def _lose_pending(self) -> None:
        for _, _, notification in self._pending:
            entry = self.entries[notification.uuid]
            if entry.state is State.PENDING:
                entry.state = State.LOST
        self._pending.clear()

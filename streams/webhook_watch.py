"""
Watches over the webhook: Quable disables it after three failures in a row, and tells nobody.

The owner of `due` does it, since it may ask the PIM. While no call comes, it asks the PIM now and
then for one resource that was changed since the last call. If there is one that should have been
announced by now, that is the alarm. It lies in `control`, so it outlives its worker; and once calls
come again, a mark asks for a scan of the gap.

If the process dies:
  before the alarm is stored         the next owner finds the same
  after the mark, before the end     a second mark asks for the same scan: harmless
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from aiokafka.errors import KafkaError

from pim.answers import Page, to_code
from pim.kinds import Kind
from runtime.clock import Clock
from runtime.errors import PimAnswerUnusable, PimUnauthorized, TransientError
from runtime.logs import get_logger
from runtime.metrics import webhook_last_call, webhook_silent
from streams.log_reader import Read
from streams.webhook_silence import CallTimes, to_modified_s
from topics.names import TopicNames
from topics.notifications import MARK_CODE, Source, to_headers, to_key_bytes, to_mark
from topics.records import Publisher
from topics.silence import SILENCE_KEY, WebhookSilence, fold_silence

LOOK_EVERY_S: Final = 60.0
"""How often the newest notifications are looked at; oftener where silence is shorter than usual."""
_TURN_S: Final = 0.2

log = get_logger(__name__)


class Calls(Protocol):
    """Who knows when Quable called: `CallReader`."""

    def forget(self) -> None:
        """Begin anew."""

    async def read(self) -> Sequence[float]:
        """
        Return when the calls came that are new since the last time, unix seconds.

        Raises:
            KafkaUnavailable: nobody can say.
        """


class Lists(Protocol):
    """Who knows what has changed: the PIM client."""

    async def fetch_page(
        self, kind: Kind, *, page: int, limit: int, order: str | None, modified_after_s: float
    ) -> Page:
        """Return a page of what was modified since."""


class WebhookWatch:
    """Looks, while *is_owner*; *silent_s* without a call are a reason to ask the PIM."""

    def __init__(
        self,
        *,
        calls: Calls,
        pim: Lists,
        kinds: Sequence[Kind],
        publisher: Publisher,
        topics: TopicNames,
        read_control: Callable[[], Awaitable[Sequence[Read]]],
        is_owner: Callable[[], bool],
        silent_s: float,
        clock: Clock,  # time.time
    ) -> None:
        self._calls, self._pim, self._kinds = calls, pim, kinds
        self._publisher, self._topics, self._read_control = publisher, topics, read_control
        self._is_owner, self._silent_s, self._clock = is_owner, silent_s, clock
        self._times: CallTimes | None = None  # None: not looked yet
        self._silence: WebhookSilence | None = None

    async def run(self) -> None:
        """Look now and then while this worker is the owner, until cancelled."""
        due_s = 0.0
        while True:
            if not self._is_owner():
                self._forget()
                due_s = 0.0
            elif self._clock() >= due_s:
                try:
                    await self.look()
                except (TransientError, PimUnauthorized, PimAnswerUnusable, KafkaError) as error:
                    log.warning("webhook.not_watched", error=str(error))
                due_s = self._clock() + min(LOOK_EVERY_S, self._silent_s / 3)
            await asyncio.sleep(_TURN_S)

    async def look(self) -> None:
        """
        Look once.

        Raises:
            TransientError, KafkaError: Kafka or the PIM does not answer.
            PimUnauthorized, PimAnswerUnusable: the PIM does not say what has changed.
        """
        if self._times is None:
            await self._begin()
            return
        self._times.add(await self._calls.read())
        webhook_last_call.set(self._times.last_s)
        if self._silence is not None:
            await self._end_if_called(self._silence, self._times)
        elif self._times.should_ask(self._clock()):
            await self._ask(self._times)

    async def _begin(self) -> None:
        """Learn what was known before; without any call, count from now."""
        control = await self._read_control()
        self._silence = fold_silence((each.key, each.value) for each in control)
        calls_s = await self._calls.read()
        last_s = self._silence.since_s if self._silence else max(calls_s, default=self._clock())
        self._times = CallTimes(self._silent_s, last_s)
        self._times.add(calls_s)
        webhook_silent.set(self._silence is not None)
        webhook_last_call.set(max(calls_s, default=0.0))
        if self._silence is not None:
            await self._end_if_called(self._silence, self._times)

    async def _ask(self, times: CallTimes) -> None:
        for kind in self._kinds:
            page = await self._pim.fetch_page(
                kind,
                page=1,
                limit=1,
                order="dateModified",
                modified_after_s=times.asked_since_s,
            )
            now_s = self._clock()
            for resource in page.resources:
                changed_s = to_modified_s(resource)
                # The PIM may have ignored the filter: what it gave is judged, not that it gave.
                if changed_s is not None and times.is_unannounced(changed_s, now_s):
                    key = f"{kind.value}:{to_code(resource)}"
                    await self._raise(WebhookSilence(times.last_s, key, changed_s, now_s))
                    return

    async def _raise(self, silence: WebhookSilence) -> None:
        await self._append_control(silence.to_json())
        self._silence = silence
        webhook_silent.set(1)
        log.error(
            "webhook.silent",
            since_s=silence.since_s,
            changed=silence.changed,
            changed_s=silence.changed_s,
            advice="is the webhook active in Quable? See quindex webhook show",
        )

    async def _end_if_called(self, silence: WebhookSilence, times: CallTimes) -> None:
        if times.last_s <= silence.since_s:
            return
        now_s = self._clock()
        await self._publisher.append(
            self._topics.notifications,
            key=to_key_bytes(MARK_CODE),
            value=to_mark(since_s=silence.since_s - times.margin_s, now_s=now_s),
            headers=to_headers(Source.MARK, now_s=now_s),
        )
        await self._append_control(None)
        self._silence = None
        webhook_silent.set(0)
        log.warning("webhook.resumed", silent_since_s=silence.since_s, scan="asked for")

    async def _append_control(self, value: bytes | None) -> None:
        await self._publisher.append(
            self._topics.control, key=SILENCE_KEY, value=value, partition=0
        )

    def _forget(self) -> None:
        if self._times is not None:
            self._times = self._silence = None
            self._calls.forget()
            webhook_silent.set(0)

"""
Brings what the spool and the mark hold to Kafka, oldest first, in the background.

While the breaker is open it is the drain that probes, with one row that is stored already: so no
call ever waits for a Kafka that is away. How far a segment is drained is durable before the
segment is deleted. Died at any await here: rows may be appended again, which is harmless.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from pathlib import Path
from typing import Final

from ingress.accepted import Accepted, parse_row, to_current
from ingress.backlog import Backlog, Reading
from ingress.breaker import Breaker
from ingress.coalescing import COALESCE_AT, COALESCE_STEP, coalesce
from ingress.frames import Piece
from ingress.homes import Home, adopt_home
from ingress.judgement import to_dead_letter
from ingress.ladder import KAFKA_DEADLINE_S, cut
from ingress.mark import MARGIN_S, Mark, read_mark
from ingress.refused import RefusedRows
from ingress.segments import Segment
from ingress.spool import Spool, SpoolUnavailable
from runtime.clock import Clock
from runtime.errors import KafkaRefused, KafkaUnavailable, RecordTooLarge
from runtime.logs import get_logger
from runtime.metrics import breaker_open, spool_damaged_bytes, spool_drained
from topics.dead_letters import BYTES_MAX
from topics.names import TopicNames
from topics.notifications import MARK_CODE, Source, to_headers, to_key_bytes, to_mark
from topics.records import Publisher

BATCH_ROWS: Final = 500
PAUSE_S: Final = 0.2
ADOPT_PAUSE_S: Final = 10.0
DISK_MAX_S: Final = 1.0
COALESCE_MAX_S: Final = 60.0
"""How long the disk may take, until calls find out themselves whether Kafka is back."""
RETRY_PAUSE_S: Final = 60.0
"""How long rows of a topic that Kafka refuses are left alone."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row of dead letters that Kafka does not take, though it may well take notifications."""

    row: bytes
    error: str


Outcome = bool | Refusal | BaseException
"""Of a row: whether it is stored, or what hindered it; an exception is the disk's."""


@dataclass(slots=True)
class Drain:
    """One process's drain, and that of the folders it adopts."""

    publisher: Publisher
    is_ready: Callable[[], bool]  # whether the publisher found Kafka
    spool: Spool
    mark: Mark
    breaker: Breaker
    names: TopicNames
    root: Path
    monotonic: Clock
    clock: Clock  # time.time
    _limit: int = field(default=BATCH_ROWS, init=False)
    _refused: RefusedRows = field(init=False)
    _retry_s: float = field(default=0.0, init=False)
    _redirected: set[str] = field(default_factory=set, init=False)  # topics
    _backlog: Backlog = field(init=False)
    _reading: Reading | None = field(default=None, init=False)
    _adopted: Home | None = field(default=None, init=False)
    _kept: list[Home] = field(default_factory=list, init=False)
    _adopt_s: float = field(default=0.0, init=False)
    _appending: int = field(default=0, init=False)
    _waits_s: float = field(default=0.0, init=False)  # until when the disk is waited for
    _coalesce_at: float = field(default=COALESCE_AT, init=False)

    def __post_init__(self) -> None:
        self._refused = RefusedRows(self.spool.folder, self.clock)
        self._backlog = Backlog(self.spool, self.mark, self._refused)

    async def run(self) -> None:
        """Drain for ever."""
        while True:
            try:
                has_moved = await self.step()
            except Exception as error:  # noqa: BLE001 (calls are taken whatever happens here)
                log.critical("drain.failed", error=f"{type(error).__name__}: {error}")
                has_moved = False
            if not has_moved:
                await asyncio.sleep(PAUSE_S)

    async def watch(self) -> None:
        """Look for ever whether the disk holds the drain up."""
        while True:
            await asyncio.sleep(PAUSE_S)
            self.free_calls()

    def free_calls(self) -> None:
        """
        Close the breaker where a probe is due and the drain waits for the disk instead.

        A disk that hangs would keep calls from a Kafka that is back: now the next call is the probe.
        """
        now_s = self.monotonic()
        if self._appending or now_s < self._waits_s:
            return
        if self.is_ready() and self.breaker.may_probe(now_s):
            log.error("drain.held_up", by="the disk")
            self._waits_s = now_s + DISK_MAX_S
            self._close_breaker()

    async def finish(self, within_s: float) -> None:
        """Drain what can be drained before the process ends; then let go of adopted folders."""
        try:
            async with asyncio.timeout(within_s):
                while not self.breaker.is_open and await self.step():
                    pass
        except (TimeoutError, OSError, SpoolUnavailable) as error:
            log.warning("drain.unfinished", error=str(error), rows_left=not self.spool.is_empty)
        if self._adopted is not None:
            self._kept.append(self._adopted)
            self._adopted = None
        while self._kept:
            self._kept.pop().release()

    async def step(self) -> bool:
        """Bring one batch to Kafka; return whether there may be more to do right now."""
        self._waits_s = self.monotonic() + DISK_MAX_S
        if not self.mark.is_allocated:
            with suppress(OSError):  # whatever needs it fails, and is tried again
                await asyncio.to_thread(self.mark.reopen)
        if self.breaker.is_open and not self.breaker.may_probe(self.monotonic()):
            return await self._coalesce()
        if not self.is_ready():
            return await self._coalesce()
        if self.mark.since_s is not None:
            return await self._send_mark(self.mark.since_s)
        if self._reading is None:
            adopted = self._adopted.folder if self._adopted is not None else None
            try:
                self._reading = await self._backlog.next(adopted)
            except OSError:
                self._close_breaker()  # there is no row to probe with: the next call is the probe
                raise
        if self._reading is not None:
            return await self._send_batch(self._reading)
        self._close_breaker()  # nothing is left to probe with: the next call is the probe
        if self._refused.is_waiting and self.monotonic() >= self._retry_s:
            self._limit = 1  # for all that are sent before the first is refused, the producer goes
            await asyncio.to_thread(self._refused.release)
            return True
        return await self._adopt()

    async def _send_batch(self, reading: Reading) -> bool:
        # Whatever ends this early, the segment is then read again from what is noted as done.
        self._reading = None
        limit = 1 if self.breaker.is_open else self._limit
        pieces = await asyncio.to_thread(lambda: list(islice(reading.pieces, limit)))
        if not pieces:
            await self._backlog.end(reading.segment)
            return True
        started_s = self.monotonic()
        outcomes: Sequence[Outcome] = await asyncio.gather(
            *(self._send(piece, reading) for piece in pieces), return_exceptions=True
        )
        # Neither what the disk refuses nor what a topic does says anything of Kafka.
        if not all(isinstance(outcome, Refusal) for outcome in outcomes):
            self._judge(is_stored=False not in outcomes, took_s=self.monotonic() - started_s)
        done = list(takewhile(_is_done, zip(pieces, outcomes, strict=True)))
        stored = len(list(takewhile(_is_stored, done)))
        await self._note_done(reading.segment, done[:stored])  # the disk may not keep the others
        refusals = [it for _, it in done if isinstance(it, Refusal)]
        await self._keep_refused(reading.segment, refusals)
        await self._note_done(reading.segment, done[stored:])
        if len(done) < len(pieces):
            self._limit = 1  # if one of them is the culprit, it will fail alone
            outcome = outcomes[len(done)]
            if isinstance(outcome, BaseException):
                raise outcome
            return False
        self._limit = min(2 * limit, BATCH_ROWS)
        self._reading = reading
        return True

    async def _keep_refused(self, segment: Segment, refusals: Sequence[Refusal]) -> None:
        if not refusals:
            return
        now_s = self.monotonic()
        if now_s >= self._retry_s:
            self._retry_s = now_s + RETRY_PAUSE_S
            log.error("rows.refused", topic=self.names.dead_letters, error=refusals[0].error)
        rows = [refusal.row for refusal in refusals]
        try:
            size = await asyncio.to_thread(self._refused.keep, rows)
        except OSError:
            self._close_breaker()  # no row can be the probe: the next call is
            self._limit = 1  # what is stored behind the first of them would be appended again
            self._refused.set_aside(segment)  # to drain others may make the room it needs
            raise
        self.spool.count(len(refusals), size)

    async def _note_done(self, segment: Segment, done: Sequence[tuple[Piece, Outcome]]) -> None:
        if not done:
            return
        spool_drained.inc(sum(piece.row is not None and it is True for piece, it in done))
        pieces = [piece for piece, _ in done]
        if segment.path.parent == self.spool.folder:
            self.spool.count_drained(segment, pieces)
        await self._backlog.note(segment, pieces[-1].end)

    async def _send(self, piece: Piece, reading: Reading) -> bool | Refusal:
        try:
            accepted = parse_row(piece.row or b"")
        except ValueError:  # damaged, or written by a version that knows better
            accepted = await self._to_damaged(piece, reading.segment)
        accepted = self._redirect(accepted)
        try:
            return await self._append(accepted)
        except KafkaRefused as error:
            return Refusal(accepted.to_row(), str(error))

    def _redirect(self, accepted: Accepted) -> Accepted:
        topic = to_current(accepted.topic, self.names)
        if topic != accepted.topic and accepted.topic not in self._redirected:
            self._redirected.add(accepted.topic)
            log.warning("rows.redirected", topic=accepted.topic, now=topic)
        return replace(accepted, topic=topic)

    async def _append(self, accepted: Accepted) -> bool:
        try:
            await self._publish(accepted)
        except RecordTooLarge as error:
            # Its head goes round once more: Kafka may need a new producer first.
            await self.spool.store(cut(accepted, self.names, now_s=self.clock(), error=error))
        except KafkaUnavailable:
            return False
        except KafkaRefused:
            if accepted.topic != self.names.notifications:
                raise
            return False  # without notifications Kafka is of no use: as if it were away
        return True

    async def _publish(self, accepted: Accepted) -> None:
        self._appending += 1
        try:
            await self.publisher.append(
                accepted.topic, key=accepted.key, value=accepted.value, headers=accepted.headers
            )
        finally:
            self._appending -= 1
            self._waits_s = self.monotonic() + DISK_MAX_S

    async def _to_damaged(self, piece: Piece, segment: Segment) -> Accepted:
        size = piece.end - piece.start
        error = f"{size} bytes at {piece.start} of {segment.path.name} cannot be read"
        log.error("spool.damaged", error=error)
        spool_damaged_bytes.inc(size)
        # A notification may be among them: the reconcile makes up for it.
        await asyncio.to_thread(self.mark.set_since, segment.created_s - MARGIN_S)
        value = await asyncio.to_thread(segment.read_bytes, piece.start, min(size, BYTES_MAX))
        return to_dead_letter(
            value, self.names, now_s=self.clock(), reason="spool_damaged", error=error
        ).accepted

    async def _send_mark(self, since_s: float) -> bool:
        times_set, now_s, started_s = self.mark.times_set, self.clock(), self.monotonic()
        is_stored = await self._append(
            Accepted(
                self.names.notifications,
                to_key_bytes(MARK_CODE),
                to_mark(since_s=since_s, now_s=now_s),
                to_headers(Source.MARK, now_s=now_s),
            )
        )
        self._judge(is_stored=is_stored, took_s=self.monotonic() - started_s)
        if is_stored:
            log.warning("mark.appended", since_s=since_s)
            await self.mark.clear(times_set)
        return is_stored

    def _judge(self, *, is_stored: bool, took_s: float) -> None:
        is_in_time = is_stored and took_s < KAFKA_DEADLINE_S
        if not self.breaker.is_open:
            if not is_stored and self.breaker.failed(self.monotonic()):
                breaker_open.set(1)
        elif is_in_time:
            self._close_breaker()
        else:
            self.breaker.probe_failed(self.monotonic())

    def _close_breaker(self) -> None:
        if self.breaker.is_open:
            self.breaker.close()
            breaker_open.set(0)
            log.info("kafka.trusted_again")

    async def _adopt(self) -> bool:
        if self._adopted is not None:
            if self._refused.waits_in(self._adopted.folder):
                return False
            adopted, self._adopted = self._adopted, None
            log.info("spool.adopted_drained", folder=adopted.folder.name)
            if self._backlog.keeps(adopted.folder):
                self._kept.append(adopted)  # locked, so that nobody adopts it again
            else:
                await asyncio.to_thread(adopted.delete)
            return True
        if self.monotonic() < self._adopt_s:
            return False
        self._adopt_s = self.monotonic() + ADOPT_PAUSE_S
        self._adopted = await asyncio.to_thread(_take_over, self.root, self.mark)
        if self._adopted is None:
            return False
        log.info("spool.adopted", folder=self._adopted.folder.name)
        return True

    async def _coalesce(self) -> bool:
        if self.spool.used < COALESCE_AT:
            self._coalesce_at = COALESCE_AT
        elif self.spool.is_counted and self.spool.used >= self._coalesce_at:
            self._reading = None
            self._waits_s = self.monotonic() + COALESCE_MAX_S
            try:
                await self._make_room()
            finally:
                self._coalesce_at = max(COALESCE_AT, self.spool.used + COALESCE_STEP)
        return False

    async def _make_room(self) -> None:
        segments = self._backlog.untouched(await asyncio.to_thread(self.spool.list_sealed))
        freed = await asyncio.to_thread(coalesce, segments, self.names.notifications)
        self.spool.count(-freed.rows, -freed.size)
        log.warning("spool.coalesced", rows=freed.rows, size=freed.size, refused=freed.refused)


def _is_stored(sent: tuple[Piece, Outcome]) -> bool:
    return sent[1] is True


def _is_done(sent: tuple[Piece, Outcome]) -> bool:
    return _is_stored(sent) or isinstance(sent[1], Refusal)


def _take_over(root: Path, mark: Mark) -> Home | None:
    """Adopt a folder, once *mark* covers what that folder's own mark does."""
    home = adopt_home(root)
    if home is None:
        return None
    try:
        since_s = read_mark(home.folder)
        if since_s is not None:
            mark.set_since(since_s)
    except BaseException:
        home.release()  # it would be drained and deleted, and its mark with it
        raise
    return home

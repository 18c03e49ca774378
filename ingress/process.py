"""The process: opens the spool, serves both ports in one loop, drains, and ends in order."""

import asyncio
import contextlib
import logging
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from ingress.app import Webhook
from ingress.authorization import Authorization
from ingress.breaker import Breaker
from ingress.drain import Drain
from ingress.homes import Home, leave_home, take_home
from ingress.ladder import Ladder
from ingress.mark import Mark
from ingress.operations import create_operations_app
from ingress.protocol import Limits
from ingress.publisher import KafkaPublisher
from ingress.servers import Server, to_server
from ingress.sockets import listen, raise_descriptor_limit, to_address
from ingress.spool import Spool
from runtime.kafka_options import to_kafka_python_options
from runtime.last_resort import exit_after
from runtime.logs import get_logger
from runtime.metrics import begin_at_zero
from runtime.settings import Settings
from topics.names import TopicNames
from topics.processes import ProcessRecord
from topics.telling import own_version, tell_forever, to_process_id

FINISH_S: Final = 5.0
"""How long the spool may be drained when the process ends."""
CLOSE_MAX_S: Final = 5.0
"""How long the disk may take then."""

log = get_logger(__name__)


async def run_ingress(settings: Settings) -> None:
    """
    Serve until SIGTERM or SIGINT, then end without losing or refusing a call.

    Raises:
        PortUnavailable: an address cannot be listened on.
        SpoolPathUnusable: the spool's folder cannot be written.
    """
    _quieten()
    raise_descriptor_limit()
    begin_at_zero()
    with contextlib.ExitStack() as stack:
        public = stack.enter_context(
            listen(settings.ingress_host, settings.ingress_port, setting="QUINDEX_INGRESS")
        )
        operations = stack.enter_context(
            listen(settings.ops_host, settings.ops_port, setting="QUINDEX_OPS")
        )
        await _Ingress(settings, take_home(Path(settings.spool_path))).run(public, operations)


class _Ingress:
    """The parts, wired."""

    def __init__(self, settings: Settings, home: Home) -> None:
        names = TopicNames(settings.topic_prefix)
        self._home, self._processes = home, names.processes
        self._breaker = Breaker()
        self._spool = Spool(home.folder, clock=time.time)
        self._mark = Mark(home.folder)
        self._publisher = KafkaPublisher(
            to_kafka_python_options(settings), (names.notifications, names.dead_letters)
        )
        self._drain = Drain(
            publisher=self._publisher,
            is_ready=lambda: self._publisher.is_ready,
            spool=self._spool,
            mark=self._mark,
            breaker=self._breaker,
            names=names,
            root=Path(settings.spool_path),
            monotonic=time.monotonic,
            clock=time.time,
        )
        ladder = Ladder(
            publisher=self._publisher,
            is_ready=lambda: self._publisher.is_ready,
            spool=self._spool,
            mark=self._mark,
            breaker=self._breaker,
            names=names,
            monotonic=time.monotonic,
            clock=time.time,
        )
        secrets = {
            "current": settings.webhook_authorization.get_secret_value(),
            "next": settings.webhook_authorization_next.get_secret_value(),
        }
        self._public_app = Webhook(
            authorization=Authorization(secrets),
            ladder=ladder,
            names=names,
            clock=time.time,
            monotonic=time.monotonic,
        )
        self._operations_app = create_operations_app(self._can_accept)

    async def run(self, public: socket.socket, operations: socket.socket) -> None:
        """Serve until told to stop. Died anywhere here: see the ladder's table."""
        try:
            await asyncio.to_thread(self._mark.open)
        except OSError as error:  # a full disk: Kafka alone can still take every call
            self._mark.is_failing = True
            log.critical("mark.unavailable", error=str(error))
        await self._spool.open()
        await self._publisher.start()
        beside = [
            asyncio.create_task(self._drain.run()),
            asyncio.create_task(self._drain.watch()),
            asyncio.create_task(self._tell(to_address(operations))),
        ]
        log.info("ingress.started", public=to_address(public), operations=to_address(operations))
        await _serve(
            (to_server(self._public_app, Limits()), public),
            (to_server(self._operations_app, Limits()), operations),
        )
        for task in beside:
            task.cancel()
        for task in beside:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._drain.finish(FINISH_S)
        await self._publisher.close()
        await self._close_files()

    async def _close_files(self) -> None:
        # A disk that hangs must not hold the process: then the folder stays for the next one.
        deadline = exit_after(CLOSE_MAX_S)
        await self._spool.close()
        self._mark.close()
        is_empty = await asyncio.to_thread(leave_home, self._home, self._mark)
        await asyncio.get_running_loop().shutdown_default_executor()  # its threads may hang too
        deadline.cancel()
        log.info("ingress.stopped", spool_is_empty=is_empty)

    async def _tell(self, address: str) -> None:
        me = ProcessRecord(to_process_id("ingress"), "ingress", own_version(), address, 0.0)

        def describe() -> ProcessRecord:
            return replace(
                me,
                at=time.time(),
                breaker_open=self._breaker.is_open,
                spool_used=self._spool.used,
            )

        await tell_forever(
            self._publisher, self._processes, describe, lambda: self._publisher.is_ready
        )

    def _can_accept(self) -> dict[str, bool]:
        return {
            "kafka": self._publisher.is_ready and not self._breaker.is_open,
            "spool": not self._spool.is_failing and self._spool.used < 1,
            "mark": not self._mark.is_failing,
        }


async def _serve(*servers: tuple[Server, socket.socket]) -> None:
    """Run the servers until a signal; a second one lets go of calls that are under way."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        for server, _ in servers:
            server.force_exit = server.should_exit
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await asyncio.gather(*(server.serve([listener]) for server, listener in servers))


def _quieten() -> None:
    # A stranger's broken request is no news, and kafka-python logs every try while Kafka is away:
    # what matters of both is in our own logs and metrics.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)

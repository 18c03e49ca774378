"""Structured logs: JSON lines, or readable ones on a terminal. Always on stderr."""

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from json import dumps
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, Processor

from runtime.repeats import Repeats

_OURS: Final = (
    "quindex",
    "ingress",
    "ops",
    "pim",
    "runtime",
    "simulator",
    "sinks",
    "stack",
    "streams",
    "topics",
)


def configure_logs(
    *,
    level: str = "info",
    stream: TextIO = sys.stderr,
    json: bool | None = None,
    environ: Mapping[str, str] = os.environ,
) -> None:
    """
    Send our logs and those of all libraries to *stream*; *json* None means: not on a terminal.

    NO_COLOR in *environ* means a terminal without colours.
    """
    as_json = not stream.isatty() if json is None else json
    shared: Sequence[Processor] = (
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if as_json else _unchanged,
    )
    renderers: Sequence[Processor] = (
        [structlog.processors.JSONRenderer(_to_json)]
        if as_json
        else [
            _to_text,
            structlog.dev.ConsoleRenderer(colors=stream.isatty() and not environ.get("NO_COLOR")),
        ]
    )
    _keep_retries_quiet()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    handler.addFilter(Repeats(frozenset(_OURS)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for noisy in ("kafka.net.selector", "aiokafka.consumer.group_coordinator", "elastic_transport"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    for ours in _OURS:
        logging.getLogger(ours).setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def keep_quiet() -> None:
    """
    Log warnings only, on stderr, and nothing of libraries: for commands that answer a person.

    Without it structlog writes to stdout, which is for results.
    """
    _keep_retries_quiet()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; pass __name__."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def _keep_retries_quiet() -> None:
    """Have stamina say nothing of each try: metrics count them, and the last error says why."""
    from stamina import instrumentation  # noqa: PLC0415 (--help does without)

    instrumentation.set_on_retry_hooks(())


def _unchanged(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return event


def _to_json(line: EventDict, **options: Any) -> str:
    """Return JSON that can be read in any language, and in which nothing is hidden."""
    return _to_visible(dumps(line, ensure_ascii=False, **options))


def _to_text(_logger: object, _method: str, line: EventDict) -> EventDict:
    """What others wrote stays text on a terminal."""
    return {name: _to_visible(it) if isinstance(it, str) else it for name, it in line.items()}


def _to_visible(text: str) -> str:
    """Escape what cannot be seen, moves the cursor, or turns the direction of reading round."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else dumps(char)[1:-1] for char in text)

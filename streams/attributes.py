"""Publishes the types of attributes: the owner of `due` asks the PIM, all workers read `reference`."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

from pim.answers import to_code
from runtime.clock import Clock
from runtime.errors import PimAnswerUnusable, PimUnauthorized, TransientError
from runtime.logs import get_logger
from sinks.reference import Reference
from topics.records import Publisher
from topics.reference import AttributeRecord, to_attribute_key

REFRESH_EVERY_S: Final = 600.0
AGAIN_AFTER_S: Final = 20.0
WAIT_MAX_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.2
_TYPE_NAMES: Final = ("type", "attributeType", "dataType")

log = get_logger(__name__)


class Definitions(Protocol):
    """Who knows the definitions of attributes: the PIM client."""

    async def attributes(self) -> list[Mapping[str, Any]]:
        """Return all definitions; a code may come once per document type."""


class AttributeRefresher:
    """
    Appends what differs from *reference*; if the process dies midway, the next refresh goes on.

    *is_owner* says whether this worker may send requests to the PIM.
    """

    def __init__(
        self,
        *,
        definitions: Definitions,
        reference: Reference,
        publisher: Publisher,
        topic: str,
        is_owner: Callable[[], bool],
        clock: Clock,  # time.monotonic
    ) -> None:
        self._definitions, self._reference = definitions, reference
        self._publisher, self._topic = publisher, topic
        self._is_owner, self._clock = is_owner, clock
        self.looked = asyncio.Event()
        """Set once the PIM was asked since this worker became the owner, successfully or not."""

    async def run(self) -> None:
        """Refresh when this worker becomes the owner, and now and then, until cancelled."""
        due_s = 0.0
        while True:
            if not self._is_owner():
                due_s = 0.0
                self.looked.clear()
            elif self._clock() >= due_s:
                due_s = self._clock() + await self._try()
                self.looked.set()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def wait(self) -> None:
        """Return once the PIM was asked: what is fetched before would be projected without types."""
        if not self.looked.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT_MAX_S):
                    await self.looked.wait()
            self.looked.set()  # waited for long enough

    async def refresh(self) -> int:
        """
        Ask the PIM, publish what changed, and return how many attributes that were.

        Raises:
            TransientError: the PIM or Kafka does not answer.
            PimUnauthorized, PimAnswerUnusable: the PIM does not give its definitions.
        """
        found = to_type_names(await self._definitions.attributes())
        if not found and self._reference.type_names:
            raise PimAnswerUnusable("the PIM knows no attribute any more")
        changes = diff(self._reference.type_names, found)
        for key, value in changes:
            await self._publisher.append(self._topic, key=key, value=value, partition=0)
            self._reference.apply(key, value)
        if changes:
            log.info("attributes.published", changed=len(changes), known=len(found))
        return len(changes)

    async def _try(self) -> float:
        try:
            await self.refresh()
        except (TransientError, PimUnauthorized, PimAnswerUnusable) as error:
            # Projection goes on by what is known, and by the shape of each value.
            log.warning("attributes.unknown", error=str(error))
            return AGAIN_AFTER_S
        return REFRESH_EVERY_S


def to_type_names(definitions: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the PIM's type name of each attribute; "" where its document types disagree."""
    names: dict[str, str] = {}
    for definition in definitions:
        code, name = to_code(definition), _to_type_name(definition)
        if code is not None:
            names[code] = name if names.get(code, name) == name else ""
    return names


def diff(known: Mapping[str, str], found: Mapping[str, str]) -> list[tuple[bytes, bytes | None]]:
    """Return key and value of the records that make *known* into *found*."""
    changed = [AttributeRecord(*each) for each in sorted(found.items() - known.items())]
    gone = sorted(known.keys() - found.keys())
    return [(each.key, each.to_json()) for each in changed] + [
        (to_attribute_key(code), None) for code in gone
    ]


def _to_type_name(definition: Mapping[str, Any]) -> str:
    for name in _TYPE_NAMES:
        found = definition.get(name)
        if isinstance(found, Mapping):
            found = to_code(found)
        if isinstance(found, str) and found:
            return found
    return ""

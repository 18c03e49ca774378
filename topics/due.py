"""Records of `due`: a resource to fetch."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pim.kinds import Kind, to_key
from runtime.errors import MalformedRecord

UUIDS_MAX: Final = 20
"""How many of the coalesced notifications, and of their traces, are named; all are counted."""


class Lane(StrEnum):
    """The priority of a due record."""

    LIVE = "live"
    PROCESS = "process"
    SCAN = "scan"


class DueRecord(BaseModel):
    """The request to fetch a resource, once its quiet period is over."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    kind: Kind
    code: str
    lane: Lane
    early: bool = False  # due after the lead time: held for the quiet period when quota is short
    delete: bool = False  # the PIM's newest notification, or ours since: the resource is gone
    ours: bool = False  # none of the notifications is the PIM's own
    partition: int  # of `notifications`
    offset: int  # of the newest notification
    moved: bool = False  # others lie in another partition: none of them covers all
    notified_s: float  # append times of the first and the newest notification, unix seconds
    newest_s: float
    changed_s: float | None = None  # when the PIM made the newest notification of its own
    created: bool = False  # one of the notifications says that the resource is new
    notifications: int = 1
    uuids: tuple[str, ...] = ()
    traces: tuple[str, ...] = ()  # of the notifications, as their header `traceparent` says
    locales: Mapping[str, tuple[float, float]] = {}  # first and last time a locale was named

    @property
    def key(self) -> str:
        """kind:code."""
        return to_key(self.kind, self.code)

    def to_json(self) -> bytes:
        """Return the record's value."""
        return orjson.dumps(self.model_dump(mode="json", by_alias=True))

    @classmethod
    def parse(cls, value: bytes) -> Self:
        """
        Read a record's value.

        Raises:
            MalformedRecord: not JSON, or of a schema that this version cannot read.
        """
        try:
            return cls.model_validate_json(value)
        except ValidationError as error:
            raise MalformedRecord(f"not a due record: {error}") from error

    def merge(self, newer: "DueRecord") -> "DueRecord":
        """
        Coalesce with a record of the same resource that was appended later.

        The PIM's newest notification decides about the delete, for ours say nothing of it; the more
        urgent lane wins; locales, counts and times are united. Offsets of two partitions cannot
        be compared: the record says so then.
        """
        assert newer.key == self.key
        # Two appends of one stage may change places when one of them is tried again.
        reversed_order = newer.partition == self.partition and newer.offset < self.offset
        older, newest = (newer, self) if reversed_order else (self, newer)
        locales = dict(self.locales)
        for locale, (first_s, last_s) in newer.locales.items():
            held = locales.get(locale, (first_s, last_s))
            locales[locale] = (min(held[0], first_s), max(held[1], last_s))
        lanes = list(Lane)
        return newest.model_copy(
            update={
                "delete": newest.delete or (newest.ours and older.delete),
                "ours": self.ours and newer.ours,
                "moved": self.moved or newer.moved or self.partition != newer.partition,
                "lane": min(self.lane, newer.lane, key=lanes.index),
                "early": self.early and newer.early,
                "changed_s": _to_latest(self.changed_s, newer.changed_s),
                "created": self.created or newer.created,
                "notified_s": min(self.notified_s, newer.notified_s),
                "newest_s": max(self.newest_s, newer.newest_s),
                "notifications": self.notifications + newer.notifications,
                "uuids": (*self.uuids, *newer.uuids)[:UUIDS_MAX],
                "traces": (*self.traces, *newer.traces)[:UUIDS_MAX],
                "locales": locales,
            }
        )


def _to_latest(*moments_s: float | None) -> float | None:
    return max((each for each in moments_s if each is not None), default=None)

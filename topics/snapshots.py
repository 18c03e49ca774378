"""Records of `snapshots`: everything the PIM held of a resource at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import orjson

from pim.kinds import Kind, to_key
from runtime.errors import MalformedRecord

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A resource at one moment, all locales; *resource* is Quable's JSON, empty when deleted."""

    kind: Kind
    code: str
    version: int
    partition: int  # of `notifications`; the version's end offset is one of this partition
    deleted: bool
    fetched_s: float  # unix seconds: when the request was sent
    notified_s: float  # append time of the first notification it answers
    newest_s: float  # and of the newest
    lane: str
    notifications: int = 1
    uuids: tuple[str, ...] = ()
    locales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    resource: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, Any] = field(default_factory=dict)  # classification code: locale: name

    @property
    def key(self) -> str:
        """kind:code."""
        return to_key(self.kind, self.code)

    def to_json(self) -> bytes:
        """Return the record's value."""
        return orjson.dumps(
            {
                "schema": SCHEMA,
                "kind": self.kind.value,
                "code": self.code,
                "version": self.version,
                "partition": self.partition,
                "deleted": self.deleted,
                "fetched_at": self.fetched_s,
                "notified_at": self.notified_s,
                "newest_at": self.newest_s,
                "lane": self.lane,
                "notifications": self.notifications,
                "uuids": self.uuids,
                "locales": self.locales,
                "resource": self.resource,
                "names": self.names,
            }
        )

    @classmethod
    def parse(cls, value: bytes) -> Self:
        """
        Read a record's value.

        Raises:
            MalformedRecord: not JSON, or of a schema that this version cannot read.
        """
        try:
            raw = orjson.loads(value)
            if raw["schema"] != SCHEMA:
                raise MalformedRecord(f"a snapshot of schema {raw['schema']!r}; known is {SCHEMA}")
            for name in ("locales", "resource", "names"):
                if not isinstance(raw[name], dict):
                    raise MalformedRecord(f"not a snapshot: {name} is no object")
            return cls(
                kind=Kind(raw["kind"]),
                code=str(raw["code"]),
                version=int(raw["version"]),
                partition=int(raw["partition"]),
                deleted=bool(raw["deleted"]),
                fetched_s=float(raw["fetched_at"]),
                notified_s=float(raw["notified_at"]),
                newest_s=float(raw["newest_at"]),
                lane=str(raw["lane"]),
                notifications=int(raw["notifications"]),
                uuids=tuple(raw["uuids"]),
                locales=raw["locales"],
                resource=raw["resource"],
                names=raw["names"],
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise MalformedRecord(f"not a snapshot: {error}") from error

"""Records of `due` that are pages of scans: reading all resources of a kind, page by page."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pim.kinds import Kind
from runtime.errors import MalformedRecord

KEY_PREFIX: Final = b"scan:"
CANCEL_PREFIX: Final = b"scan-cancel/"
EXAMPLES_MAX: Final = 20


class ScanPurpose(StrEnum):
    """What becomes of the resources that a scan reads."""

    BACKFILL = "backfill"
    """Their snapshots go into the index."""
    RECONCILE = "reconcile"
    """They are compared with the index; what differs is triggered."""
    COMPARE = "compare"
    """They are only compared."""


class ScanPhase(StrEnum):
    """How far a scan has come."""

    READING = "reading"
    CLOSING = "closing"
    """All pages are read; what the index holds beyond them is looked for."""
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    """A page could not be read, though the PIM answers; *error* says why."""


class ScanRecord(BaseModel):
    """The next page of a scan, and what has been found so far."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    id: str
    purpose: ScanPurpose
    kind: Kind
    page: int  # to be read next, from 1; 0: the markers are to be appended first
    step: int = 0  # grows with every record of the scan
    phase: ScanPhase = ScanPhase.READING
    since_s: float | None = None  # only what was modified since, unix seconds
    asked_by: str = "command"
    began_s: float
    updated_s: float = 0.0
    markers: Mapping[int, int] = {}  # by partition: lower versions are from before the scan
    total: int | None = None  # resources, where the PIM says so
    deletes_seen: int = 0
    resources: int = 0
    requests: int = 0
    same: int = 0
    missing: int = 0
    different: int = 0
    moved_on: int = 0
    extra: int = 0
    examples: tuple[str, ...] = ()
    before: Mapping[str, int] = {}  # what was counted before the page before
    error: str = ""

    @property
    def key(self) -> bytes:
        """scan:<id>."""
        return KEY_PREFIX + self.id.encode()

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.phase in {ScanPhase.DONE, ScanPhase.CANCELLED, ScanPhase.FAILED}

    @property
    def drift(self) -> int:
        """Search documents that are not as the PIM says."""
        return self.missing + self.different + self.extra

    def to_json(self) -> bytes:
        """Return the record's value."""
        return orjson.dumps(self.model_dump(mode="json", by_alias=True))

    def change(self, **changes: object) -> "ScanRecord":
        """Return the next record of the scan."""
        return self.model_copy(update={"step": self.step + 1, **changes})

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
            raise MalformedRecord(f"not a page of a scan: {error}") from error


def is_scan(key: bytes | None) -> bool:
    """Whether a record of `due` is a page of a scan."""
    return key is not None and key.startswith(KEY_PREFIX)


def to_cancel_key(scan_id: str) -> bytes:
    """Return the key of the record of `control` that cancels a scan."""
    return CANCEL_PREFIX + scan_id.encode()


def fold_scans(records: Mapping[bytes, bytes | None]) -> list[ScanRecord]:
    """Return the newest record of each scan, oldest scan first; takes the newest value by key."""
    scans = []
    for key, value in records.items():
        if is_scan(key) and value is not None:
            try:
                scans.append(ScanRecord.parse(value))
            except MalformedRecord:
                continue
    return sorted(scans, key=lambda scan: scan.began_s)

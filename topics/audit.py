"""Records of `audit`: what one page of a comparing scan has seen."""

from dataclasses import dataclass
from typing import Final, Self

import orjson

from runtime.errors import MalformedRecord

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """The codes on one page; the end of the scan looks for what stands on none."""

    scan: str
    page: int
    codes: tuple[str, ...]

    @property
    def key(self) -> bytes:
        """The scan's id: all of its pages lie in one partition."""
        return self.scan.encode()

    def to_json(self) -> bytes:
        """Return the record's value."""
        return orjson.dumps(
            {"schema": SCHEMA, "scan": self.scan, "page": self.page, "codes": self.codes}
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
                raise MalformedRecord(f"an audit of schema {raw['schema']!r}; known is {SCHEMA}")
            return cls(str(raw["scan"]), int(raw["page"]), tuple(map(str, raw["codes"])))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise MalformedRecord(f"not an audit: {error}") from error

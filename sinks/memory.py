"""A sink that keeps its search documents in memory; passes the contract of the real one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from sinks.fields import ID_MAX_BYTES
from sinks.writes import Answer, Verdict, Write


@dataclass(frozen=True, slots=True)
class Stored:
    """A search document as it lies in the index, a tombstone too."""

    version: int
    document: dict[str, Any]


@dataclass
class MemorySink:
    """
    Keeps what is written to *aliases*; any other one does not exist.

    *failures* are used up first, one per bulk: an error is raised, answers are given in place of
    writing, None lets the bulk pass.
    """

    aliases: Collection[str]
    documents: dict[tuple[str, str], Stored] = field(default_factory=dict)
    failures: list[Exception | list[Answer] | None] = field(default_factory=list)
    bulks: list[list[Write]] = field(default_factory=list)

    async def write(self, writes: Sequence[Write]) -> list[Answer]:
        """Write, or fail as the next of *failures* says."""
        self.bulks.append(list(writes))
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, Exception):
            raise failure
        return failure if failure is not None else [self._write(write) for write in writes]

    def of(self, alias: str) -> dict[str, dict[str, Any]]:
        """Return the search documents of an alias by id, without tombstones."""
        return {
            id_: stored.document
            for (name, id_), stored in self.documents.items()
            if name == alias and not stored.document.get("deleted")
        }

    def _write(self, write: Write) -> Answer:
        if write.alias not in self.aliases:
            return Answer(Verdict.STOP, "index_not_found_exception", f"no alias [{write.alias}]")
        if len(write.id.encode()) > ID_MAX_BYTES:
            return Answer(Verdict.DEAD, "action_request_validation_exception", "id is too long")
        stored = self.documents.get(write.key)
        if stored is not None and write.version < stored.version:
            return Answer(Verdict.STALE)
        try:
            document = orjson.loads(write.body)
        except orjson.JSONDecodeError as error:
            return Answer(Verdict.DEAD, "document_parsing_exception", str(error))
        self.documents[write.key] = Stored(write.version, document)
        return Answer(Verdict.OK)

"""Elasticsearch in memory, as its client: versions, deletes that are forgotten, and outages."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elastic_transport import ConnectionError as NoConnection
from elasticsearch import BadRequestError, ConflictError, NotFoundError

from sinks.fields import ID_MAX_BYTES

GC_DELETES_S: Final = 60.0
_NODE: Final = NodeConfig("http", "memory", 9200)
_BAD: Final = 400
_CONFLICT: Final = 409
_BUSY: Final = 429
_MISSING: Final = 404

Seen = Callable[[str, str, int, Mapping[str, Any]], None]
"""Told of every write that was taken: index, id, version and document ({} for a delete)."""


@dataclass(slots=True)
class Held:
    """A document, or the memory of a delete."""

    version: int
    document: dict[str, Any] | None
    at_s: float
    seq_no: int = 0


@dataclass
class Cluster:
    """All indices; *busy* is asked of every write whether it is refused for now."""

    clock: Callable[[], float]
    aliases: Sequence[str]
    seen: Seen
    busy: Callable[[], bool] = lambda: False
    is_down: bool = False
    indices: dict[str, dict[str, Held]] = field(default_factory=dict)

    def live(self, index: str) -> dict[str, dict[str, Any]]:
        """Return the documents of an index that are no tombstones, by id."""
        return {
            id_: held.document
            for id_, held in self.indices.get(index, {}).items()
            if held.document is not None and not held.document.get("deleted")
        }

    def greatest_versions(self) -> dict[int, int]:
        """Return the greatest version by partition of `notifications`."""
        found: dict[int, int] = {}
        for alias in self.aliases:
            for held in self.indices.get(alias, {}).values():
                if held.document is not None:
                    partition = held.document["sync"]["partition"]
                    found[partition] = max(found.get(partition, 0), held.version)
        return found

    def refuse(self) -> None:
        """Raise if nothing answers."""
        if self.is_down:
            raise NoConnection("the cluster is down")

    def write(self, action: Mapping[str, Any], body: bytes | None) -> dict[str, Any]:
        """Apply one action of a bulk, as Elasticsearch does; return its item."""
        verb, target = next(iter(action.items()))
        index, id_ = target["_index"], target["_id"]
        if self.busy():
            return _to_item(verb, _BUSY, "es_rejected_execution_exception")
        if index not in self.aliases:
            return _to_item(verb, _MISSING, "index_not_found_exception")
        held = self._find(index, id_)
        version = target.get("version", held.version + 1 if held else 1)
        if held is not None and _is_refused(held.version, version, target.get("version_type")):
            return _to_item(verb, _CONFLICT, "version_conflict_engine_exception")
        try:
            document = None if verb == "delete" else orjson.loads(body or b"")
        except orjson.JSONDecodeError:
            return _to_item(verb, _BAD, "document_parsing_exception")
        self.indices.setdefault(index, {})[id_] = Held(version, document, self.clock())
        self.seen(index, id_, version, document or {})
        return {verb: {"status": 200}}

    def _find(self, index: str, id_: str) -> Held | None:
        held = self.indices.get(index, {}).get(id_)
        if held is None or held.document is not None:
            return held
        return held if self.clock() - held.at_s < GC_DELETES_S else None


@dataclass
class ClusterClient:
    """The calls of `AsyncElasticsearch` that the stages make, over one worker's connections."""

    cluster: Cluster
    send: Callable[[], Any]
    receive: Callable[[], Any]

    async def bulk(self, *, operations: Sequence[bytes], **_: Any) -> dict[str, Any]:
        """Apply all; the answer may be lost."""
        await self._reach()
        pairs = _to_pairs(operations)
        ids = [next(iter(action.values()))["_id"] for action, _ in pairs]
        if any(len(id_.encode()) > ID_MAX_BYTES for id_ in ids):  # then it refuses all
            kind = "action_request_validation_exception"
            raise BadRequestError(kind, _to_meta(_BAD), {"error": {"type": kind, "reason": kind}})
        items = [self.cluster.write(action, body) for action, body in pairs]
        await self.receive()
        self.cluster.refuse()  # it went down meanwhile: written, but not answered
        return {"items": items}

    async def get(self, *, index: str, id: str, **_: Any) -> dict[str, Any]:  # noqa: A002  # the client's name
        """Return a document and its version."""
        await self._reach()
        held = self.cluster.indices.get(index, {}).get(id)
        await self.receive()
        if held is None or held.document is None:
            raise NotFoundError("not found", _to_meta(_MISSING), {})
        return {
            "_source": held.document,
            "_version": held.version,
            "_seq_no": held.seq_no,
            "_primary_term": 1,
        }

    async def index(
        self,
        *,
        index: str,
        id: str,  # noqa: A002  # the client's name
        document: dict[str, Any],
        if_seq_no: int | None = None,
        **_: Any,
    ) -> None:
        """Store a document if it is still the one that was seen."""
        await self._reach()
        held = self.cluster.indices.get(index, {}).get(id)
        if (held.seq_no if held else None) != if_seq_no:
            raise ConflictError("conflict", _to_meta(_CONFLICT), {})
        number = 0 if held is None else held.seq_no + 1
        at_s = self.cluster.clock()
        self.cluster.indices.setdefault(index, {})[id] = Held(number, document, at_s, number)
        await self.receive()

    async def count(self, *, index: str) -> dict[str, int]:
        """Count what is live."""
        await self._reach()
        found = len(self.cluster.live(index))
        await self.receive()
        return {"count": found}

    async def _reach(self) -> None:
        await self.send()
        if self.cluster.is_down:
            await asyncio.sleep(1.0)
        self.cluster.refuse()


def _to_pairs(operations: Sequence[bytes]) -> list[tuple[dict[str, Any], bytes | None]]:
    lines = iter(operations)
    actions = (orjson.loads(line) for line in lines)
    return [(action, next(lines) if "index" in action else None) for action in actions]


def _is_refused(held: int, version: int, kind: str | None) -> bool:
    if kind == "external_gte":
        return version < held
    return kind == "external" and version <= held


def _to_item(verb: str, status: int, kind: str) -> dict[str, Any]:
    return {verb: {"status": status, "error": {"type": kind, "reason": kind}}}


def _to_meta(status: int) -> ApiResponseMeta:
    return ApiResponseMeta(status, "1.1", HttpHeaders(), 0.0, _NODE)

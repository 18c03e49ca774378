"""A PIM that fits on a page, with the habits that a real one may have."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx
import orjson

Json = dict[str, Any]


class TinyPim(httpx.AsyncBaseTransport):
    """
    Collections of resources by id.

    *filters* are the names that lists honour; any other is silently ignored. With *decodes_paths*
    a code with a slash or a dot is not found by its path, as a Symfony router has it.
    """

    def __init__(
        self,
        collections: Mapping[str, Sequence[Json]],
        *,
        filters: Sequence[str] = ("id[]", "origin.id", "target.id", "document.id", "parent.id"),
        decodes_paths: bool = False,
        counts: bool = True,
    ) -> None:
        self._collections = collections
        self.filters = filters
        self._decodes_paths = decodes_paths
        self._counts = counts
        self.requests: list[httpx.Request] = []

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, still quoted and without their queries."""
        return [request.url.raw_path.partition(b"?")[0].decode() for request in self.requests]

    def queries(self, name: str) -> list[list[str]]:
        """Return the values of a parameter, for each request."""
        return [
            [value for given, value in _to_pairs(request) if given == name]
            for request in self.requests
        ]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        _, _, collection, *ids = self.paths[-1].split("/")
        members = self._collections.get(collection)
        if members is None or len(ids) > 1:
            return _to_response(404, {"hydra:description": "Not Found"})
        if not ids:
            return _to_response(200, self._list(members, _to_pairs(request)))
        code = unquote(ids[0])
        found = [member for member in members if member["id"] == code]
        if not found or (self._decodes_paths and {"/", "."}.intersection(code)):
            return _to_response(404, {"hydra:description": "Not Found"})
        return _to_response(200, found[0])

    def _list(self, members: Sequence[Json], pairs: Sequence[tuple[str, str]]) -> Json:
        page, limit = (int(dict(pairs)[name]) for name in ("page", "limit"))
        for name in self.filters:
            wanted = {value for given, value in pairs if given == name}
            if wanted:
                members = [each for each in members if _read(each, name) in wanted]
        shown = members[(page - 1) * limit : page * limit]
        view = {"hydra:next": "http://169.254.169.254/"} if page * limit < len(members) else {}
        total = {"hydra:totalItems": len(members)} if self._counts else {}
        return {"hydra:member": shown, "hydra:view": view, **total}


def _read(member: Json, name: str) -> object:
    value: object = member
    for part in name.removesuffix("[]").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _to_pairs(request: httpx.Request) -> list[tuple[str, str]]:
    return parse_qsl(request.url.query.decode(), keep_blank_values=True)


def _to_response(status: int, content: Json) -> httpx.Response:
    return httpx.Response(status, content=orjson.dumps(content))

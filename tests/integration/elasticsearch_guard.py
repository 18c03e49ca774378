"""
A TLS proxy before a real Elasticsearch that lets each API key do what its role says, and no more.

The stack's Elasticsearch has no security of its own. Which request needs which privilege is as
Elasticsearch documents it; a request that is not in the table is refused.
"""

import json
import re
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession, ClientTimeout, web

from stack.ports import HOST

ROLES: Final = Path(__file__).parents[2] / "docs" / "examples" / "elasticsearch-roles.json"
_PRODUCT: Final = {"X-Elastic-Product": "Elasticsearch"}

_CLUSTER: Final = "cluster"
_TABLE: Final = (
    (r"(GET|HEAD) /", f"{_CLUSTER}:monitor"),
    (r"GET /_(cluster|nodes)/.*", f"{_CLUSTER}:monitor"),
    (r"(GET|POST) /(?P<index>[^/_][^/]*)/_(search|count|mget)", "read"),
    (r"(GET|HEAD) /(?P<index>[^/_][^/]*)/_(doc|source)/.*", "read"),
    (r"POST /(?P<index>[^/_][^/]*)/_pit", "read"),
    (r"(POST|DELETE) /_(pit|search|msearch|mget)", "read"),
    (r"(PUT|POST|DELETE) /(?P<index>[^/_][^/]*)/_(doc|create|update)/.*", "write"),
    (r"(PUT|POST) /_bulk", "write"),
    (r"(GET|POST) /(?P<index>[^/_][^/]*)/_refresh", "maintenance"),
    (
        r"(GET|HEAD) /(?P<index>[^/_][^/]*)(/_(alias|mapping|settings)(/[^/]*)?)?",
        "view_index_metadata",
    ),
    (r"HEAD /_alias/(?P<index>[^/]+)", "view_index_metadata"),
    (r"GET /_alias/(?P<index>[^/]+)", "view_index_metadata"),
    (r"GET /(?P<index>[^/_][^/]*)/_stats.*", "monitor"),
    (
        r"(PUT|POST|DELETE) /(?P<index>[^/_][^/]*)(/_(alias|mapping|settings|block)(/[^/]*)?)?",
        "manage",
    ),
    (r"POST /_aliases", "manage"),
)
_IMPLIED: Final[Mapping[str, frozenset[str]]] = {
    "manage": frozenset({"manage", "maintenance", "monitor", "view_index_metadata"})
}


def to_key(role: str) -> str:
    """Return the API key of a role, as Elasticsearch encodes one."""
    return b64encode(f"{role}:secret".encode()).decode()


def to_roles(prefix: str) -> dict[str, Any]:
    """Return the roles of the example, for another prefix than its own."""
    roles: dict[str, Any] = json.loads(ROLES.read_text("utf-8").replace("quindex-*", f"{prefix}-*"))
    text = json.dumps(roles).replace("control-quindex", f"control-{prefix}")
    found: dict[str, Any] = json.loads(text)
    return found


class Guard:
    """Forwards what a key's role allows; *refused* keeps what it did not."""

    def __init__(self, address: str, roles: Mapping[str, Any]) -> None:
        self._address = address
        self._roles = {f"ApiKey {to_key(role)}": (role, rights) for role, rights in roles.items()}
        self.refused: list[str] = []
        self.passed: dict[str, set[str]] = {role: set() for role in roles}

    @asynccontextmanager
    async def listening(self, context: ssl.SSLContext) -> AsyncIterator[str]:
        """Yield the guard's address."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, HOST, 0, ssl_context=context)
        await site.start()
        try:
            async with ClientSession(timeout=ClientTimeout(total=60)) as self._session:
                yield "https://{}:{}".format(*runner.addresses[0][:2])
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        known = self._roles.get(request.headers.get("Authorization", ""))
        if known is None:
            return _refuse(401, "unable to authenticate")
        role, rights = known
        needed = list(to_needs(request.method, request.path, body))
        if not needed or not all(is_allowed(rights, *each) for each in needed):
            self.refused.append(f"{role}: {request.method} {request.path} needs {needed}")
            return _refuse(403, f"{role} may not {request.method} {request.path}")
        self.passed[role] |= {privilege for privilege, _ in needed}
        return await self._forward(request, body)

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        dropped = {"host", "content-length", "accept-encoding", "authorization"}
        headers = {k: v for k, v in request.headers.items() if k.lower() not in dropped}
        url = f"{self._address}{request.raw_path}"
        async with self._session.request(request.method, url, data=body, headers=headers) as answer:
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                headers={"Content-Type": answer.headers.get("Content-Type", ""), **_PRODUCT},
            )


def to_needs(method: str, path: str, body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the privileges that a request needs, each with its index ("" where it names none)."""
    for pattern, privilege in _TABLE:
        if (match := re.fullmatch(pattern, f"{method} {path}")) is None:
            continue
        named = match.groupdict().get("index")
        indices = named.split(",") if named else list(_indices_in(path, body))
        yield from ((privilege, index) for index in indices or [""])
        return


def _indices_in(path: str, body: bytes) -> Iterator[str]:
    if path == "/_aliases":
        for action in json.loads(body)["actions"]:
            for what in action.values():
                yield what["index"]
    elif path in {"/_bulk", "/_msearch"}:
        for line in body.splitlines()[::2]:
            head = json.loads(line)
            yield (next(iter(head.values())) if path == "/_bulk" else head).get(
                "_index" if path == "/_bulk" else "index"
            )


def is_allowed(rights: Mapping[str, Any], privilege: str, index: str) -> bool:
    """Whether a role has a privilege, on an index if it is about one."""
    if privilege.startswith(_CLUSTER):
        return privilege.partition(":")[2] in rights["cluster"]
    return any(
        (not index or any(fnmatchcase(index, name) for name in each["names"]))
        and any(privilege in _IMPLIED.get(had, {had}) for had in each["privileges"])
        for each in rights["indices"]
    )


def _refuse(status: int, reason: str) -> web.Response:
    body = {"error": {"type": "security_exception", "reason": reason}, "status": status}
    headers = {"Content-Type": "application/vnd.elasticsearch+json;compatible-with=9", **_PRODUCT}
    return web.Response(status=status, body=json.dumps(body).encode(), headers=headers)

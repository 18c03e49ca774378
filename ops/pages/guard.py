"""What stands before every page: who asks, from where, and what a browser may do with the answer."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ops.pages.access import (
    SESSION_S,
    Guesses,
    Keys,
    Session,
    is_from_here,
    is_own_host,
    is_same,
)
from ops.pages.queries import Query

COOKIE: Final = "quindex_console"
WRONG_TOKEN_PAUSE_S: Final = 0.5
BODY_MAX_BYTES: Final = 256 * 1024
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # without a referrer, forms would have no origin either
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_OPEN: Final = ("/login", "/static/")


class NotMeant(Exception):
    """An action does not come from a page of this session."""


@dataclass
class Gate:
    """Sessions of one console; an empty *token* lets everybody in who reaches this machine."""

    token: str
    clock: Callable[[], float] = time.time
    guesses: Guesses = field(default_factory=Guesses)

    def __post_init__(self) -> None:
        self.keys = Keys(self.token or secrets.token_hex(32))

    def read(self, headers: Headers, cookie: str | None) -> Session | None:
        """Return the session of a request, if it has one that counts."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if self.token and scheme.lower() == "bearer" and self.check(given.strip()):
            return self.begin(is_known=True)
        return self.keys.parse_cookie(cookie, self.clock()) if cookie else None

    def begin(self, *, is_known: bool) -> Session:
        """Return a new session."""
        return Session(secrets.token_hex(16), self.clock() + SESSION_S, is_known)

    def check(self, given: str) -> bool:
        """Whether that is the token; too many wrong ones, and none is looked at for a while."""
        now_s = self.clock()
        if not self.guesses.may_try(now_s):
            return False
        if is_same(given, self.token):
            return True
        self.guesses.failed(now_s)
        return False

    def set_cookie(self, response: Response, session: Session) -> None:
        """Give the browser its session."""
        response.set_cookie(
            COOKIE,
            self.keys.to_cookie(session),
            max_age=int(SESSION_S),
            httponly=True,
            samesite="strict",
        )


@dataclass
class Guard:
    """Lets a request through to *app*, with its session, or answers it."""

    app: ASGIApp
    gate: Gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        session = self.gate.read(request.headers, request.cookies.get(COOKIE))
        refusal = self._refuse(request, session)
        is_new = session is None and refusal is None and not request.url.path.startswith("/static/")
        if session is None:
            session = self.gate.begin(is_known=False)
        scope.setdefault("state", {})["session"] = session

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
                if is_new and "set-cookie" not in headers:
                    carrier = Response()
                    self.gate.set_cookie(carrier, session)
                    headers.append("set-cookie", carrier.headers["set-cookie"])
            await send(message)

        await (refusal or self.app)(scope, receive, send_guarded)

    def _refuse(self, request: Request, session: Session | None) -> Response | None:
        host = request.headers.get("host", "")
        if not is_own_host(host, any_host=bool(self.gate.token)):
            return PlainTextResponse("This console answers to this machine's own name.\n", 421)
        if not is_from_here(
            site=request.headers.get("sec-fetch-site"),
            mode=request.headers.get("sec-fetch-mode"),
            origin=request.headers.get("origin"),
            host=host,
        ):
            return PlainTextResponse("Asked by a page from elsewhere.\n", 403)
        is_open = not self.gate.token or request.url.path.startswith(_OPEN)
        if is_open or (session is not None and session.is_known):
            return None
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/login", 303)
        return PlainTextResponse("Sign in, or send Authorization: Bearer TOKEN.\n", 401)


async def read_action(request: Request, gate: Gate) -> Query:
    """
    Return what a form says.

    Raises:
        NotMeant: it does not come from a page of this session, or is too large.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_MAX_BYTES:
            raise NotMeant
    form = Query.parse(body)
    if not gate.keys.is_meant(request.state.session, form.get("action_token")):
        raise NotMeant
    return form


async def sign_in(request: Request, gate: Gate) -> Response | None:
    """Return where to go with a session that knows the token; None: it is not the token."""
    form = await read_action(request, gate)
    if not gate.check(form.get("token")):
        await asyncio.sleep(WRONG_TOKEN_PAUSE_S)
        return None
    response = RedirectResponse("/", 303)
    gate.set_cookie(response, gate.begin(is_known=True))
    return response

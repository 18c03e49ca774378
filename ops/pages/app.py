"""The console's routes: pages, their live parts, and what they ask to be done. It only wires."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from ops.collector import FAILURES
from ops.letter import LetterState
from ops.pages import contexts
from ops.pages.contexts import NotThere, Read
from ops.pages.desk import Desk
from ops.pages.guard import Gate, Guard, NotMeant, read_action, sign_in
from ops.pages.queries import MalformedQuery, Query, to_quoted
from ops.pages.rendering import create_environment
from ops.pages.troubles import to_trouble
from runtime.logs import get_logger

LIVE_EVERY_S: Final = 2.0
LIVE_TIMES: Final = 4.0
"""What takes long to read is read less often: this many times as long is waited."""
LIVE_PING_S: Final = 10.0
LIVE_MAX: Final = 20
"""Pages that are kept live at once; the others say that they are not."""

STATES: Final = {"redrive": LetterState.REDRIVEN, "discard": LetterState.DISCARDED}

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and the part of it that is kept live."""

    path: str
    name: str  # of its templates, and of its live part
    read: Read


PAGES: Final = (
    Page("/", "overview", contexts.overview),
    Page("/resource", "resource", contexts.resource),
    Page("/resources", "resources", contexts.resources),
    Page("/dead-letters", "letters", contexts.letters),
    Page("/dead-letter", "letter", contexts.letter),
    Page("/scans", "scans", contexts.scans),
)


class Console:
    """Answers requests; *stopping* is set when the process ends."""

    def __init__(self, desk: Desk, gate: Gate, stopping: asyncio.Event) -> None:
        self._desk, self._gate, self._stopping = desk, gate, stopping
        self._templates: Environment = create_environment()
        self._live = 0
        self._readings: set[asyncio.Task[tuple[Mapping[str, Any], int]]] = set()

    def create_app(self) -> ASGIApp:
        """Return the application."""
        folder = Path(__file__).parent / "static"
        routes = [Route(page.path, self._to_page(page)) for page in PAGES]
        routes += [Route(f"/live/{page.name}", self._to_live(page)) for page in PAGES]
        routes += [
            Route("/suggestions", self.suggestions),
            Route("/login", self.login, methods=["GET"]),
            Route("/login", self.signed_in, methods=["POST"]),
            self._to_action("/resource", self.compare),
            self._to_action("/dead-letters", self.decide),
            self._to_action("/scans", self.cancel),
        ]
        app = Starlette(
            routes=[*routes, Mount("/static", StaticFiles(directory=folder))],
            exception_handlers={404: self.not_found, 405: self.not_found, 500: self.failed},
        )
        return Guard(app, self._gate)

    # --- pages ---

    def _to_page(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def show(request: Request) -> Response:
            return await self._show(request, page.name, page.read)

        return show

    async def _show(
        self, request: Request, name: str, read: Read, query: Query | None = None
    ) -> Response:
        context, status = await self._read(request, read, query)
        context = {**context, "page": name, "live": self._to_live_address(request, name, query)}
        return self._render(request, f"{name}.html", context, status)

    async def _read(
        self, request: Request, read: Read, query: Query | None = None
    ) -> tuple[Mapping[str, Any], int]:
        """Return what a template needs, or what there is to say instead."""
        try:
            query = query or Query.parse(request.url.query.encode())
            return {"query": query, "trouble": None, **await read(self._desk, query)}, 200
        except MalformedQuery:
            return {"query": Query(), "trouble": "This address cannot be read."}, 400
        except NotThere as error:
            return {"query": query, "trouble": str(error)}, 404
        except FAILURES as error:  # the console itself is well: what it says is the answer
            said = to_trouble(error)
            log.warning("page.without_facts", path=request.url.path, error=said)
            return {"query": query, "trouble": said}, 200

    def _render(
        self, request: Request, name: str, context: Mapping[str, Any], status: int = 200
    ) -> Response:
        token = self._gate.keys.to_action_token(request.state.session)
        template = self._templates.get_template(name)
        return HTMLResponse(template.render({"action_token": token, **context}), status)

    def _to_live_address(self, request: Request, name: str, query: Query | None) -> str | None:
        if query is not None:  # of an action: what it showed is of one moment
            return None
        return f"/live/{name}?{request.url.query}"

    async def suggestions(self, request: Request) -> Response:
        """Answer what somebody types."""
        context, status = await self._read(request, contexts.resources)
        return self._render(request, "_suggestions.html", context, status)

    # --- live ---

    def _to_live(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def stream(request: Request) -> Response:
            if self._live >= LIVE_MAX:
                return Response("Too many pages are live.\n", 503)
            return StreamingResponse(
                self._follow(request, page),
                media_type="text/event-stream",
                headers={"cache-control": "no-store", "x-accel-buffering": "no"},
            )

        return stream

    async def _follow(self, request: Request, page: Page) -> AsyncIterator[str]:
        """Yield the live part whenever it has changed, until the page or the process is gone."""
        self._live += 1
        shown, quiet_s = "", 0.0
        try:
            yield "retry: 2000\n\n"
            while not self._stopping.is_set():
                began_s = time.monotonic()
                # Whoever goes away must not cut a reading off: its connections would stay open.
                reading = asyncio.create_task(self._read(request, page.read))
                self._readings.add(reading)
                reading.add_done_callback(self._readings.discard)
                context, _ = await asyncio.shield(reading)
                pause_s = max(LIVE_EVERY_S, LIVE_TIMES * (time.monotonic() - began_s))
                response = self._render(request, f"_{page.name}.html", context)
                text = bytes(response.body).decode()
                if text != shown:
                    shown, quiet_s = text, 0.0
                    yield "".join(f"data: {line}\n" for line in text.split("\n")) + "\n"
                elif quiet_s >= LIVE_PING_S:
                    quiet_s = 0.0
                    yield ": still there\n\n"
                quiet_s += pause_s
                try:
                    async with asyncio.timeout(pause_s):
                        await self._stopping.wait()
                except TimeoutError:
                    continue
        finally:
            self._live -= 1

    # --- actions ---

    def _to_action(self, path: str, work: Callable[[Request, Query], Awaitable[Response]]) -> Route:
        """Every action goes through here: only a page of the same session may ask for it."""

        async def act(request: Request) -> Response:
            try:
                form = await read_action(request, self._gate)
            except (NotMeant, MalformedQuery):
                said = "This form is out of date. Go back, reload the page, and try again."
                return self._render(request, "said.html", {"page": "", "said": said}, 403)
            try:
                return await work(request, form)
            except FAILURES as error:
                said = f"That was not done, or only in part. {to_trouble(error)}"
                return self._render(request, "said.html", {"page": "", "said": said}, 503)

        return Route(path, act, methods=["POST"])

    async def compare(self, request: Request, form: Query) -> Response:
        """Show a resource with what the PIM says of it."""
        of = Query.parse(form.get("of").encode("ascii", "replace"))
        return await self._show(request, "resource", contexts.compared, of)

    async def decide(self, _request: Request, form: Query) -> Response:
        """Redrive or discard letters."""
        verb = form.get("decision")
        if verb not in STATES:
            return RedirectResponse("/dead-letters", 303)
        if not (ids := form.all("id")):
            return RedirectResponse("/dead-letters?done=nothing", 303)
        done, looking = await self._desk.decide(ids, STATES[verb])
        log.info("letters.decided", decision=STATES[verb].value, letters=done, resources=looking)
        back = f"/dead-letters?done={to_quoted(verb)}&count={done}&looking={looking}"
        return RedirectResponse(back, 303)

    async def cancel(self, _request: Request, form: Query) -> Response:
        """Stop a scan at its next page."""
        await self._desk.cancel(form.get("id"))
        log.info("scan.cancelled", scan=form.get("id"))
        return RedirectResponse("/scans", 303)

    # --- signing in ---

    async def login(self, request: Request) -> Response:
        """Ask for the token."""
        return self._render(request, "login.html", {"page": "login", "is_wrong": False})

    async def signed_in(self, request: Request) -> Response:
        """Look at the token."""
        try:
            response = await sign_in(request, self._gate)
        except (NotMeant, MalformedQuery):
            response = None
        if response is not None:
            return response
        log.warning("console.token_refused")
        return self._render(request, "login.html", {"page": "login", "is_wrong": True}, 403)

    async def not_found(self, request: Request, _error: Exception) -> Response:
        """Say that there is no such page."""
        return self._render(
            request, "said.html", {"page": "", "said": "There is no such page."}, 404
        )

    async def failed(self, request: Request, _error: Exception) -> Response:
        """Say that this is a bug; the log has its traceback."""
        said = "That is a bug. The console's log says more."
        return self._render(request, "said.html", {"page": "", "said": said}, 500)

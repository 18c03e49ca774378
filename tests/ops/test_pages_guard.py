"""What stands before every page: token, session, forms of other pages, headers."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from ops.pages.app import PAGES, Console
from ops.pages.desk import Desk
from ops.pages.guard import COOKIE, Gate
from ops.pages.serving import check_exposed
from runtime.errors import SettingsInvalid
from runtime.settings import load_settings
from stack.ports import HOST, free_port

TOKEN = "a-token-of-tests-and-no-secret"  # noqa: S105  # it guards nothing
HTML = {"accept": "text/html"}


class Visitor:
    """A client of a console, for tests that are no coroutines."""

    def __init__(self, client: httpx.AsyncClient, runner: asyncio.Runner) -> None:
        self._client, self._runner = client, runner

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self._runner.run(self._client.get(path, **more))

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self._runner.run(self._client.post(path, **more))


@contextmanager
def visitor(token: str = "", **more: str) -> Iterator[Visitor]:
    """Yield a visitor of a console whose servers are all away."""
    variables = {
        "QUINDEX_KAFKA": f"{HOST}:{free_port()}",
        "QUINDEX_ELASTICSEARCH": f"http://{HOST}:{free_port()}",
        "QUINDEX_LOCALES": "fr_FR",
    }
    desk = Desk(load_settings(variables, env_file=None))
    app = Console(desk, Gate(token), asyncio.Event()).create_app()
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://localhost:8090", headers=more
    )
    with asyncio.Runner() as runner:
        yield Visitor(client, runner)
        runner.run(client.aclose())
        runner.run(desk.close())


def to_action_token(page: str) -> str:
    found = re.search(r'name="action_token" value="(\w+)"', page)
    assert found is not None
    return found[1]


PATHS = [
    *(page.path for page in PAGES),
    *(f"/live/{page.name}" for page in PAGES),
    "/suggestions",
    "/nothing",
]


@pytest.mark.parametrize("path", PATHS)
def test_with_a_token_nothing_is_shown_without_it(path: str) -> None:
    with visitor(TOKEN) as client:
        assert (client.get(path)).status_code == 401
        assert (client.get(path, headers=HTML)).headers["location"] == "/login"
        assert (client.get(path, headers={"authorization": "Bearer x"})).status_code == 401
        assert (client.post(path)).status_code == 401


def test_the_token_opens_the_console_by_its_form_or_by_a_header() -> None:
    with visitor(TOKEN) as client:
        asked = client.get("/login")
        form = {"action_token": to_action_token(asked.text), "token": TOKEN}
        wrong = client.post("/login", data=form | {"token": "no"})
        assert wrong.status_code == 403
        assert "That is not the token" in wrong.text
        assert (client.get("/nothing")).status_code == 401

        right = client.post("/login", data=form)
        assert right.status_code == 303
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert TOKEN not in cookie
        assert (client.get("/nothing")).status_code == 404
    with visitor(TOKEN, authorization=f"Bearer {TOKEN}") as client:
        assert (client.get("/nothing")).status_code == 404


def test_the_token_cannot_be_guessed_for_long() -> None:
    with visitor(TOKEN) as client:
        for _ in range(10):
            client.get("/nothing", headers={"authorization": "Bearer guess"})
        late = client.get("/nothing", headers={"authorization": f"Bearer {TOKEN}"})

        assert late.status_code == 401


@pytest.mark.parametrize("path", ["/dead-letters", "/scans", "/resource"])
def test_an_action_without_the_sessions_own_token_is_refused(path: str) -> None:
    with visitor() as client:
        page = client.get("/nothing")
        assert COOKIE in page.headers["set-cookie"]
        for given in ({}, {"action_token": ""}, {"action_token": "0" * 64}):
            refused = client.post(path, data={**given, "decision": "redrive", "id": "0/0"})

            assert refused.status_code == 403
            assert "out of date" in refused.text
        big = client.post(path, content=b"a=" + b"x" * 300_000)
        assert big.status_code == 403


def test_a_page_from_elsewhere_is_refused() -> None:
    with visitor() as client:
        form = client.post("/dead-letters", headers={"origin": "http://evil.example"})
        image = client.get("/", headers={"sec-fetch-site": "cross-site"})
        bound = client.get("/", headers={"host": "evil.example:8090"})

        assert (form.status_code, image.status_code, bound.status_code) == (403, 403, 421)


@pytest.mark.parametrize("path", ["/nothing", "/login", "/static/console.css", "/static/../app.py"])
def test_every_answer_forbids_what_no_page_needs(path: str) -> None:
    with visitor() as client:
        headers = (client.get(path)).headers

        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"QUINDEX_CONSOLE_HOST": "0.0.0.0"}, "QUINDEX_CONSOLE_TOKEN is not set"),  # noqa: S104  # that is the point
        ({"QUINDEX_CONSOLE_HOST": "::"}, "QUINDEX_CONSOLE_TOKEN is not set"),
        ({"QUINDEX_CONSOLE_TOKEN": "short"}, "shorter than 16 characters"),
    ],
)
def test_others_need_a_token_that_cannot_be_guessed(
    variables: dict[str, str], complaint: str
) -> None:
    with pytest.raises(SettingsInvalid, match=complaint):
        check_exposed(load_settings(variables, env_file=None))
    check_exposed(load_settings({"QUINDEX_CONSOLE_HOST": "127.0.0.1"}, env_file=None))
    check_exposed(load_settings({**variables, "QUINDEX_CONSOLE_TOKEN": TOKEN}, env_file=None))

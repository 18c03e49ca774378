"""Hostile codes and values are text: in the browser, on a terminal, in logs and in JSON."""

import json
from collections.abc import Iterator

import pytest

from stack.choose import Servers
from tests.eventually import eventually
from tests.integration.browsers import Looker, look
from tests.integration.consoles import WITHIN_S, Seen, open_seen, to_resource
from tests.ops.hostile import HOSTILE

pytestmark = [pytest.mark.stack, pytest.mark.faults]

SCRIPT = "<script>alert(1)</script>"
VALUES = [text for text in HOSTILE if "\ud800" not in text]  # which no JSON in UTF-8 can hold
FORMULA = "@SUM(1+1)|cmd"
OURS = 1  # scripts, images and frames of a page: the one script of the console's
SEARCH = ("search", "", "--size", "1000", "--json")
COMMANDS = [
    ("status",),
    ("status", "--json"),
    ("dead-letters", "list"),
    ("dead-letters", "list", "--json"),
    ("tail", "--since", "1h", "--no-follow"),
    ("tail", "--since", "1h", "--no-follow", "--json"),
    SEARCH,
    ("explain", "--", HOSTILE[0]),
    ("explain", "--json", "--", SCRIPT),
]


@pytest.fixture(scope="module")
def seen(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Hostile codes are announced, alone and in calls that are no notifications; values too."""
    with open_seen(servers, tmp_path_factory.mktemp("hostile")) as opened:
        for number, text in enumerate(HOSTILE):
            opened.call({"code": text, "resource": {"code": text, "type": "document"}})
            resource = {"code": text[:255], "type": "document"}
            opened.call({"uuid": f"u{number}", "code": "document.update", "resource": resource})
        for code, text in zip(opened.codes, VALUES, strict=False):
            opened.site.control("edit", code=code, locale="fr_FR", attributes={"name": text})
        opened.site.installation.start_worker()
        run = opened.command
        eventually(
            lambda: len(run("dead-letters", "list").splitlines()) >= len(HOSTILE),
            within_s=WITHIN_S,
        )
        eventually(lambda: FORMULA in run(*SEARCH), within_s=WITHIN_S)
        yield opened


async def open_and_check(looker: Looker, path: str) -> None:
    await looker.open(path)
    assert await looker.page.locator("script, img, iframe, object, embed").count() == OURS, path
    assert await looker.page.locator("[onerror], [onclick], [onload]").count() == 0, path


def test_in_the_browser(seen: Seen) -> None:
    async def examine() -> None:
        looker, payloads = await look(seen.context, seen.address), list[str]()
        looker.page.on("dialog", lambda dialog: looker.wrong.append(dialog.message))
        await open_and_check(looker, "/dead-letters")
        await looker.examine("hostile-dead-letters")
        for text in HOSTILE:
            await open_and_check(looker, to_resource(text))
        await open_and_check(looker, to_resource(SCRIPT))
        await looker.examine("hostile-resource")
        for code, text in zip(seen.codes, VALUES, strict=False):
            await open_and_check(looker, to_resource(code))
            if text.isprintable() and "<" not in text:  # tags are no part of a name
                await looker.wait_for(text[:60])
        await open_and_check(looker, f"/resources?q={seen.codes[0]}")
        await looker.examine("hostile-search")
        for line in seen.command("dead-letters", "list").splitlines():
            await open_and_check(looker, f"/dead-letter?id={line.split()[0]}")
            payloads.append(await looker.page.locator("#payload").inner_text())
        assert any(SCRIPT in payload for payload in payloads)
        await looker.examine("hostile-dead-letter")
        await looker.close()

    seen.run(examine())


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_on_a_terminal(seen: Seen, arguments: tuple[str, ...]) -> None:
    said = seen.command(*arguments)

    assert said
    assert {char for char in said if not char.isprintable()} <= {"\n"}
    if "--json" in arguments:
        for line in said.splitlines():
            json.loads(line)


def test_in_logs(seen: Seen) -> None:
    for log in sorted(seen.folder.glob("*.log")):
        text = log.read_text("utf-8")

        assert {char for char in text if not char.isprintable()} <= {"\n"}, log.name
        for line in text.splitlines():
            assert not line.startswith("{") or json.loads(line)

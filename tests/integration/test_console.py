"""The console in a real browser, on a running installation; the tests run in this order."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.choose import Servers
from stack.ports import HOST, free_port
from tests.eventually import eventually
from tests.integration.browsers import look, open_console
from tests.integration.consoles import WITHIN_S, Seen, open_seen, press_until, to_resource

pytestmark = [pytest.mark.stack, pytest.mark.faults]

NOT_FOUND = 404
FORBIDDEN = 403
TOKEN = "a-token-of-tests-and-no-secret"  # noqa: S105  # it guards nothing


@pytest.fixture(scope="module")
def seen(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    with open_seen(servers, tmp_path_factory.mktemp("console")) as opened:
        yield opened


def test_pages_are_well_while_everything_is_empty(seen: Seen) -> None:
    async def examine() -> None:
        looker = await look(seen.context, seen.address)
        await looker.open("/dead-letter?id=0/0", status=NOT_FOUND)
        await looker.wait_for("There is no such dead letter")
        await looker.examine("empty-dead-letter")
        await looker.close()
        await seen.examine_all("empty", ("resource", to_resource("nobody")))

    seen.run(examine())


def test_pages_are_well_and_live_while_everything_works(seen: Seen) -> None:
    site, code = seen.site, seen.codes[0]
    site.installation.start_worker()
    assert seen.command("backfill")
    site.assert_converges()

    async def watch_an_edit() -> None:
        looker = await look(seen.context, seen.address)
        await looker.open(to_resource(code))
        await looker.page.evaluate("window.isTheSame = true")
        await site.installation.control(
            "edit", code=code, locale="en_GB", attributes={"name": "Edited meanwhile"}
        )
        await looker.wait_for("Edited meanwhile")
        await looker.wait_for("document.update by webhook")
        assert await looker.page.evaluate("window.isTheSame")
        await looker.page.locator("#compare").click()
        await looker.wait_for("The PIM has it.")
        await looker.examine("normal-compared")
        await looker.close()

    seen.run(watch_an_edit())
    site.assert_converges()
    seen.run(seen.examine_all("normal", ("resource", to_resource(code))))


def test_a_resource_is_found_as_it_is_typed_by_keyboard_alone(seen: Seen) -> None:
    code = seen.codes[1]

    async def find() -> None:
        looker = await look(seen.context, seen.address)
        await looker.open("/")
        await looker.page.keyboard.press("/")
        await looker.page.keyboard.type(code)
        await looker.page.locator("#suggestions a", has_text=code).first.wait_for()
        await looker.examine("normal-suggestions")
        await looker.page.keyboard.press("ArrowDown")
        await looker.page.keyboard.press("Enter")
        await looker.page.wait_for_url(f"**{to_resource(code)}")
        await looker.wait_for("is up to date")
        await looker.close()

    seen.run(find())


def test_a_dead_letter_is_redriven_by_keyboard_alone(seen: Seen) -> None:
    site, code = seen.site, seen.codes[2]
    seen.set_aside(code)
    place = seen.command("dead-letters", "list").split()[0].replace("/", "-")
    before = site.ends(site.installation.topics.snapshots)

    async def redrive() -> None:
        looker = await look(seen.context, seen.address)
        await looker.open("/dead-letters")
        await looker.page.locator("tr", has_text=code).first.wait_for()
        await press_until(looker, "Tab", f"pick-{place}")
        await looker.page.keyboard.press("Space")
        await looker.examine("degraded-picked")
        await press_until(looker, "Shift+Tab", "redrive")
        await looker.page.keyboard.press("Enter")
        await looker.wait_for("1 redriven; looking again at 1 in the PIM.")
        await looker.wait_for("None is open.")
        await looker.close()

    seen.run(redrive())
    eventually(lambda: site.ends(site.installation.topics.snapshots) > before, within_s=WITHIN_S)


def test_pages_are_well_while_things_are_wrong(seen: Seen) -> None:
    seen.set_aside(seen.codes[3])
    for worker in seen.site.installation.workers:
        worker.stop()
    seen.site.control("edit", code=seen.codes[4])
    letter = seen.command("dead-letters", "list").split()[0]
    seen.run(
        seen.examine_all(
            "degraded",
            ("resource", to_resource(seen.codes[4])),
            ("dead-resource", to_resource(seen.codes[3])),
            ("dead-letter", f"/dead-letter?id={letter}"),
        )
    )


def test_pages_are_well_while_nothing_answers(seen: Seen, tmp_path: Path) -> None:
    away = {
        **seen.site.installation.variables,
        "QUINDEX_KAFKA": f"{HOST}:{free_port()}",
        "QUINDEX_ELASTICSEARCH": f"http://{HOST}:{free_port()}",
    }
    with open_console(away, tmp_path) as address:
        more = (("resource", to_resource("a")), ("dead-letter", "/dead-letter?id=0/0"))
        seen.run(seen.examine_all("error", *more, address=address))


def test_the_overview_shows_what_it_knows_while_elasticsearch_is_away(
    seen: Seen, tmp_path: Path
) -> None:
    async def examine(address: str) -> None:
        looker = await look(seen.context, address)
        await looker.open("/")
        await looker.wait_for("Elasticsearch does not answer")
        await looker.examine("error-half-overview")
        await looker.close()

    half = {"QUINDEX_ELASTICSEARCH": f"http://{HOST}:{free_port()}"}
    with open_console(seen.site.installation.variables | half, tmp_path) as address:
        seen.run(examine(address))


def test_the_token_is_asked_for(seen: Seen, tmp_path: Path) -> None:
    async def sign_in(address: str) -> None:
        looker = await look(seen.context, address)
        await looker.open("/dead-letters")
        await looker.examine("normal-login")
        await looker.page.keyboard.type(TOKEN)
        await looker.page.keyboard.press("Enter")
        await looker.wait_for("Complete up to")
        await looker.page.locator("#liveness", has_text="live").wait_for()
        await looker.close()

    variables = seen.site.installation.variables | {"QUINDEX_CONSOLE_TOKEN": TOKEN}
    with open_console(variables, tmp_path) as address:
        seen.run(sign_in(address))

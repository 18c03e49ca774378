"""Quable's own example of a notification, from the webhook call to the search."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import orjson
import pytest

from stack.choose import Servers
from tests.eventually import eventually
from tests.integration.sites import Site, open_site, read_records, to_installation

pytestmark = pytest.mark.stack

EXAMPLE = (Path(__file__).parent / "example_notification.json").read_bytes()
CODE = "product_blue_pant"
CALLS = 20


@dataclass(frozen=True, slots=True)
class Called:
    """The site after the calls, and how they went."""

    site: Site
    answers: list[httpx.Response]
    took_s: list[float]


@pytest.fixture(scope="module")
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("example")
    installation = to_installation(servers.kafka, servers.elasticsearch, folder, documents=20)
    with open_site(installation) as opened:
        yield opened


@pytest.fixture(scope="module")
def called(site: Site) -> Called:
    answers, took_s = [], []
    headers = {"Authorization": site.installation.authorization}
    with httpx.Client(headers=headers) as http:
        for _ in range(CALLS):
            began_s = time.perf_counter()
            answers.append(http.post(site.installation.webhook_url, content=EXAMPLE))
            took_s.append(time.perf_counter() - began_s)
    return Called(site, answers, took_s)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "webhook-secret"},
        {"Authorization": "Bearer webhook-secret2"},
        {"Authorization": "bearer webhook-secret"},
    ],
)
def test_a_call_without_the_right_secret_leaves_nothing_on_kafka(
    site: Site, headers: dict[str, str]
) -> None:
    before = site.positions()
    answer = httpx.post(site.installation.webhook_url, content=EXAMPLE, headers=headers)

    assert (answer.status_code, answer.content) == (401, b"")
    assert {where: at.end for where, at in site.positions().items()} == {
        where: at.end for where, at in before.items()
    }


def test_the_example_is_accepted_with_an_empty_body(called: Called) -> None:
    assert {(answer.status_code, answer.content) for answer in called.answers} == {(202, b"")}


def test_a_call_is_answered_within_a_tenth_of_a_second(called: Called) -> None:
    median_s, longest_s = statistics.median(called.took_s), max(called.took_s)
    print(f"median {1000 * median_s:.1f} ms, longest {1000 * longest_s:.1f} ms")  # noqa: T201  # a figure to look at

    assert median_s < 0.1


def test_a_record_is_the_body_byte_for_byte_under_the_code(called: Called) -> None:
    records = read_records(called.site, called.site.installation.topics.notifications)

    assert len(records) == CALLS
    assert {(record.key, record.value) for record in records} == {(CODE.encode(), EXAMPLE)}
    assert {dict(record.headers)["source"] for record in records} == {b"webhook"}


def test_the_example_can_be_searched_in_its_locales(called: Called) -> None:
    resource = called.site.look(f"resource?kind=document&id={CODE}")

    for locale in ("fr_FR", "en_GB"):
        eventually(partial(called.site.find, locale, CODE), within_s=60)
        (document,) = called.site.find(locale, CODE)
        assert document["name"] == resource["attributes"]["name"][locale]
        assert document["sync"]["notifications"] == CALLS


def test_the_example_is_quables() -> None:
    notification = orjson.loads(EXAMPLE)

    assert notification["resource"]["code"] == CODE
    assert notification["resource"]["locales"]["updated"] == ["fr_FR"]

import gzip

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.faults import Fault, FaultKind, Faults
from simulator.responses import (
    Answer,
    spoil,
    to_error_answer,
    to_json_answer,
    to_replacement,
)

ANSWER = Answer(200, b'{"id": "a"}', {"content-type": "application/ld+json"})


def test_a_fault_that_is_off_hits_nothing() -> None:
    assert Faults().draw("/api/documents") == {}


def test_a_fault_hits_only_paths_that_contain_its_own() -> None:
    faults = Faults()
    faults.set(FaultKind.STATUS, Fault(path="/documents"))

    assert faults.draw("/api/documents/a").keys() == {FaultKind.STATUS}
    assert faults.draw("/api/assets/a") == {}


@given(times=st.integers(1, 5), requests=st.integers(0, 10))
def test_a_fault_is_over_after_so_many_times(times: int, requests: int) -> None:
    faults = Faults()
    faults.set(FaultKind.STATUS, Fault(times=times))
    hits = sum(bool(faults.draw("/api/documents")) for _ in range(requests))

    assert hits == min(times, requests)
    assert [hits for _, _, hits in faults.on()] == [hits]


def test_a_share_hits_about_so_many() -> None:
    faults = Faults(seed=1)
    faults.set(FaultKind.STATUS, Fault(share=0.2))

    assert 150 < sum(bool(faults.draw("/api/documents")) for _ in range(1_000)) < 250


def test_faults_are_switched_off_one_by_one_or_all() -> None:
    faults = Faults()
    for kind in FaultKind:
        faults.set(kind, Fault())
    faults.clear(FaultKind.HUGE)
    assert FaultKind.HUGE not in faults.draw("/api/documents")
    faults.clear()

    assert faults.draw("/api/documents") == {}


@pytest.mark.parametrize(
    ("kind", "fault", "status", "media_type"),
    [
        (FaultKind.STATUS, Fault(status=403), 403, "application/ld+json"),
        (FaultKind.STATUS, Fault(status=502, html=True), 502, "text/html"),
        (FaultKind.THROTTLE, Fault(), 429, "application/ld+json"),
        (FaultKind.MAINTENANCE, Fault(), 200, "text/html"),
    ],
)
def test_some_faults_answer_in_place_of_the_api(
    kind: FaultKind, fault: Fault, status: int, media_type: str
) -> None:
    answer = to_replacement({kind: fault})

    assert answer is not None
    assert answer.status == status
    assert answer.headers["content-type"].startswith(media_type)
    assert "retry-after" not in answer.headers


def test_a_throttle_may_name_a_wait() -> None:
    answer = to_replacement({FaultKind.THROTTLE: Fault(retry_after_s=7)})

    assert answer is not None
    assert answer.headers["retry-after"] == "7"


def test_without_such_a_fault_the_api_answers() -> None:
    assert to_replacement({FaultKind.LATENCY: Fault()}) is None
    assert spoil(ANSWER, {}) == ANSWER
    assert to_error_answer(404).status == 404


def test_an_empty_list_says_that_it_is_whole_and_what_is_no_list_stays() -> None:
    listed = to_json_answer({"hydra:member": [{"id": 1}], "hydra:totalItems": 1, "@id": "x"})
    met = {FaultKind.EMPTY: Fault()}

    assert spoil(ANSWER, met) == ANSWER
    assert orjson.loads(spoil(listed, met).body) == {
        "hydra:member": [],
        "hydra:totalItems": 0,
        "hydra:view": {},
        "@id": "x",
    }


def test_a_truncated_answer_is_half_of_it() -> None:
    assert spoil(ANSWER, {FaultKind.TRUNCATED: Fault()}).body == b'{"id"'


def test_a_huge_answer_is_still_json_of_the_wanted_size() -> None:
    body = spoil(ANSWER, {FaultKind.HUGE: Fault(size_bytes=1_000)}).body

    assert len(body) == 1_000
    assert body.strip() == ANSWER.body


def test_a_gzip_bomb_is_small_until_it_is_unpacked() -> None:
    answer = spoil(ANSWER, {FaultKind.GZIP_BOMB: Fault(size_bytes=4 * 1024 * 1024)})

    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) < 20_000
    assert len(gzip.decompress(answer.body)) >= 4 * 1024 * 1024

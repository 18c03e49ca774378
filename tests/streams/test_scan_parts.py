"""The pure parts of scans: steps, their queue, pages, patience and budget."""

import pytest

from pim.kinds import Kind
from runtime.errors import (
    KafkaRefused,
    PimAnswerTooLarge,
    PimAnswerUnusable,
    PimUnauthorized,
    PimUnavailable,
    QuindexError,
)
from streams.scan_budget import DAY_S, CompareBudget
from streams.scan_pages import BEYOND_TOTAL_MAX, ScannedPage
from streams.scan_patience import AGAIN_MAX_S, AGAIN_MIN_S, UNUSABLE_MAX_S, Patience
from streams.scan_queue import WAIT_MAX_S, Pending, ScanQueue
from streams.scan_steps import Progress, next_step
from tests.streams.examples import Inbox
from topics.scans import ScanPhase, ScanPurpose, ScanRecord, fold_scans


def to_scan(purpose: ScanPurpose = ScanPurpose.RECONCILE, **fields: object) -> ScanRecord:
    given = {"id": "s", "purpose": purpose, "kind": Kind.DOCUMENT, "page": 3, "began_s": 0.0}
    return ScanRecord.model_validate(given | fields)


def step(scan: ScanRecord, **fields: object) -> ScanRecord:
    given: dict[str, object] = {
        "has_next": True,
        "total": 900,
        "deletes_seen": 0,
        "counted": {"resources": 100, "same": 300},
        "requests": 1,
        "now_s": 5.0,
    }
    return next_step(scan, **(given | fields))  # type: ignore[arg-type]  # names by types


def test_the_next_page_comes_next_and_counts_go_on() -> None:
    following = step(to_scan(resources=200, requests=2))

    assert (following.page, following.resources, following.requests) == (4, 300, 3)
    assert following.step == 1
    assert following.phase is ScanPhase.READING


def test_the_last_page_closes_the_scan() -> None:
    assert step(to_scan(), has_next=False).phase is ScanPhase.CLOSING


@pytest.mark.parametrize("moved", [{"deletes_seen": 1}, {"total": 899}])
def test_a_page_that_deletes_have_moved_is_read_again_with_the_one_before(
    moved: dict[str, object],
) -> None:
    assert step(to_scan(total=900), **moved).page == 2
    assert step(to_scan(total=900, page=1), **moved).page == 2


@pytest.mark.parametrize(("total", "page"), [(900, 6), (800, 6), (799, 5), (500, 3), (0, 1)])
def test_where_more_than_a_page_has_gone_as_many_are_read_again(total: int, page: int) -> None:
    assert step(to_scan(total=900, page=7), total=total, deletes_seen=1).page == page


def test_deletes_after_another_owner_has_taken_over_are_seen_though_its_count_is_lower() -> None:
    assert step(to_scan(deletes_seen=5), deletes_seen=1).page == 2


def test_what_is_read_again_counts_once() -> None:
    first = step(to_scan(page=1, resources=0))
    second = step(first)
    back = step(second, total=899)
    again = step(step(back, total=899), total=899)

    assert (first.same, second.same, back.same, again.same) == (300, 600, 300, 900)
    assert (back.page, back.resources, again.resources, again.page) == (2, 100, 300, 4)


def test_a_record_that_was_handled_is_dropped() -> None:
    progress = Progress()
    first = to_scan()
    progress.handled(first)

    assert not progress.is_new(first)
    assert progress.is_new(first.change())
    progress.clear()
    assert progress.is_new(first)


def test_a_record_of_the_log_says_that_those_before_it_were_handled() -> None:
    progress = Progress()
    scan = to_scan(step=5)
    progress.seen(scan)

    assert progress.is_new(scan)
    assert not progress.is_new(to_scan(step=4))
    progress.seen(to_scan(step=2))
    progress.handled(to_scan(step=3))
    assert not progress.is_new(to_scan(step=4))
    progress.seen(scan.change(phase=ScanPhase.DONE))
    assert not progress.is_new(scan.change())


def add(queue: ScanQueue, inbox: Inbox, *scans: ScanRecord) -> list[Pending]:
    added = [Pending(scan, inbox.receive(scan.to_json(), key=scan.key), 0.0) for scan in scans]
    for pending in added:
        queue.add(pending)
    return added


@pytest.mark.parametrize("steps", [(1, 2, 3), (3, 1, 2), (3, 3, 3)])
def test_of_a_scan_only_the_newest_record_is_held(steps: tuple[int, ...]) -> None:
    queue, inbox = ScanQueue(), Inbox()
    added = add(queue, inbox, *(to_scan(step=step) for step in steps))
    newest = max(added, key=lambda each: each.place)

    assert queue.choose(0.0) is newest
    assert len(queue) == 0
    assert newest.received.offset not in inbox.acknowledged
    assert len(inbox.acknowledged) == len(steps) - 1


def test_one_that_comes_again_while_it_is_done_is_let_go_of() -> None:
    queue, inbox = ScanQueue(), Inbox()
    first, _ = add(queue, inbox, to_scan(), to_scan(id="other"))
    assert queue.choose(0.0) is first
    add(queue, inbox, to_scan())
    queue.handled(first)
    queue.choose(0.0)

    assert inbox.acknowledged == [2]


def test_the_younger_scan_of_a_kind_is_moved_back_but_not_once_it_is_over() -> None:
    queue, inbox = ScanQueue(), Inbox()
    _, younger = add(queue, inbox, to_scan(), to_scan(id="younger", began_s=1.0))
    assert queue.behind(WAIT_MAX_S - 1) == []
    assert queue.behind(WAIT_MAX_S) == [younger]
    add(queue, inbox, younger.scan.change(phase=ScanPhase.CANCELLED))

    assert queue.behind(WAIT_MAX_S) == []
    assert not queue.holds(younger)
    queue.remove(younger)
    assert inbox.acknowledged == [2, 1]


def test_a_scan_that_waits_for_its_time_is_not_chosen() -> None:
    queue, inbox = ScanQueue(), Inbox()
    (pending,) = add(queue, inbox, to_scan())
    pending.not_before_s = 5.0

    assert queue.choose(4.0) is None
    assert queue.choose(5.0) is pending


def test_what_cannot_be_read_is_no_scan() -> None:
    whole = to_scan()

    assert fold_scans({whole.key: whole.to_json(), b"scan:x": b"{", b"document:a": b"{}"}) == [
        whole
    ]


@pytest.mark.parametrize(
    ("number", "page", "is_trouble"),
    [
        (2, ScannedPage([], has_next=False, total=100, requests=1), False),
        (2, ScannedPage([], has_next=False, total=101, requests=1), True),
        (2, ScannedPage([], has_next=False, total=101, requests=1, unreadable=1), False),
        (2, ScannedPage([], has_next=False, total=None, requests=1), False),
        (2, ScannedPage([], has_next=True, total=100, requests=1), False),
        (2 + BEYOND_TOTAL_MAX // 100, ScannedPage([], True, 100, 1), True),
    ],
)
def test_a_page_that_contradicts_its_list_is_not_believed(
    number: int, page: ScannedPage, is_trouble: bool
) -> None:
    assert (page.to_trouble(number) is not None) == is_trouble


def test_a_page_is_tried_again_less_and_less_often() -> None:
    patience, error = Patience(), PimUnavailable("503")

    pauses = [patience.failed(error, 0.0) for _ in range(6)]
    assert pauses == [AGAIN_MIN_S, 10.0, 20.0, 40.0, AGAIN_MAX_S, AGAIN_MAX_S]


@pytest.mark.parametrize("error", [PimAnswerUnusable("x"), PimAnswerTooLarge("x")])
def test_a_page_that_stays_unusable_ends_its_scan(error: QuindexError) -> None:
    patience = Patience()

    assert patience.failed(error, 0.0) is not None
    assert patience.failed(error, UNUSABLE_MAX_S - 1) is not None
    assert patience.failed(error, UNUSABLE_MAX_S) is None


@pytest.mark.parametrize(
    "error", [PimUnavailable("503"), PimUnauthorized("401", status=401), KafkaRefused("no")]
)
def test_what_a_person_mends_is_waited_for_without_end(error: QuindexError) -> None:
    patience = Patience()

    assert all(patience.failed(error, day * DAY_S) is not None for day in range(10))


def test_an_outage_in_between_begins_the_hour_anew() -> None:
    patience = Patience()
    patience.failed(PimAnswerUnusable("x"), 0.0)
    patience.failed(PimUnavailable("503"), 10.0)

    assert patience.failed(PimAnswerUnusable("x"), UNUSABLE_MAX_S) is not None
    assert patience.failed(PimAnswerUnusable("x"), 2 * UNUSABLE_MAX_S) is None


def test_reconciles_take_a_tenth_of_the_day_and_then_wait() -> None:
    budget = CompareBudget(daily_requests=100)
    scan = to_scan(requests=9)
    budget.note(scan, 0.0)
    assert budget.to_wait(scan, 1.0) is None
    more = scan.change(requests=10)
    budget.note(more, 7_200.0)

    assert budget.to_wait(more, 7_201.0) == DAY_S
    assert budget.to_wait(more, DAY_S) is None  # the first nine count no more


def test_what_a_record_says_is_counted_once_and_a_backfill_not_at_all() -> None:
    budget = CompareBudget(daily_requests=100)
    scan, backfill = to_scan(requests=9), to_scan(ScanPurpose.BACKFILL, requests=500)
    for each in (scan, scan, backfill):
        budget.note(each, 0.0)

    assert budget.to_wait(scan, 1.0) is None
    assert budget.to_wait(backfill, 1.0) is None
    budget.note(scan.change(requests=10, phase=ScanPhase.DONE), 2.0)
    assert budget.to_wait(to_scan(id="next"), 3.0) is not None

"""What quindex quota foretells, and how it says it."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ops.quota_forecast import HORIZON_S, Waiting, forecast, to_waiting
from ops.quota_table import QuotaView, WindowView, to_lines, to_object
from ops.quota_view import Count, count_pages
from ops.seen import Seen
from ops.terminal import to_json
from pim.kinds import Kind
from streams.quota import Quota, Window
from tests.streams.examples import to_due_record
from topics.due import Lane
from topics.scans import ScanPhase, ScanPurpose, ScanRecord

NOW_S = 1_700_000_000.0
PROCESS_LINE = (
    "process      5,000 resources wait: at least 100 requests of up to 50, done in 19 min"
    " (22:32:20 UTC)"
)
SPAN_S = 600.0


def to_quota(limit: int = 100, *, used: int = 0) -> Quota:
    quota = Quota((Window(limit=limit, span_s=SPAN_S), Window(limit=10 * limit, span_s=86_400)))
    quota.hold(NOW_S - 60, used)
    return quota


def to_view(quota: Quota, waiting: dict[Lane, Waiting] | None = None) -> QuotaView:
    short, long = quota.windows
    return QuotaView(
        now_s=NOW_S,
        share=0.8,
        pack_max=50,
        windows=(
            WindowView(SPAN_S, short.used(NOW_S), short.limit, 6_000),
            WindowView(86_400, long.used(NOW_S), long.limit, 300_000),
        ),
        lanes=forecast(quota, waiting or {}, NOW_S),
    )


def to_seen(code: str, lane: Lane) -> Seen:
    record = to_due_record(code, lane=lane)
    return Seen("t.due", 0, 0, NOW_S, record.key.encode(), record.to_json())


def to_scan(**fields: object) -> ScanRecord:
    given = {"id": "s", "purpose": ScanPurpose.BACKFILL, "kind": Kind.DOCUMENT, "page": 1}
    return ScanRecord.model_validate({**given, "began_s": NOW_S, **fields})


def test_what_the_quota_has_room_for_is_done_at_once() -> None:
    live, process, scan = forecast(to_quota(), {Lane.LIVE: Waiting(3, 0, 3)}, NOW_S)

    assert (live.free, live.done_s) == (100, NOW_S)
    assert (process.free, scan.free) == (80, 80)


def test_what_is_beyond_it_waits_until_slots_are_free() -> None:
    live, process, _ = forecast(
        to_quota(used=90), {Lane.LIVE: Waiting(20, 0, 20), Lane.PROCESS: Waiting(1, 0, 1)}, NOW_S
    )

    assert live.done_s == NOW_S - 60 + SPAN_S
    assert process.free == 0
    assert process.next_s == NOW_S - 60 + SPAN_S
    assert process.done_s == NOW_S - 60 + SPAN_S


def test_a_window_is_sent_per_span() -> None:
    _, process, _ = forecast(to_quota(), {Lane.PROCESS: Waiting(0, 0, 200)}, NOW_S)

    assert process.done_s == NOW_S + 2 * SPAN_S  # 80, 80, 40


def test_nobody_foretells_the_far_future() -> None:
    _, process, _ = forecast(to_quota(1), {Lane.PROCESS: Waiting(0, 0, 10**4)}, NOW_S)

    assert process.done_s is None


@given(
    st.integers(1, 30),
    st.integers(0, 60),
    st.dictionaries(st.sampled_from(Lane), st.integers(0, 200)),
)
def test_what_is_foretold_fits_the_windows(limit: int, used: int, wanted: dict[Lane, int]) -> None:
    quota = to_quota(limit, used=min(used, limit))
    found = forecast(quota, {lane: Waiting(n, 0, n) for lane, n in wanted.items()}, NOW_S)
    ends = [each.done_s for each in found if each.done_s is not None]

    for moment_s in sorted(ends):
        assert all(window.used(moment_s) <= window.limit for window in quota.windows)
    assert all(NOW_S <= end_s <= NOW_S + HORIZON_S for end_s in ends)


def test_packs_and_pages_are_requests() -> None:
    assert to_waiting(101, pages=3, pack_max=50) == Waiting(101, 3, 6)
    assert to_waiting(101, pack_max=1).requests == 101


def test_records_of_a_resource_are_one_in_its_most_urgent_lane() -> None:
    count = Count()
    for seen in (
        to_seen("a", Lane.PROCESS),
        to_seen("a", Lane.LIVE),
        to_seen("a", Lane.PROCESS),
        to_seen("b", Lane.PROCESS),
        Seen("t.due", 0, 0, NOW_S, b"document:c", b"?"),
        Seen("t.due", 0, 0, NOW_S, b"document:d", None),
        Seen("t.due", 0, 0, NOW_S, b"scan:s", to_scan(total=950, resources=400).to_json()),
    ):
        assert not count.add(seen)

    waiting = count.to_waiting(pack_max=50)
    assert waiting[Lane.LIVE] == Waiting(1, 0, 1)
    assert waiting[Lane.PROCESS] == Waiting(1, 0, 1)
    assert waiting[Lane.SCAN] == Waiting(0, 6, 6)


def test_a_scan_reads_at_least_one_more_page_until_it_is_over() -> None:
    assert count_pages(to_scan(total=None)) == 1
    assert count_pages(to_scan(total=100, resources=100)) == 1
    assert count_pages(to_scan(phase=ScanPhase.DONE)) == 0


def test_the_lines_say_both_windows_the_share_and_every_lane() -> None:
    view = to_view(
        to_quota(used=90),
        {Lane.LIVE: Waiting(1, 0, 1), Lane.PROCESS: Waiting(5_000, 0, 100), Lane.SCAN: Waiting()},
    )

    assert to_lines(view) == [
        "10 min       90 of 100 used (90%), 10 left",
        "24 h         90 of 1,000 used (9%), 910 left",
        "share        0.8 of the PIM's 6,000 in 10 min and 300,000 in 24 h",
        "live         1 resource waits: at least 1 request, for which the quota has room now",
        PROCESS_LINE,
        "scan         nothing waits; the next request may be sent in 9 min",
    ]


def test_an_idle_quota_says_what_may_be_sent() -> None:
    lines = to_lines(replace(to_view(to_quota()), is_whole=False))

    assert lines[3] == "live         nothing waits; 100 requests may be sent now"
    assert lines[-1].endswith("more waits than could be counted in time")


def test_json_holds_the_same() -> None:
    view = to_view(to_quota(used=90), {Lane.PROCESS: Waiting(5_000, 0, 100)})
    found = json.loads(to_json(to_object(view)))

    assert found["windows"][0] == {
        "seconds": 600.0,
        "used": 90,
        "limit": 100,
        "quota": 6_000,
        "used_ratio": 0.9,
    }
    assert found["share"] == 0.8
    assert found["lanes"]["process"]["resources"] == 5_000
    assert found["lanes"]["process"]["requests_min"] == 100
    assert found["lanes"]["process"]["done"] > NOW_S
    assert found["lanes"]["live"]["free"] == 10

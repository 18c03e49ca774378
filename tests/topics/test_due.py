"""Coalescing due records."""

from hypothesis import given
from hypothesis import strategies as st

from pim.kinds import Kind
from topics.due import UUIDS_MAX, DueRecord, Lane

LANES = list(Lane)

records = st.builds(
    DueRecord,
    kind=st.just(Kind.DOCUMENT),
    code=st.just("a"),
    lane=st.sampled_from(Lane),
    early=st.booleans(),
    delete=st.booleans(),
    partition=st.just(3),
    offset=st.integers(0, 100),
    notified_s=st.integers(0, 100).map(float),
    newest_s=st.integers(0, 100).map(float),
    notifications=st.integers(1, 9),
    uuids=st.lists(st.sampled_from("uvw"), max_size=15).map(tuple),
    locales=st.dictionaries(
        st.sampled_from(["fr_FR", "en_GB"]),
        st.tuples(st.integers(0, 50).map(float), st.integers(50, 100).map(float)),
    ),
)


@given(records, records)
def test_merging_unites_what_was_known(older: DueRecord, newer: DueRecord) -> None:
    merged = older.merge(newer)

    assert merged.lane is LANES[min(LANES.index(older.lane), LANES.index(newer.lane))]
    assert merged.early is (older.early and newer.early)
    assert merged.notified_s == min(older.notified_s, newer.notified_s)
    assert merged.newest_s == max(older.newest_s, newer.newest_s)
    assert merged.notifications == older.notifications + newer.notifications
    assert merged.uuids == (older.uuids + newer.uuids)[:UUIDS_MAX]
    assert merged.locales.keys() == older.locales.keys() | newer.locales.keys()
    for locale, (first_s, last_s) in merged.locales.items():
        known = [record.locales[locale] for record in (older, newer) if locale in record.locales]
        assert first_s == min(first for first, _ in known)
        assert last_s == max(last for _, last in known)


@given(records, records)
def test_the_newest_notification_decides_about_the_delete(
    older: DueRecord, newer: DueRecord
) -> None:
    merged = older.merge(newer)

    assert not merged.moved
    newest = older if newer.offset < older.offset else newer
    assert (merged.offset, merged.delete) == (newest.offset, newest.delete)


def test_of_two_partitions_the_later_record_is_the_newest() -> None:
    older = DueRecord(
        kind=Kind.DOCUMENT,
        code="a",
        lane=Lane.LIVE,
        partition=1,
        offset=900,
        notified_s=0,
        newest_s=0,
    )
    newer = older.model_copy(update={"partition": 2, "offset": 1, "delete": True})

    merged = older.merge(newer)

    assert (merged.partition, merged.offset, merged.delete) == (2, 1, True)
    assert merged.moved
    assert merged.merge(newer).moved

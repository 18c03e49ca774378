"""What lies on Kafka can be read again, and what cannot be read is a MalformedRecord."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim.kinds import Kind
from runtime.errors import MalformedRecord
from topics.control import EpochRecord, is_epoch
from topics.due import DueRecord, Lane
from topics.grants import GrantKind, GrantRecord
from topics.snapshots import Snapshot

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
seconds = st.floats(min_value=0, max_value=4e9, allow_nan=False)
offsets = st.integers(min_value=0, max_value=2**40 - 1)
moments = st.tuples(seconds, seconds)
locales = st.dictionaries(texts, moments, max_size=3)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)

due_records = st.builds(
    DueRecord,
    kind=st.sampled_from(Kind),
    code=texts,
    lane=st.sampled_from(Lane),
    early=st.booleans(),
    delete=st.booleans(),
    partition=st.integers(0, 11),
    offset=offsets,
    notified_s=seconds,
    newest_s=seconds,
    changed_s=st.none() | seconds,
    notifications=st.integers(1, 1_000),
    uuids=st.lists(texts, max_size=20).map(tuple),
    locales=locales,
)
snapshots = st.builds(
    Snapshot,
    kind=st.sampled_from(Kind),
    code=texts,
    version=st.integers(0, 2**63 - 1),
    partition=st.integers(0, 11),
    deleted=st.booleans(),
    fetched_s=seconds,
    notified_s=seconds,
    newest_s=seconds,
    lane=st.sampled_from(Lane).map(str),
    notifications=st.integers(1, 1_000),
    uuids=st.lists(texts, max_size=20).map(tuple),
    locales=st.dictionaries(texts, moments.map(list), max_size=3),
    resource=st.dictionaries(texts, json_values, max_size=3),
    names=st.dictionaries(texts, st.dictionaries(texts, texts, max_size=2), max_size=2),
)
epochs = st.builds(
    EpochRecord,
    epoch=st.integers(1, 2**23 - 1),
    topic_id=texts,
    partitions=st.integers(1, 100),
    raised_s=seconds,
    reason=texts,
)

grants = st.builds(
    GrantRecord,
    kind=st.sampled_from(GrantKind),
    owner=texts,
    requests=st.integers(0, 50),
    settles=st.none() | offsets,
    sent=st.integers(0, 50),
    running=st.integers(0, 50),
)

PARSERS: dict[str, Callable[[bytes], object]] = {
    "due": DueRecord.parse,
    "snapshot": Snapshot.parse,
    "epoch": EpochRecord.parse,
    "grant": GrantRecord.parse,
}
parsers = pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)


@given(due_records)
def test_a_due_record_can_be_read_again(record: DueRecord) -> None:
    assert DueRecord.parse(record.to_json()) == record


@given(snapshots)
def test_a_snapshot_can_be_read_again(snapshot: Snapshot) -> None:
    assert Snapshot.parse(snapshot.to_json()) == snapshot
    assert snapshot.key == f"{snapshot.kind}:{snapshot.code}"


@given(epochs)
def test_an_epoch_can_be_read_again(epoch: EpochRecord) -> None:
    assert EpochRecord.parse(epoch.to_json()) == epoch
    assert is_epoch(epoch.key)


@given(grants)
def test_a_grant_can_be_read_again(grant: GrantRecord) -> None:
    assert GrantRecord.parse(grant.to_json()) == grant


@parsers
@given(value=st.binary(max_size=30) | json_values.map(orjson.dumps))
def test_what_cannot_be_read_is_malformed_and_nothing_else(
    parse: Callable[[bytes], object], value: bytes
) -> None:
    with pytest.raises(MalformedRecord):
        parse(value)


VALID: dict[str, bytes] = {
    "due": DueRecord(
        kind=Kind.DOCUMENT,
        code="a",
        lane=Lane.LIVE,
        partition=0,
        offset=0,
        notified_s=0,
        newest_s=0,
    ).to_json(),
    "snapshot": Snapshot(
        kind=Kind.DOCUMENT,
        code="a",
        version=1,
        partition=0,
        deleted=False,
        fetched_s=0,
        notified_s=0,
        newest_s=0,
        lane="live",
    ).to_json(),
    "epoch": EpochRecord(1, "id", 12, 0.0, "why").to_json(),
    "grant": GrantRecord(GrantKind.GRANT, "owner", 1).to_json(),
}


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.data())
def test_a_record_with_one_wrong_field_is_read_or_malformed(name: str, data: st.DataObject) -> None:
    fields: dict[str, Any] = orjson.loads(VALID[name])
    field = data.draw(st.sampled_from(sorted(fields)))
    fields[field] = data.draw(json_values | st.just(1e300) | st.sampled_from(["document", "9"]))
    value = orjson.dumps(fields)

    try:
        PARSERS[name](value)
    except MalformedRecord:
        return


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("schema", [0, 2, None, "1"])
def test_another_schema_is_malformed(name: str, schema: object) -> None:
    value = orjson.dumps(orjson.loads(VALID[name]) | {"schema": schema})

    with pytest.raises(MalformedRecord):
        PARSERS[name](value)


@parsers
@pytest.mark.parametrize("value", [b"[" * 5_000, b'{"schema":1', b"\xff", b"", b"NaN"])
def test_hostile_bytes_are_malformed(parse: Callable[[bytes], object], value: bytes) -> None:
    with pytest.raises(MalformedRecord):
        parse(value)


@pytest.mark.parametrize("field", ["locales", "resource", "names"])
@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_a_snapshot_whose_objects_are_none_is_malformed(field: str, value: object) -> None:
    fields = orjson.loads(VALID["snapshot"]) | {field: value}

    with pytest.raises(MalformedRecord, match=field):
        Snapshot.parse(orjson.dumps(fields))


def test_a_due_record_of_a_later_version_of_this_schema_is_read() -> None:
    value = orjson.dumps(orjson.loads(VALID["due"]) | {"added_later": True})

    assert DueRecord.parse(value) == DueRecord.parse(VALID["due"])

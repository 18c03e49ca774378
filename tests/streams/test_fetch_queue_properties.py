"""What holds of the fetch queue in any order of events."""

from functools import reduce
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pim.kinds import Kind
from streams.fetch_queue import FetchQueue, Waiting
from tests.streams.examples import to_due_record
from topics.due import DueRecord, Lane

SAID: list[dict[str, Any]] = [
    {},
    {"created": True},
    {"delete": True},
    {"ours": True},
    {"ours": True},
    {"ours": True, "delete": True},
    {"partition": 1},
    {"created": True, "partition": 1},
    {"moved": True},
]
PLACES_MAX = 4  # the newest, what says that it is new, that it is gone, that it has moved


class QueueOfDueRecords(RuleBasedStateMachine):
    """Records come, fetches end well or not, partitions move; every receipt is settled once."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = FetchQueue[int]()
        self.now_s = 0.0
        self.receipts = 0
        self.waiting: dict[int, DueRecord] = {}  # by receipt
        self.settled: list[int] = []
        self.busy: list[Waiting[int]] = []
        self.zombies: list[Waiting[int]] = []  # fetched still, although partitions have moved

    def settle(self, *receipts: int) -> None:
        for receipt in receipts:
            assert self.waiting.pop(receipt, None) is not None
            self.settled.append(receipt)

    def settle_all(self, waiting: Waiting[int]) -> None:
        self.settle(waiting.receipt, *waiting.kept.receipts)

    def check_kept(self, waiting: Waiting[int]) -> None:
        """What is not acknowledged says all that is known: it alone comes again."""
        receipts = sorted([waiting.receipt, *waiting.kept.receipts])
        again = reduce(DueRecord.merge, (self.waiting[receipt] for receipt in receipts))
        known = waiting.record
        assert (again.created, again.delete) == (known.created, known.delete)
        assert again.moved is known.moved

    @rule(
        code=st.sampled_from("abc"),
        kind=st.sampled_from([Kind.DOCUMENT, Kind.ASSET]),
        lane=st.sampled_from(list(Lane)),
        held_s=st.sampled_from([0.0, 0.0, 2.0, 30.0]),
        said=st.sampled_from(SAID),
    )
    def add(self, code: str, kind: Kind, lane: Lane, held_s: float, said: dict[str, Any]) -> None:
        record = to_due_record(code, kind=kind, lane=lane, offset=self.receipts, **said)
        self.waiting[self.receipts] = record
        held_until_s = self.now_s + held_s if held_s else 0.0
        superseded = self.queue.add(
            record, self.receipts, now_s=self.now_s, held_until_s=held_until_s
        )
        self.receipts += 1
        assert all(self.waiting[receipt].key == record.key for receipt in superseded)
        self.settle(*superseded)

    @rule(count=st.integers(min_value=1, max_value=3))
    def take(self, count: int) -> None:
        first = self.queue.first()
        if first is None:
            return
        chosen = list(self.queue.waiting_with(first))[:count]
        assert chosen[0] is first
        assert {waiting.record.kind for waiting in chosen} == {first.record.kind}
        self.queue.take(chosen)
        self.busy += chosen
        keys = [waiting.key for waiting in self.busy]
        assert len(keys) == len(set(keys))

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        waiting = data.draw(st.sampled_from(self.busy))
        self.busy.remove(waiting)
        self.check_kept(waiting)
        self.settle_all(waiting)
        self.queue.done(waiting, now_s=self.now_s)

    @precondition(lambda self: self.busy)
    @rule(data=st.data(), held_s=st.sampled_from([0.0, 5.0]), failed=st.booleans())
    def put_back(self, data: st.DataObject, held_s: float, failed: bool) -> None:
        waiting = data.draw(st.sampled_from(self.busy))
        self.busy.remove(waiting)
        waiting.attempts += failed
        self.settle(
            *self.queue.put_back(waiting, now_s=self.now_s, held_until_s=self.now_s + held_s)
        )
        self.check_kept(waiting)

    @rule(seconds=st.sampled_from([0.5, 2.0, 30.0]))
    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.queue.release(self.now_s)
        next_s = self.queue.next_release_s()
        assert next_s is None or next_s > self.now_s

    @rule()
    def partitions_move(self) -> None:
        self.queue.clear()
        self.waiting.clear()
        self.zombies += self.busy
        self.busy.clear()

    @precondition(lambda self: self.zombies)
    @rule(well=st.booleans())
    def zombie_ends(self, well: bool) -> None:
        zombie = self.zombies.pop()
        if well:
            self.queue.done(zombie, now_s=self.now_s)
        else:
            assert self.queue.put_back(zombie, now_s=self.now_s, held_until_s=0) == []

    @invariant()
    def every_receipt_waits_in_one_place(self) -> None:
        assert len(self.queue) <= len(self.waiting) <= PLACES_MAX * len(self.queue)
        assert len(self.settled) == len(set(self.settled))

    @invariant()
    def nothing_more_urgent_is_passed_over(self) -> None:
        first, sizes = self.queue.first(), self.queue.sizes()
        urgent = next((lane for lane in Lane if sizes[lane]), None)
        assert (first and first.record.lane) == urgent

    def teardown(self) -> None:
        for waiting in self.busy:
            self.settle_all(waiting)
            self.queue.done(waiting, now_s=self.now_s)
        self.queue.release(self.now_s + 60)
        while (first := self.queue.first()) is not None:
            self.queue.take([first])
            self.check_kept(first)
            self.settle_all(first)
            self.queue.done(first, now_s=self.now_s)
        assert not self.waiting
        assert len(self.queue) == 0


test_every_receipt_is_settled_once = QueueOfDueRecords.TestCase

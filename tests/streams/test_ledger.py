"""The ledger: the rows of Faust's bug, and a property over any interleaving."""

from collections.abc import Iterable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from streams.ledger import Ledger


def held(offsets: Iterable[int]) -> Ledger:
    """Return a ledger to which *offsets* were delivered."""
    ledger = Ledger()
    for offset in offsets:
        ledger.deliver(offset)
    return ledger


def test_a_fresh_ledger_has_nothing_to_commit() -> None:
    assert Ledger().to_commit() is None
    assert Ledger().held == 0


def test_a_fresh_group_commits_nothing_past_its_first_held_record() -> None:
    ledger = held(range(6))

    ledger.acknowledge(5)

    assert ledger.to_commit() == 0  # where the group stands without a commit
    ledger.committed(0)
    assert ledger.to_commit() is None


def test_a_held_head_pins_the_offset() -> None:
    ledger = held([10, 11])

    ledger.acknowledge(11)

    assert ledger.to_commit() == 10  # what is committed already
    ledger.committed(10)
    assert ledger.to_commit() is None


def test_a_record_held_in_the_middle_pins_the_offset_however_often_it_is_asked() -> None:
    ledger = held([10, 11, 12])
    ledger.acknowledge(10)
    ledger.acknowledge(12)

    assert ledger.to_commit() == 11
    ledger.committed(11)
    assert ledger.to_commit() is None
    assert ledger.to_commit() is None


def test_the_record_after_a_compacted_gap_is_not_done_by_the_gap() -> None:
    ledger = held([10, 15, 16])
    ledger.acknowledge(10)
    ledger.acknowledge(16)

    assert ledger.to_commit() == 15


def test_a_gap_is_passed_once_the_record_after_it_is_acknowledged() -> None:
    ledger = held([10, 15])
    ledger.acknowledge(15)
    ledger.acknowledge(10)

    assert ledger.to_commit() == 16


def test_a_refused_commit_is_offered_again() -> None:
    ledger = held([10])
    ledger.acknowledge(10)

    assert ledger.to_commit() == 11
    assert ledger.to_commit() == 11  # the broker did not store it
    ledger.committed(11)
    assert ledger.to_commit() is None


def test_after_a_revoke_a_late_acknowledgement_moves_nothing() -> None:
    after_revoke = Ledger()

    after_revoke.acknowledge(14)  # 11 to 13 were held when the partition went away

    assert after_revoke.to_commit() is None


def test_acknowledging_twice_or_late_is_harmless() -> None:
    ledger = held([1, 2])
    ledger.acknowledge(1)
    ledger.acknowledge(1)

    assert ledger.to_commit() == 2
    ledger.acknowledge(1)  # it was let go of by now
    assert (ledger.to_commit(), ledger.held) == (2, 1)


def test_a_record_delivered_again_counts_once() -> None:
    ledger = held([1, 2, 1, 2])

    assert ledger.held == 2
    ledger.acknowledge(1)
    ledger.acknowledge(2)
    assert (ledger.to_commit(), ledger.held) == (3, 0)


def test_an_offset_that_was_never_delivered_is_ignored() -> None:
    ledger = held([10, 15])

    for never in (9, 12, 99):
        ledger.acknowledge(never)

    assert (ledger.to_commit(), ledger.held) == (10, 2)


def test_it_tells_how_far_it_has_come() -> None:
    ledger = held([10, 15, 16])
    ledger.acknowledge(10)
    ledger.acknowledge(16)
    ledger.acknowledge(16)

    assert (ledger.head, ledger.position, ledger.finished, ledger.stored) == (15, 17, 2, None)
    ledger.acknowledge(15)
    ledger.committed(17)
    assert (ledger.head, ledger.finished, ledger.stored) == (None, 3, 17)
    assert Ledger().position == 0


class LedgerOfAPartition(RuleBasedStateMachine):
    """A partition with gaps, a stage that acknowledges in any order, and a broker in any mood."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.end = 0  # one past the last record that was ever delivered
        self.stored = 0  # what the broker holds
        self.log: list[int] = []  # every record of the partition, gaps left out
        self.unacknowledged: set[int] = set()  # whose effect is not durable
        self.held: list[int] = []  # delivered in this generation, not acknowledged in it

    @rule(gap=st.integers(min_value=0, max_value=3))
    def deliver(self, gap: int) -> None:
        offset = self.end + gap
        self.end = offset + 1
        self.log.append(offset)
        self.unacknowledged.add(offset)
        self.held.append(offset)
        self.ledger.deliver(offset)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(self.held))
        self.held.remove(offset)
        self.unacknowledged.discard(offset)
        self.ledger.acknowledge(offset)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def deliver_again_without_a_rebalance(self, data: st.DataObject) -> None:
        self.ledger.deliver(data.draw(st.sampled_from(self.held)))

    @rule()
    def commit_stored(self) -> None:
        if (offset := self.ledger.to_commit()) is not None:
            self.ledger.committed(offset)
            self.stored = offset

    @rule()
    def commit_refused(self) -> None:
        if (offset := self.ledger.to_commit()) is not None:
            assert self.ledger.to_commit() == offset

    @rule()
    def revoke_and_deliver_again(self) -> None:
        self.ledger = Ledger()
        self.held = [offset for offset in self.log if offset >= self.stored]
        for offset in self.held:
            self.ledger.deliver(offset)

    @invariant()
    def never_passes_a_record_that_is_not_acknowledged(self) -> None:
        offered = self.ledger.to_commit()
        lowest = min(self.unacknowledged, default=self.end)
        assert self.stored <= lowest
        assert offered is None or offered <= lowest

    @invariant()
    def counts_what_is_held(self) -> None:
        assert self.ledger.held == len(self.held)

    def teardown(self) -> None:
        for offset in list(self.held):
            self.ledger.acknowledge(offset)
        self.commit_stored()
        assert self.stored == self.end
        assert self.ledger.held == 0


test_no_interleaving_commits_past_a_held_record = LedgerOfAPartition.TestCase

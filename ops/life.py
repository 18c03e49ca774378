"""What is known of one resource, from its notifications to its search documents: plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ops.letter import Letter
from pim.kinds import Kind
from topics.versions import to_end, to_epoch


@dataclass(frozen=True, slots=True)
class Announced:
    """A notification that the log still holds."""

    partition: int
    offset: int
    at_s: float
    event: str
    source: str
    uuid: str
    updated: Sequence[str] = ()
    inherited: Sequence[str] = ()
    in_process: bool = False
    not_before_s: float | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """
    A due record that the log still holds.

    *newest* is the offset of its newest notification, *newest_s* when that one was announced.
    """

    offset: int
    at_s: float
    lane: str
    early: bool
    partition: int  # of `notifications`: *newest* is an offset of this one
    newest: int
    newest_s: float
    notifications: int
    uuids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Fetched:
    """A snapshot that the log still holds."""

    partition: int
    offset: int
    version: int
    deleted: bool
    at_s: float  # when the PIM was asked
    notified_s: float
    lane: str
    notifications: int
    end_partition: int  # of `notifications`; the version's end offset is one of this partition
    uuids: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Indexed:
    """A search document, tombstones included."""

    locale: str
    version: int
    deleted: bool
    notified_s: float
    fetched_s: float
    indexed_s: float
    end_partition: int
    inherited: Sequence[str] = ()
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a resource waits in debounce, in seconds."""

    lead_s: float
    quiet_s: float
    delay_max_s: float
    process_quiet_s: float
    process_delay_max_s: float


@dataclass(frozen=True, slots=True)
class Life:
    """
    All that is known of one resource at one moment.

    *fetch_next* and *index_next* are the offsets from which on the stages have not acknowledged
    everything; *epoch* is the one that stands, None where it is not known; *in_pim* is None where
    the PIM was not asked.
    """

    now_s: float
    kind: Kind
    code: str
    locales: Sequence[str]
    waits: Waits
    announced: Sequence[Announced] = ()  # oldest first, as all of these
    due: Sequence[Due] = ()
    fetched: Sequence[Fetched] = ()
    indexed: Sequence[Indexed] = ()
    letters: Sequence[Letter] = ()
    fetch_next: int = 0
    index_next: int = 0
    epoch: int | None = None
    parked_s: float | None = None
    in_pim: bool | None = None
    waits_for: Mapping[str, str] = field(default_factory=dict)  # by stage
    stopped: Sequence[str] = ()  # stages
    workers: int | None = None
    partial: Sequence[str] = ()  # what could not be read whole

    @property
    def key(self) -> str:
        """kind:code."""
        return f"{self.kind.value}:{self.code}"

    @property
    def answered(self) -> Mapping[int, int]:
        """
        Up to which offset of its notifications fetches answer, by partition of `notifications`.

        Those from there on are open. Offsets start again, or keys move, with each epoch: an end of
        an older one says nothing of what is announced now.
        """
        versions = [(each.version, each.end_partition) for each in self.fetched]
        versions += [(each.version, each.end_partition) for each in self.indexed]
        newest = max([self.epoch or 0, *(to_epoch(version) for version, _ in versions)])
        ends: dict[int, int] = {}
        for version, partition in versions:
            if to_epoch(version) == newest:
                ends[partition] = max(ends.get(partition, 0), to_end(version))
        return ends

    @property
    def pending(self) -> list[Announced]:
        """Notifications that no due record and no fetch speaks of: they are in debounce."""
        answered = self.answered
        return [
            each
            for each in self.announced
            if each.offset >= answered.get(each.partition, 0)
            and not self._is_passed(each)
            and not self._is_dead(each)
        ]

    @property
    def pending_due(self) -> list[Due]:
        """Due records that no fetch has answered."""
        dead = {each.source.rpartition(" ")[2] for each in self.letters if each.stage == "fetch"}
        answered = self.answered
        return [
            each
            for each in self.due
            if each.offset >= self.fetch_next
            and each.newest >= answered.get(each.partition, 0)
            and f"0/{each.offset}" not in dead
        ]

    @property
    def pending_fetched(self) -> list[Fetched]:
        """Snapshots that are not written yet."""
        held = min((each.version for each in self.indexed), default=-1)
        if len(self.indexed) < len(self.locales):
            held = -1
        return [
            each for each in self.fetched if each.offset >= self.index_next and each.version > held
        ]

    @property
    def stale(self) -> list[Fetched]:
        """
        Snapshots that came after a newer one: the index has refused them, as it should.

        The last one counts also where the log does not hold the newer one any more.
        """
        held = max((each.version for each in self.indexed), default=-1)
        last = self.fetched[-1] if self.fetched else None
        newest, found = -1, []
        for each in self.fetched:
            is_refused = each is last and each.offset < self.index_next and each.version < held
            if each.version < newest or is_refused:
                found.append(each)
            newest = max(newest, each.version)
        return found

    def _is_passed(self, announced: Announced) -> bool:
        """A due record of a log that was made anew since has high offsets, but of older moments."""
        return any(
            due.partition == announced.partition
            and due.newest >= announced.offset
            and due.newest_s >= announced.at_s
            for due in self.due
        )

    def _is_dead(self, announced: Announced) -> bool:
        source = f"{announced.partition}/{announced.offset}"
        return any(
            letter.stage == "debounce" and letter.source.endswith(f" {source}")
            for letter in self.letters
        )


def to_shown(version: int) -> str:
    """Return a version as a person reads it: epoch.offset."""
    return f"{to_epoch(version)}.{to_end(version)}"

"""
Dead letters as an operator sees them: which resource, why, and whether it still matters.

A letter is *overtaken* once its resource was fetched and written after it. What was decided about a
letter lies in `control` (`letter/<partition>/<offset>`), since a log cannot be marked. It outlives
the topic `dead-letters`: one that was made about another letter at the same offset does not count.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from pim.kinds import Kind, parse_key
from pim.notifications import parse_notification
from runtime.errors import MalformedNotification
from topics.control import LETTER, LetterDecision, parse_letter_decision

UNKNOWN: Final = "unknown"
CLOCKS_DIFFER_MAX_S: Final = 300.0
"""How far the clocks of whoever decides and of whoever set aside are believed to be apart."""


class LetterState(StrEnum):
    """What became of a letter."""

    OPEN = "open"
    OVERTAKEN = "overtaken"
    """Its resource was written after it."""
    REDRIVEN = "redriven"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter; *kind* and *code* are those of its resource, where it names one."""

    partition: int
    offset: int
    at_s: float
    stage: str
    reason: str
    error: str
    source: str  # topic, partition and offset of the record that failed
    key: bytes | None
    value: bytes | None
    kind: Kind | None
    code: str | None
    state: LetterState = LetterState.OPEN

    @property
    def id(self) -> str:
        """partition/offset."""
        return f"{self.partition}/{self.offset}"

    @property
    def resource(self) -> str | None:
        """kind:code, if it can be looked at again."""
        return None if self.kind is None or self.code is None else f"{self.kind.value}:{self.code}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are meant; an empty field means: any."""

    codes: frozenset[str] = frozenset()
    reasons: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    since_s: float | None = None
    until_s: float | None = None
    all_states: bool = False

    def picks(self, letter: Letter) -> bool:
        """Whether a letter is meant."""
        return (
            (not self.codes or letter.code in self.codes)
            and (not self.reasons or letter.reason in self.reasons)
            and (not self.stages or letter.stage in self.stages)
            and (not self.ids or letter.id in self.ids)
            and (self.since_s is None or letter.at_s >= self.since_s)
            and (self.until_s is None or letter.at_s <= self.until_s)
            and (self.all_states or bool(self.ids) or letter.state is LetterState.OPEN)
        )


def to_letter(  # noqa: PLR0917  # the fields of a record, in their order
    partition: int,
    offset: int,
    appended_s: float,
    key: bytes | None,
    value: bytes | None,
    headers: Mapping[str, bytes],
) -> Letter:
    """Return a record of `dead-letters`; whatever it lacks is unknown."""
    texts = {name: raw.decode("utf-8", "replace") for name, raw in headers.items()}
    at_s = appended_s
    with suppress(KeyError, ValueError):
        at_s = float(texts["at"])
    topic = texts.get("topic", UNKNOWN)
    kind, code = _to_resource(topic, key, value)
    return Letter(
        partition=partition,
        offset=offset,
        at_s=at_s,
        stage=texts.get("stage", UNKNOWN),
        reason=texts.get("reason", UNKNOWN),
        error=texts.get("error", ""),
        source=f"{topic} {texts.get('partition', '?')}/{texts.get('offset', '?')}",
        key=key,
        value=value,
        kind=kind,
        code=code,
    )


def mark(
    letters: Iterable[Letter],
    *,
    decided: Mapping[str, LetterDecision],
    written_s: Mapping[str, float],
) -> list[Letter]:
    """
    Return the letters with their states, newest first.

    *decided* is what a person did, by the letter's id; *written_s* is when each resource was last
    fetched for all of its search documents, by kind:code.
    """
    marked = []
    for letter in letters:
        decision = decided.get(letter.id)
        if decision is not None and is_about(decision, letter):
            state = LetterState(decision.state)
        else:
            is_overtaken = written_s.get(letter.resource or "", 0.0) > letter.at_s
            state = LetterState.OVERTAKEN if is_overtaken else LetterState.OPEN
        marked.append(replace(letter, state=state))
    return sorted(marked, key=lambda letter: (-letter.at_s, letter.partition, -letter.offset))


def is_about(decision: LetterDecision, letter: Letter) -> bool:
    """Whether a decision was made about this letter, not about one that lay there before."""
    if decision.letter_at_s is not None:
        return decision.letter_at_s == letter.at_s
    return decision.at_s >= letter.at_s - CLOCKS_DIFFER_MAX_S


def fold_decided(
    records: Iterable[tuple[bytes | None, bytes | None]],
) -> dict[str, LetterDecision]:
    """Return what was decided about letters; takes all records of `control`, oldest first."""
    decided: dict[str, LetterDecision] = {}
    for key, value in records:
        if key is None or not key.startswith(LETTER):
            continue
        name = key.removeprefix(LETTER).decode("ascii", "replace")
        decided.pop(name, None)
        decision = parse_letter_decision(value)
        if decision is not None and decision.state in set(LetterState):
            decided[name] = decision
    return decided


def to_resources(letters: Sequence[Letter]) -> list[tuple[Kind, str]]:
    """Return the resources that letters concern, each once, in order."""
    found = [(each.kind, each.code) for each in letters if each.kind and each.code]
    return list(dict.fromkeys(found))


def _to_resource(
    topic: str, key: bytes | None, value: bytes | None
) -> tuple[Kind | None, str | None]:
    if key is None:
        return None, None
    text = _to_text(key)
    if topic.endswith(".notifications"):
        try:
            notification = parse_notification(value or b"")
        except MalformedNotification:
            return None, text
        return notification.kind, notification.code or text
    try:
        return parse_key(text)
    except ValueError:
        return None, text


def _to_text(key: bytes) -> str:
    try:
        return key.decode("utf-8", "surrogatepass")  # as keys are written
    except UnicodeDecodeError:
        return key.decode("utf-8", "replace")

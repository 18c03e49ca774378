"""
Whether the PIM's answer is older than the change that was announced. Without I/O.

Both moments are the PIM's own: `created_at` of the notification, and `dateModified` of the resource.
An older answer comes from a copy that lags, and the resource is looked at again later, a few times.
Whether every announced change touches `dateModified` is not documented, so the check learns: what
still looks old at the last look was a false alarm, and it acts only while those are few.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

LOOKS_AGAIN_S: Final = (5.0, 10.0, 20.0)
"""When a resource is looked at again, each after the look before."""
PASS_SHARE_MIN: Final = 0.9
ANSWERS_MIN: Final = 20
"""Fewer answers say nothing of what the PIM does."""
ANSWERS_MAX: Final = 1_000
DOUBTED_MAX: Final = 200
"""Resources that are being looked at again; further ones are believed meanwhile."""


@dataclass(slots=True)
class _Doubt:
    changed_s: float
    looks: int = 0


class StaleAnswers:
    """What the newest answers have shown, and which resources are being looked at again."""

    def __init__(self) -> None:
        self._passed: deque[bool] = deque(maxlen=ANSWERS_MAX)
        self._doubted: dict[str, _Doubt] = {}

    @property
    def is_trusted(self) -> bool:
        """Whether enough answers were as new as what they were asked for."""
        count = len(self._passed)
        return count >= ANSWERS_MIN and sum(self._passed) >= PASS_SHARE_MIN * count

    def judge(self, key: str, *, changed_s: float | None, modified_s: float | None) -> float | None:
        """
        Return after how many seconds the resource must be looked at again; None: not at all.

        *changed_s* is when the newest notification was made, if the PIM made it; both moments are
        to the second.
        """
        doubt = self._doubted.get(key)
        if doubt is not None:
            if changed_s is not None and changed_s > doubt.changed_s:
                doubt.changed_s, doubt.looks = changed_s, 0
            changed_s = doubt.changed_s
        if changed_s is None or modified_s is None:
            return None
        if modified_s >= int(changed_s):
            return self._settle(key, passed=True)
        if doubt is None:
            if not self.is_trusted or len(self._doubted) >= DOUBTED_MAX:
                return self._settle(key, passed=False)
            doubt = self._doubted[key] = _Doubt(changed_s)
        if doubt.looks == len(LOOKS_AGAIN_S):
            return self._settle(key, passed=False)
        doubt.looks += 1
        return LOOKS_AGAIN_S[doubt.looks - 1]

    def forget(self, key: str) -> None:
        """Doubt a resource no more: it is gone."""
        self._doubted.pop(key, None)

    def _settle(self, key: str, *, passed: bool) -> float | None:
        self._doubted.pop(key, None)
        self._passed.append(passed)
        return None

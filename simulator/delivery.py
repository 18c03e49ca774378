"""When a webhook call is tried again, and when Quable disables the webhook. Decides, sends nothing."""

from dataclasses import dataclass
from enum import StrEnum


class Counting(StrEnum):
    """
    What "the third consecutive failure" counts; Quable does not say.

    `notification`: the attempts of one notification. `webhook`: the attempts of all of them, so
    that three which fail together disable the webhook at once.
    """

    NOTIFICATION = "notification"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Rules:
    """Quable's rules; *time_scale* 60 makes the five minutes between attempts five seconds."""

    retries_max: int = 2
    retry_s: float = 300.0
    failures_max: int = 3
    counting: Counting = Counting.NOTIFICATION
    time_scale: float = 1.0


class DeliveryPolicy:
    """Keeps count of failures; every attempt's outcome is told to it, in the order they end."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.enabled = True
        self.failures_in_a_row = 0

    def succeeded(self) -> None:
        """Take note of an answer in the 200s within the time limit."""
        self.failures_in_a_row = 0

    def failed(self, *, attempts: int, now_s: float) -> float | None:
        """
        Take note of a failure; *attempts* counts those of this notification, this one included.

        Returns when to try it again, or None if it is given up. May disable the webhook.
        """
        self.failures_in_a_row += 1
        by_notification = self.rules.counting is Counting.NOTIFICATION
        counted = attempts if by_notification else self.failures_in_a_row
        if counted >= self.rules.failures_max:
            self.enabled = False
        if not self.enabled or attempts > self.rules.retries_max:
            return None
        return now_s + self.rules.retry_s / self.rules.time_scale

    def enable(self) -> None:
        """Enable the webhook again, as a person does; the count of failures starts anew."""
        self.enabled = True
        self.failures_in_a_row = 0

    def disable(self) -> None:
        """Disable the webhook, as a person does."""
        self.enabled = False

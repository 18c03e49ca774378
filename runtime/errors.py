"""
What can go wrong, sorted by what the caller does next.

    QuindexError
    ├── TransientError            the same call may succeed later: wait, try again
    │   ├── PimUnavailable        no answer, 429 or 5xx, or a page that is no data at all
    │   │   └── PimTimeout        no whole answer within the deadline
    │   ├── SinkUnavailable       Elasticsearch did not answer, or cannot take writes now
    │   └── KafkaUnavailable      the brokers cannot be reached
    ├── PermanentError            it never will: dead letter, or tell the operator
    │   ├── MalformedNotification the webhook body is not a notification
    │   ├── MalformedRecord       a record of our own topics cannot be read
    │   ├── RecordTooLarge        a topic does not take a record of this size
    │   ├── KafkaRefused          the brokers refuse us: a missing permission
    │   ├── PimAnswerUnusable     the PIM answered with something that is not what was asked for
    │   │   ├── PimAnswerTooLarge more bytes than a client takes: ask for less at a time
    │   │   └── PimFilterIgnored  a list of other resources: ask for each alone
    │   └── PimUnauthorized       401 or 403: the token is wrong or lacks a scope
    ├── MustRestart               the worker ends with exit code 70; started again, all is well
    └── OperatorError             a command cannot go on: printed without a traceback
        ├── SettingsInvalid       exit code 3
        ├── Unreachable           exit code 4
        └── Refused               exit code 5
"""


class QuindexError(Exception):
    """The root of all errors that quindex raises itself."""


class TransientError(QuindexError):
    """The same call may succeed later."""


class PermanentError(QuindexError):
    """The same call never succeeds; *reason* is a stable word for metrics and record headers."""

    reason = "permanent"


class PimUnavailable(TransientError):
    """The PIM did not answer, or answered 429 or 5xx."""

    def __init__(
        self, message: str, *, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class PimTimeout(PimUnavailable):
    """The PIM did not send its whole answer within the request's deadline."""


class SinkUnavailable(TransientError):
    """Elasticsearch did not answer, or cannot take writes now."""


class KafkaUnavailable(TransientError):
    """The brokers cannot be reached."""


class MalformedNotification(PermanentError):
    """The webhook body is not a notification."""

    reason = "malformed_notification"

    def __init__(self, message: str, *, reason: str = "malformed_notification") -> None:
        super().__init__(message)
        self.reason = reason


class MalformedRecord(PermanentError):
    """A record of our own topics cannot be read."""

    reason = "malformed_record"


class RecordTooLarge(PermanentError):
    """A topic does not take a record of this size."""

    reason = "record_too_large"


class KafkaRefused(PermanentError):
    """The brokers refuse us, and no try again mends that."""

    reason = "kafka_refused"


class PimAnswerUnusable(PermanentError):
    """
    The PIM answered with something that is not what was asked for.

    *status* is that of the answer where the status itself is the trouble: a redirect, a 4xx.
    """

    reason = "pim_answer_unusable"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class PimAnswerTooLarge(PimAnswerUnusable):
    """The PIM's answer has more bytes than a client takes."""

    reason = "pim_answer_too_large"


class PimFilterIgnored(PimAnswerUnusable):
    """The PIM answered a filtered list with resources that the filter excludes."""

    reason = "pim_filter_ignored"


class PimUnauthorized(PermanentError):
    """The PIM answered 401 or 403."""

    reason = "pim_unauthorized"

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class MustRestart(QuindexError):
    """
    The worker must end and be started again; nothing is lost.

    It ends with *exit_code*, and its supervisor starts it again.
    """

    exit_code = 70


class OperatorError(QuindexError):
    """
    A command cannot go on, and a person can mend it.

    The message says what happened, why, and what to do; it is printed without a traceback, and
    the command ends with *exit_code*.
    """

    exit_code = 1


class SettingsInvalid(OperatorError):
    """One or more settings are missing or wrong; the message lists all of them."""

    exit_code = 3


class Unreachable(OperatorError):
    """Something that the command needs does not answer."""

    exit_code = 4


class Refused(OperatorError):
    """The command would do harm as things stand."""

    exit_code = 5

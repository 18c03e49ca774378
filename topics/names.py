"""The names of all topics: {prefix}.{topic}."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TopicNames:
    """The topics of one installation; several share a cluster by their prefixes."""

    prefix: str

    @property
    def notifications(self) -> str:
        """Webhook calls as received, keyed by resource code."""
        return f"{self.prefix}.notifications"

    @property
    def due(self) -> str:
        """Resources to fetch, and pages of scans."""
        return f"{self.prefix}.due"

    @property
    def snapshots(self) -> str:
        """Everything the PIM held of a resource at one moment."""
        return f"{self.prefix}.snapshots"

    @property
    def reference(self) -> str:
        """What projection needs of other resources."""
        return f"{self.prefix}.reference"

    @property
    def audit(self) -> str:
        """Snapshots that were fetched only to be compared."""
        return f"{self.prefix}.audit"

    @property
    def dead_letters(self) -> str:
        """Records set aside with their reason."""
        return f"{self.prefix}.dead-letters"

    @property
    def quota(self) -> str:
        """Grants of requests to the PIM."""
        return f"{self.prefix}.quota"

    @property
    def control(self) -> str:
        """The epoch and other small facts that must outlive both stores."""
        return f"{self.prefix}.control"

    @property
    def processes(self) -> str:
        """What each process is doing, every few seconds."""
        return f"{self.prefix}.processes"

    @property
    def group(self) -> str:
        """The consumer group of the workers, which is also Faust's app id."""
        return self.prefix

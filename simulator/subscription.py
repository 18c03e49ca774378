"""Whom the webhook calls, and how."""

from pydantic import BaseModel, ConfigDict, Field

from simulator.delivery import Counting, Rules


class Subscription(BaseModel):
    """Where to call; *authorization* is sent verbatim; *events* empty means all of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "quindex"
    url: str | None = None
    authorization: str | None = None
    events: tuple[str, ...] = ()


class WebhookOptions(BaseModel):
    """How the calls are made; can be changed while notifications wait."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    time_scale: float = Field(default=1.0, gt=0)
    counting: Counting = Counting.NOTIFICATION
    timeout_s: float = Field(default=5.0, gt=0)
    in_flight_max: int = Field(default=8, ge=1)
    shuffle_s: float = Field(default=0.0, ge=0)
    """Each notification waits a random time up to this, so that their order is lost."""
    drop_share: float = Field(default=0.0, ge=0, le=1)
    """This share of notifications is never sent, though nobody disabled the webhook."""
    duplicate_share: float = Field(default=0.0, ge=0, le=1)
    """This share is sent once more after it was accepted, as if the answer had come too late."""

    def to_rules(self) -> Rules:
        """Return the rules that the pure policy decides by."""
        return Rules(counting=self.counting, time_scale=self.time_scale)

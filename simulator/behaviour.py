"""What of Quable is not documented, or differs between versions, and can be chosen."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class InheritanceMode(StrEnum):
    """How locales without a value of their own are shown; mixed: one of the three per resource."""

    MIXED = "mixed"
    SHOWN = "shown"
    NULL = "null"
    ABSENT = "absent"


class Addresses(StrEnum):
    """Which API the addresses in a notification belong to."""

    V4 = "v4"
    V5 = "v5"


class Behaviour(BaseModel):
    """
    The choices between readings of the documentation; they can be changed while it runs.

    *id_filter* off means that lists silently ignore `id[]`, as API Platform does with a filter
    it does not know.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id_filter: bool = True
    inheritance: InheritanceMode = InheritanceMode.MIXED
    subresources_max: int = Field(default=100, ge=1)
    addresses: Addresses = Addresses.V5
    process_in_notifications: bool = True
    process_in_cascades: bool = True
    cascades_modify: bool = False
    """Whether what a cascade announces gets a new `dateModified` too."""
    variants_announced: bool = True
    """Whether the variants that go with a deleted document get a `variant.delete` each."""

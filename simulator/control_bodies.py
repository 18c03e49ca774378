"""What the control API takes, checked; a field that does not exist is refused."""

from typing import Annotated

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from pim.kinds import Kind, to_kind
from simulator.instance import Author
from simulator.notifications import Process
from simulator.quota import QUABLE_WINDOWS, Quota, Window
from simulator.schema import LINK_RELATED

BULK_MAX = 200_000
"""Edits of one bulk edit or import."""


def _parse_kind(value: object) -> object:
    return (to_kind(value) or value) if isinstance(value, str) else value


AnyKind = Annotated[Kind, BeforeValidator(_parse_kind)]
"""A kind under any of Quable's names, such as media or sku."""


class Body(BaseModel):
    """Fields that every change has; a *silent* one is announced to nobody."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    locale: str | None = None
    user: str = "john_doe"
    silent: bool = False

    def to_author(self, process: Process | None = None) -> Author:
        """Return who makes the change."""
        return Author(self.user, process, self.silent)


class EditBody(Body):
    """An edit; of any resource if it names none, of the name if there are no attributes."""

    kind: AnyKind = Kind.DOCUMENT
    code: str | None = None
    attributes: dict[str, object] | None = None


class CreateBody(EditBody):
    """A creation; *parent* is a variant's document or a classification's parent."""

    parent: str | None = None


class ResourceBody(Body):
    """A deletion or re-creation."""

    kind: AnyKind = Kind.DOCUMENT
    code: str | None = None


class RenameBody(Body):
    """A classification's new name."""

    code: str | None = None
    name: str | None = None


class RelabelBody(Body):
    """A predefined value's new label; *id* is composite: attribute=color;code=red."""

    id: str
    label: str | None = None


class LinkBody(Body):
    """A link from a document to a document or an asset."""

    origin: str
    target: str
    target_kind: AnyKind = Kind.DOCUMENT
    link_type: str = LINK_RELATED


class UnlinkBody(Body):
    """The deletion of a link."""

    id: str


class BulkEditBody(Body):
    """
    A bulk edit of so many documents (the first by code) or of those named.

    Each is edited *repeat* times, so each gets as many notifications, round after round; without
    *finish* the process never ends. *process* is the id of one that goes on; None begins one.
    """

    documents: int | list[str] = 100
    repeat: int = Field(default=1, ge=1, le=100)
    attributes: dict[str, object] | None = None
    finish: bool = True
    process: str | None = None


class ImportBody(Body):
    """An import that creates documents and updates the first ones by code."""

    create: int = Field(default=0, ge=0, le=BULK_MAX)
    update: int = Field(default=0, ge=0, le=BULK_MAX)
    prefix: str = "imported"
    finish: bool = True


class AnnounceBody(BaseModel):
    """Any call to the webhook, with any body; *repeat* makes it so many, each with its uuid."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    body: dict[str, object]
    repeat: int = Field(default=1, ge=1, le=BULK_MAX)

    @field_validator("body")
    @classmethod
    def _can_be_sent(cls, value: dict[str, object]) -> dict[str, object]:
        try:
            orjson.dumps(value)
        except TypeError as error:  # a number beyond 64 bits
            raise ValueError(f"cannot be sent: {error}") from error
        return value


class WindowBody(BaseModel):
    """A sliding window of the quota."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_max: int = Field(ge=0)
    window_s: float = Field(gt=0)


class QuotaBody(BaseModel):
    """The quota; none at all with an empty list of windows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    windows: list[WindowBody] = [
        WindowBody(requests_max=window.requests_max, window_s=window.window_s)
        for window in QUABLE_WINDOWS
    ]
    refused_count: bool = False
    retry_after: bool = True
    html: bool = False

    def to_quota(self) -> Quota:
        """Return the quota, with nothing used."""
        windows = [Window(each.requests_max, each.window_s) for each in self.windows]
        return Quota(
            windows,
            refused_count=self.refused_count,
            retry_after=self.retry_after,
            html=self.html,
        )

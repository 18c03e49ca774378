"""What Quable holds: resources, links, predefined values and the attributes that describe them."""

from dataclasses import dataclass, field
from enum import StrEnum

from pim.kinds import Kind

Scalar = str | int | float | bool
Value = Scalar | dict[str, str] | list[str]
"""A bare scalar, own texts by locale, or the ids of predefined values."""

REVISION = "sim_revision"
"""The attribute that counts the edits of each resource; a bare number."""

ResourceKey = tuple[Kind, str]
"""Kind and code."""


class AttributeType(StrEnum):
    """The type names that `/api/attributes` gives."""

    TEXT = "text"
    MULTILINE_TEXT = "multiline_text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    PREDEFINED_SINGLE = "predefined_single"
    PREDEFINED_MULTIPLE = "predefined_multiple"


@dataclass(frozen=True, slots=True)
class Attribute:
    """A field that some resources may have: *owners* are document types, or kinds but document."""

    code: str
    type: AttributeType
    owners: tuple[str, ...]
    translatable: bool = False
    choices_of: str | None = None
    """The attribute whose predefined values are the choices; of a selection list only."""
    bare: bool = False
    """Whether a single choice is shown as an object; which of both Quable does is not known."""

    @property
    def multiple(self) -> bool:
        """Whether a resource may hold several of the choices."""
        return self.type is AttributeType.PREDEFINED_MULTIPLE


@dataclass(slots=True)
class Resource:
    """A document, variant, asset or classification."""

    kind: Kind
    code: str
    legacy_id: int
    created_s: float
    modified_s: float
    values: dict[str, Value] = field(default_factory=dict)
    name: dict[str, str] = field(default_factory=dict)  # of assets and classifications
    document_type: str | None = None
    attribute_set: str | None = None
    classifications: list[str] = field(default_factory=list)
    parent: str | None = None  # a variant's document, a classification's parent
    active: bool = True
    revision: int = 1

    @property
    def key(self) -> ResourceKey:
        """Kind and code: the same code may exist under two kinds."""
        return self.kind, self.code

    @property
    def owner(self) -> str:
        """What its attributes belong to: its document type, or its kind."""
        return self.document_type or self.kind.value


@dataclass(frozen=True, slots=True)
class Link:
    """A typed, directed link from a document to a document or an asset."""

    id: str
    link_type: str
    origin: str
    target: str
    target_kind: Kind
    sequence: int
    created_s: float

    @property
    def ends(self) -> tuple[ResourceKey, ResourceKey]:
        """The two resources that show this link."""
        return (Kind.DOCUMENT, self.origin), (self.target_kind, self.target)


@dataclass(slots=True)
class PredefinedValue:
    """A choice of a selection list; its id is composite, as in Quable."""

    attribute: str
    code: str
    labels: dict[str, str]
    created_s: float
    modified_s: float
    revision: int = 1

    @property
    def id(self) -> str:
        """For example `attribute=color;code=red`."""
        return to_value_id(self.attribute, self.code)


def to_value_id(attribute: str, code: str) -> str:
    """Return the id of a predefined value."""
    return f"attribute={attribute};code={code}"

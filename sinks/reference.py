"""What is known of attributes and classifications, as the topic `reference` tells it."""

from collections.abc import Mapping

from runtime.errors import MalformedRecord
from runtime.logs import get_logger
from sinks.attribute_types import AttributeType, to_attribute_type
from topics.reference import AttributeRecord, ClassificationRecord, Gone, parse_reference

log = get_logger(__name__)


class Reference:
    """
    Grows record by record, oldest first; who holds its mappings sees them change.

    Of a key that comes twice the later one counts.
    """

    def __init__(self) -> None:
        self.type_names: dict[str, str] = {}
        self.classifications: dict[str, ClassificationRecord] = {}
        self._types: dict[str, AttributeType] = {}

    @property
    def types(self) -> Mapping[str, AttributeType]:
        """Types by attribute code, of those whose type name is understood."""
        return self._types

    def apply(self, key: bytes | None, value: bytes | None) -> None:
        """Take a record; one that cannot be read changes nothing."""
        try:
            record = parse_reference(key, value)
        except MalformedRecord as error:
            log.warning("reference.unreadable", error=str(error))
            return
        match record:
            case AttributeRecord():
                self._define(record)
            case ClassificationRecord():
                self.classifications[record.code] = record
            case Gone(code=code, is_attribute=True):
                self.type_names.pop(code, None)
                self._types.pop(code, None)
            case Gone(code=code):
                self.classifications.pop(code, None)

    def _define(self, record: AttributeRecord) -> None:
        self.type_names[record.code] = record.type_name
        type_ = to_attribute_type(record.type_name)
        if type_ is None:
            self._types.pop(record.code, None)
        else:
            self._types[record.code] = type_

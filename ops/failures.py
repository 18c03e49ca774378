"""Failures of the servers, as errors that say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import KafkaError as AiokafkaError
from elasticsearch import ApiError, TransportError
from kafka.errors import KafkaError

from ops.connections import kafka_unreachable
from runtime.errors import OperatorError, PimUnauthorized, PimUnavailable, Unreachable
from runtime.settings import Settings
from sinks.cluster_errors import to_operator_error, to_unreachable


@contextmanager
def said_plainly(settings: Settings) -> Iterator[None]:
    """
    Turn what clients raise inside the block into one line for an operator.

    Raises:
        OperatorError: something does not answer, or refuses us; says what to do.
    """
    try:
        yield
    except (AiokafkaError, KafkaError) as error:
        raise kafka_unreachable(settings, error) from error
    except ApiError as error:
        raise to_operator_error(error) from error
    except TransportError as error:
        raise to_unreachable(error) from error
    except PimUnavailable as error:
        raise Unreachable(f"The PIM at {settings.pim_url} does not answer: {error}") from error
    except PimUnauthorized as error:
        raise OperatorError(
            f"The PIM at {settings.pim_url} refused the token with {error.status}. "
            "Is QUINDEX_PIM_TOKEN right?"
        ) from error

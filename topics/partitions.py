"""Which partition a key belongs to: Kafka's default partitioner, as every client has it."""

from kafka.partitioner.default import murmur2


def to_partition(key: bytes, partitions: int) -> int:
    """Return the partition that Kafka's clients append a record with this key to."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pim.bodies import BodyReader
from runtime.errors import PimAnswerTooLarge, PimUnavailable

MEGABYTE = 1024 * 1024


def read(chunks: list[bytes], *, encoding: str = "", max_bytes: int = MEGABYTE) -> bytes:
    reader = BodyReader(encoding=encoding, max_bytes=max_bytes)
    for chunk in chunks:
        reader.feed(chunk)
    return reader.finish()


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(st.binary(max_size=500), st.integers(min_value=1, max_value=60))
def test_a_body_is_the_same_however_it_comes(body: bytes, size: int) -> None:
    assert read(cut(body, size), encoding="identity") == body
    assert read(cut(gzip.compress(body), size), encoding=" GZIP ") == body


@given(st.binary(min_size=1, max_size=500), st.integers(min_value=1, max_value=600))
def test_a_body_may_have_as_many_bytes_as_allowed_and_no_more(body: bytes, max_bytes: int) -> None:
    for encoding, wire in (("", body), ("gzip", gzip.compress(body))):
        if len(body) <= max_bytes:
            assert read([wire], encoding=encoding, max_bytes=max_bytes) == body
        else:
            with pytest.raises(PimAnswerTooLarge):
                read([wire], encoding=encoding, max_bytes=max_bytes)


def test_a_bomb_is_never_unpacked() -> None:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    bomb = b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(20)) + packer.flush()

    with pytest.raises(PimAnswerTooLarge):
        read([bomb], encoding="gzip")


@pytest.mark.parametrize("length", [0, 5, 12, 40])
def test_a_compressed_body_that_is_cut_short_is_no_body(length: int) -> None:
    with pytest.raises(PimUnavailable, match="cut short"):
        read([gzip.compress(bytes(range(256)))[:length]], encoding="gzip")


def test_broken_compression_is_transient() -> None:
    with pytest.raises(PimUnavailable, match="decompressed"):
        read([b"<html>"], encoding="gzip")


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "canary"])
def test_a_compression_that_was_not_asked_for_is_transient(encoding: str) -> None:
    with pytest.raises(PimUnavailable, match="not asked for"):
        read([b"x"], encoding=encoding)


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5), st.integers(1, 40))
def test_compressed_parts_are_joined(parts: list[bytes], size: int) -> None:
    wire = b"".join(gzip.compress(part) for part in parts)

    assert read(cut(wire, size), encoding="gzip") == b"".join(parts)


def test_a_bomb_in_small_parts_is_never_unpacked() -> None:
    bomb = gzip.compress(b"{}") + gzip.compress(bytes(MEGABYTE // 4)) * 200

    with pytest.raises(PimAnswerTooLarge):
        read([bomb], encoding="gzip")


def test_a_bomb_is_unpacked_in_small_steps() -> None:
    bomb = gzip.compress(bytes(64 * MEGABYTE))
    reader = BodyReader(encoding="gzip", max_bytes=4 * MEGABYTE)
    tracemalloc.start()
    try:
        with pytest.raises(PimAnswerTooLarge):
            reader.feed(bomb)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < 8 * MEGABYTE
    assert reader.size_bytes <= 4 * MEGABYTE

"""Files of the spool that are cut at any byte, or have a bit flipped: only that row is lost."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from ingress.frames import scan_frames, to_frame
from ingress.homes import take_home
from tests.ingress.examples import NAMES, to_accepted
from tests.ingress.test_drain import Bench, bench

SALT = 0x0BADCAFE
ROWS = 5
EVERY = 7
"""Bits that are passed over between two that are flipped; test_frames.py flips each of them."""


def to_rows(segment: int) -> list[bytes]:
    """Return rows whose codes say in which segment they lie, and where in it."""
    return [to_accepted(f"{segment}.{row}").to_row() for row in range(ROWS)]


def to_file(segment: int) -> bytes:
    return b"".join(to_frame(row, SALT) for row in to_rows(segment))


def lay(root: Path, files: Sequence[bytes]) -> None:
    """Leave the files in a folder, as a process does that died."""
    home = take_home(root)
    for number, data in enumerate(files):
        name = f"{1_700_000_000_000 + number:015d}-{number:06d}-{SALT:08x}.log"
        (home.folder / name).write_bytes(data)
    home.release()


async def drain_all(it: Bench) -> set[str]:
    """Bring all to Kafka; return the codes that came, but for the mark's."""
    await it.drain_all()
    codes = [code for code in it.codes() if code != "quindex.mark"]
    assert len(codes) == len(set(codes))
    return set(codes)


def test_cut_at_every_byte_of_the_last_three_rows_the_rows_before_arrive(tmp_path: Path) -> None:
    ends = [piece.end for piece in scan_frames(to_file(0), SALT)]
    size = len(to_file(0))
    cuts = range(ends[ROWS - 4], size)  # the codes of all segments below are longer
    files, arriving, torn = [], set(), 0
    for number, cut in enumerate(cuts):
        data = to_file(number)[:cut]
        whole = [piece.end for piece in scan_frames(to_file(number), SALT) if piece.end <= cut]
        files.append(data)
        arriving |= {f"{number}.{row}" for row in range(len(whole))}
        torn += cut != whole[-1]
    lay(tmp_path, files)

    async def test() -> None:
        async with bench(tmp_path) as it:
            assert await drain_all(it) == arriving
            letters = it.kafka.of(NAMES.dead_letters)
            assert len(letters) == torn
            assert {letter.headers["reason"] for letter in letters} == {b"spool_damaged"}
            assert "quindex.mark" in it.codes()  # so a reconcile makes up for it

    asyncio.run(test())


def test_with_a_bit_of_a_row_flipped_only_that_row_is_lost_and_is_reported(
    tmp_path: Path,
) -> None:
    third = list(scan_frames(to_file(0), SALT))[2]
    bits = range(0, (third.end - third.start) * 8, EVERY)
    files, arriving, damaged = [], set(), set()
    for number, bit_of_row in enumerate(bits):
        data = bytearray(to_file(number))
        piece = list(scan_frames(bytes(data), SALT))[2]
        bit = piece.start * 8 + bit_of_row
        data[bit // 8] ^= 1 << bit % 8
        files.append(bytes(data))
        arriving |= {f"{number}.{row}" for row in range(ROWS) if row != 2}
        damaged.add(bytes(data[piece.start : piece.end]))
    lay(tmp_path, files)

    async def test() -> None:
        async with bench(tmp_path) as it:
            assert await drain_all(it) == arriving
            letters = it.kafka.of(NAMES.dead_letters)
            assert {letter.value for letter in letters} == damaged
            assert len(letters) == len(bits)

    asyncio.run(test())

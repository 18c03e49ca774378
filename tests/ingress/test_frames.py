"""Damage costs the damaged row only."""

from hypothesis import given
from hypothesis import strategies as st

from ingress.frames import MAGIC, scan_frames, to_frame
from tests.ingress.examples import to_accepted

SALT = 0x5A17
ROWS = [to_accepted(code, uuid=code).to_row() for code in ("a", "b", "c", "d", "e")]
DATA = b"".join(to_frame(row, SALT) for row in ROWS)


def read(data: bytes, start: int = 0) -> list[bytes]:
    return [piece.row for piece in scan_frames(data, SALT, start) if piece.row is not None]


@given(st.lists(st.binary(max_size=100), max_size=10))
def test_rows_come_back_in_order(rows: list[bytes]) -> None:
    assert read(b"".join(to_frame(row, SALT) for row in rows)) == rows


def test_cut_at_every_byte_all_rows_before_the_cut_are_read() -> None:
    ends = [piece.end for piece in scan_frames(DATA, SALT)]
    for cut in range(len(DATA)):
        whole = sum(end <= cut for end in ends)
        pieces = list(scan_frames(DATA[:cut], SALT))

        assert [piece.row for piece in pieces if piece.row is not None] == ROWS[:whole]
        is_torn = cut not in {0, *ends}
        assert (pieces != [] and pieces[-1].row is None) == is_torn


def test_each_flipped_bit_of_a_row_costs_that_row_and_is_reported() -> None:
    pieces = list(scan_frames(DATA, SALT))
    third = pieces[2]
    for bit in range(third.start * 8, third.end * 8):
        damaged = bytearray(DATA)
        damaged[bit // 8] ^= 1 << bit % 8

        found = list(scan_frames(bytes(damaged), SALT))
        assert [piece.row for piece in found if piece.row is not None] == [*ROWS[:2], *ROWS[3:]]
        broken = [(piece.start, piece.end) for piece in found if piece.row is None]
        assert broken == [(third.start, third.end)]


def test_reading_goes_on_where_it_stood() -> None:
    pieces = list(scan_frames(DATA, SALT))

    assert read(DATA, pieces[1].end) == ROWS[2:]


def test_a_body_that_holds_a_frame_is_one_row() -> None:
    inner = to_frame(b"inner", SALT + 1)  # whoever sends it does not know the salt
    frame = bytearray(to_frame(b"outer" + inner, SALT))
    assert read(bytes(frame)) == [b"outer" + inner]

    frame[13] ^= 1
    assert read(bytes(frame)) == []


def test_magic_at_the_very_end_is_damage() -> None:
    assert [piece.row for piece in scan_frames(MAGIC, SALT)] == [None]


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=5))
def test_every_byte_lies_in_exactly_one_piece(noise: bytes, cuts: list[int]) -> None:
    data = bytearray(DATA)
    for cut in cuts:
        data[cut:cut] = noise
    position = 0
    for piece in scan_frames(bytes(data), SALT):
        assert piece.start == position < piece.end
        position = piece.end
    assert position == len(data)

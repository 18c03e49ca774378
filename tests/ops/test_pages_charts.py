"""Charts of the last hour: what is drawn, and what is said of it."""

from hypothesis import given
from hypothesis import strategies as st

from ops.pages.charts import HEIGHT, MINUTES, WIDTH, Point, to_chart, to_round_top

NOW_S = 1_795_000_000.0  # 2026-11-18 11:06:40 UTC
MINUTE_S = NOW_S // 60 * 60


def test_a_chart_says_in_words_what_it_shows() -> None:
    points = [Point(MINUTE_S - 600, 12.0), Point(MINUTE_S - 60, 3.0), Point(MINUTE_S, None)]
    chart = to_chart("throughput", "Written", "documents", points, now_s=NOW_S)

    assert chart.summary == ("Highest 12 documents at 10:56, newest 3 documents at 11:05 UTC.")
    assert [bar.text for bar in chart.bars] == ["10:56: 12 documents", "11:05: 3 documents"]
    assert [mark.text for mark in chart.heights] == ["0", "10", "20"]
    assert [mark.text for mark in chart.times] == ["10:06", "10:26", "10:46", "11:06"]


def test_nothing_is_drawn_where_nothing_happened() -> None:
    chart = to_chart("quota", "Requests", "requests", [Point(MINUTE_S, 0.0)], now_s=NOW_S)

    assert chart.is_empty
    assert chart.summary == "Nothing in the last hour."


@given(
    st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=MINUTES - 2), st.floats(min_value=0, max_value=1e9)
        ),
        max_size=MINUTES,
    )
)
def test_every_bar_lies_inside(values: list[tuple[int, float]]) -> None:
    points = [Point(MINUTE_S - minute * 60, value) for minute, value in values]
    chart = to_chart("x", "X", "x", points, now_s=NOW_S)

    for bar in chart.bars:
        assert chart.left <= bar.x
        assert bar.x + bar.width <= WIDTH
        assert 0 <= bar.y <= bar.y + bar.height <= HEIGHT


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_the_scale_ends_above_the_highest_value_and_not_far(value: float) -> None:
    top = to_round_top(value)

    assert value <= top <= 10.1 * value


def test_the_least_number_there_is_has_a_scale_too() -> None:
    assert 5e-324 < to_round_top(5e-324) < 1e-5

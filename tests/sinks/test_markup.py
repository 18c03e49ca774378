import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.markup import TEXT_MAX_CHARS, to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain", "plain"),
        ("  two \n\t lines ", "two lines"),
        ("<p>Jupe <b>d&apos;été</b></p><p>légère</p>", "Jupe d'été légère"),
        ("<ul><li>one</li><li>two</li></ul>", "one two"),
        ("H<sub>2</sub>O<br/>pure", "H2O pure"),
        ("a < b and b > c", "a < b and b > c"),
        ("5 <3 hearts", "5 <3 hearts"),
        ("<a title='x > y' href=\"/\">link</a>", "link"),
        ("before<script>if (a < b) { x() }</script>after", "before after"),
        ("before<STYLE>p { color: red }</STYLE >after", "before after"),
        ("never<script>closed", "never closed"),
        ("a<!-- hidden <b> -->b", "a b"),
        ("a<!-- never closed", "a never closed"),
        ("<!DOCTYPE html><?xml version='1.0'?>text", "text"),
        ("&lt;b&gt; &amp; &eacute; &#233; &unknown;", "<b> & é é &unknown;"),
        ("&#" + "9" * 5_000 + ";", "&#" + "9" * 5_000 + ";"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("unclosed <b", "unclosed <b"),
    ],
)
def test_a_text_is_what_a_reader_sees(html: str, text: str) -> None:
    assert to_text(html) == text


@given(st.text())
def test_any_text_becomes_valid_utf_8(text: str) -> None:
    to_text(text).encode()


@given(
    st.lists(st.sampled_from(["<", ">", "</", "<!--", "-->", '"', "'", "&", "script", "b", " "]))
)
def test_any_markup_becomes_a_text_without_line_ends(parts: list[str]) -> None:
    assert "\n" not in to_text("".join(parts))


@pytest.mark.parametrize(
    "part", ["<", "<script>", "<!--", '<a "', "<a '\"", "&#1", "<b", "</", '<a b="c<', "<p>x"]
)
def test_the_time_it_takes_grows_with_the_length_only(part: str) -> None:
    started_s = time.process_time()
    to_text(part * (1_000_000 // len(part)))

    assert time.process_time() - started_s < 5


def test_a_text_has_a_limit() -> None:
    assert len(to_text("x" * (TEXT_MAX_CHARS + 1))) == TEXT_MAX_CHARS

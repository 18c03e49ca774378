"""Whatever others wrote is text on every page."""

import unicodedata

import pytest
from markupsafe import Markup

from ops.pages.queries import MalformedQuery, Query, to_quoted
from ops.pages.rendering import create_environment, to_visible
from tests.ops.hostile import HOSTILE

ENVIRONMENT = create_environment()


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_escaped_and_visible_wherever_it_stands(text: str) -> None:
    template = ENVIRONMENT.from_string(
        '<p title="{{ text }}">{{ text }}</p><i>{{ text | cut }}</i><a href="?q={{ text | quoted }}">'
    )
    page = template.render(text=text)

    page.encode()  # a lone surrogate could not be sent
    assert page.count("<") == 5  # of ours: what was given has opened no tag
    assert page.count(">") == 5
    assert page.count('"') == 4
    assert not {char for char in page if unicodedata.category(char) in {"Cc", "Cf"}} - {"\n"}


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_code_comes_back_from_an_address_as_it_was(text: str) -> None:
    assert Query.parse(f"code={to_quoted(text)}".encode()).get("code") == text


def test_what_we_wrote_ourselves_stays_markup() -> None:
    assert to_visible(Markup("<b>\u202e</b>")) == "<b>\u202e</b>"
    assert to_visible(5) == 5


def test_a_query_that_is_none_is_refused() -> None:
    with pytest.raises(MalformedQuery):
        Query.parse(b"code=%ff%fe")
    with pytest.raises(MalformedQuery):
        Query.parse("code=é".encode())
    with pytest.raises(MalformedQuery):
        Query.parse(b"&".join(b"a=1" for _ in range(5_000)))


def test_a_name_may_have_several_values_or_none() -> None:
    query = Query.parse(b"id=0/1&id=0/2")

    assert query.all("id") == ["0/1", "0/2"]
    assert query.get("id") == "0/1"
    assert query.get("other") == ""
    assert query.all("other") == ()

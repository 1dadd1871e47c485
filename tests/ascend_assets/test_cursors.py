"""What a trigger's cursor holds is short, and what another version wrote counts for nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from ascend_assets import cursors

WORDS = st.lists(st.text(st.characters(codec="utf-8"), max_size=8), max_size=4)


class Counted(BaseModel):
    """A cursor."""

    ticks: int = 0


@pytest.mark.parametrize("text", [None, "", "no JSON", "[]", '{"ticks": "many"}', '{"ticks": null}'])
def test_what_cannot_be_read_is_an_empty_one(text: str | None) -> None:
    assert cursors.read(Counted, text) == Counted()


def test_what_can_be_read_is_read() -> None:
    assert cursors.read(Counted, '{"ticks": 3}') == Counted(ticks=3)


@given(WORDS, WORDS)
def test_a_mark_is_short_and_tells_one_thing_from_another(one: list[str], other: list[str]) -> None:
    assert (cursors.mark(*one) == cursors.mark(*other)) == (one == other)
    assert len(cursors.mark(*one)) == cursors.MARK
    assert set(cursors.mark(*one)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")

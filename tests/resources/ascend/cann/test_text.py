"""Console text as a person sees it, whatever a tool printed."""

import time

from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann import text
from resources.ascend.cann.text import clean


def test_colours_titles_and_control_characters_go() -> None:
    assert clean("\x1b[1;31mE10001\x1b[0m: bad\x07\n\x1b]0;title\x07next\x00") == ["E10001: bad", "next"]


def test_a_title_without_an_end_swallows_nothing() -> None:
    assert clean("\x1b]E10001: bad") == ["E10001: bad"]


def test_a_spinner_that_was_overwritten_goes() -> None:
    assert clean("-\r\\\r|\r/\rATC run success\n") == ["ATC run success", ""]
    assert clean("-\b\\\b|\b/\bATC run success") == ["ATC run success"]


def test_a_progress_bar_shows_its_last_state() -> None:
    assert clean("run:  10%|#   |\rrun:  90%|####|\rrun: 100%|####|\n") == ["run: 100%|####|", ""]


def test_an_overwritten_message_is_not_lost() -> None:
    assert clean("E10001: bad\r...\n") == ["E10001: bad", "...", ""]


def test_windows_line_ends_and_blanks_at_the_end_go() -> None:
    assert clean("a \r\n  b\t\r\n") == ["a", "  b", ""]


def test_indentation_stays_and_tabs_become_spaces() -> None:
    assert clean("        Solution: x\n\tTraceBack") == ["        Solution: x", "        TraceBack"]


def test_only_a_line_feed_ends_a_line() -> None:
    assert clean("a\x0bb\x85c\u2028d") == ["abcd"]


def test_what_cannot_be_stored_is_replaced() -> None:
    (line,) = clean("模型\ud800")
    assert line.encode() == "模型\ufffd".encode()


def test_a_long_line_is_cut() -> None:
    assert [len(line) for line in clean("x" * 100_000)] == [text.MAX_LINE]


def test_of_too_many_lines_the_first_and_the_last_stay() -> None:
    lines = clean("\n".join(map(str, range(text.MAX_LINES + 50))))
    assert lines[0] == "0"
    assert lines[-1] == str(text.MAX_LINES + 49)
    assert len(lines) == text.MAX_LINES + 1
    assert "... 50 lines left out ..." in lines


def test_of_too_long_a_text_the_first_and_the_last_stay() -> None:
    lines = clean("head\n" + "x" * (text.MAX_CHARACTERS + 10) + "\ntail")
    assert (lines[0], lines[-1]) == ("head", "tail")
    assert any("characters left out" in line for line in lines)


def test_hostile_text_takes_linear_time() -> None:
    for hostile in ("\x1b[" * 500_000, "\x1b[" + "0" * 1_000_000, "\x1b]" * 500_000, "\r" * 1_000_000, "a\b" * 500_000):
        started = time.monotonic()
        clean(hostile)
        assert time.monotonic() - started < 60


@given(st.text(alphabet=st.sampled_from("aE1 -\\|/.%\t\r\n\b\x1b[]0;m\x07\x9b\u2028\x00é"), max_size=300))
def test_any_text_becomes_printable_lines(hostile: str) -> None:
    lines = clean(hostile)
    assert lines
    assert all(line == line.rstrip() and (line.isprintable() or not line) for line in lines)
    assert clean("\n".join(lines)) == lines

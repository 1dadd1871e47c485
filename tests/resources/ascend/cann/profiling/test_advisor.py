"""The advisor's words: sentences from its table, bounded, and a note wherever there are none."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.environment.installation import Installation
from resources.ascend.cann.profiling import advisor
from resources.ascend.cann.profiling.advisor import MAX_ADVICE, MAX_LENGTH, advice, sentences
from resources.ascend.cann.site import Site
from resources.ascend.cann.text import clean
from resources.process import Completed, Limits, run

TABLE = """\
[INFO] 2026-11-20 10:00:00 start to analyse | please wait
 40%|####      | 2/5
+----------+--------------------------+----------------------------+
| category | description              | suggestion                 |
+==========+==========================+============================+
| AICPU    | 3 operators on the AICPU | Cast the inputs            |
|          |                          | before the model           |
+----------+--------------------------+----------------------------+
| 2        | Operators are not        | Compile with auto tuning   |
|          | tuned                    |                            |
+----------+--------------------------+----------------------------+
"""


def said(text: str) -> tuple[str, ...]:
    return sentences(clean(text))


def test_rows_become_sentences() -> None:
    assert said(TABLE) == (
        "AICPU: 3 operators on the AICPU: Cast the inputs before the model",
        "Operators are not: Compile with auto tuning tuned",
    )


def test_colours_and_other_frames_do_not_matter() -> None:
    text = "┌──┬──┐\n\x1b[31m│ block dim │ too few blocks │\x1b[0m\r\n└──┴──┘"
    assert said(text) == ("block dim: too few blocks",)


@pytest.mark.parametrize(
    "text", ["", "nothing to say", "| | |", "|---|---|", "| problem | description |", "[ERROR] a | b"]
)
def test_what_is_no_row_is_no_advice(text: str) -> None:
    assert said(text) == ()


def test_advice_is_bounded() -> None:
    found = said("\n".join(f"| row {number} | {'x' * 2000} |" for number in range(200)) + "\n| | more |")
    assert len(found) == MAX_ADVICE
    assert max(map(len, found)) == MAX_LENGTH
    assert "more" not in found[-1]


def test_a_row_that_never_ends_is_bounded() -> None:
    (only,) = said("| a | b |\n" + "|  | and more |\n" * 5000)
    assert len(only) == MAX_LENGTH


@given(st.text(max_size=300), st.integers(0, len(TABLE)))
def test_any_text_is_advice_or_none(text: str, at: int) -> None:
    for spoilt in (text, TABLE[:at] + text + TABLE[at:]):
        found = said(spoilt)
        assert len(found) <= MAX_ADVICE
        assert all(0 < len(sentence) <= MAX_LENGTH for sentence in found)


class Machine(Site):
    """A site whose PATH is one folder."""

    def run(self, argv: Sequence[str | Path], *, cwd: Path, timeout: float, **_: Any) -> Completed:
        env = {"PATH": str(self.installation.home)}
        return run(argv, cwd=cwd, limits=Limits(timeout=timeout), env=env, check=False)


@pytest.fixture
def answer(tmp_path: Path) -> Callable[[str], tuple[tuple[str, ...], str]]:
    """What comes of an msprof-analyze that does this."""

    def ask(script: str) -> tuple[tuple[str, ...], str]:
        program = tmp_path / "msprof-analyze"
        if script:
            program.write_text(f"#!{sys.executable} -IS\nimport os, sys, time\n{script}\n")
            program.chmod(0o755)
        return advice(Machine(Installation(tmp_path, "x86_64", "toolkit", "8.1.RC1")), tmp_path / "PROF_1")

    return ask


def test_it_is_asked_about_the_profile(answer: Callable[[str], tuple[tuple[str, ...], str]], tmp_path: Path) -> None:
    found, note = answer("print('|', '|'.join(sys.argv[1:5]), '|')")
    assert found == (f"advisor: all: -d: {tmp_path}/PROF_1",)
    assert note == ""


@pytest.mark.parametrize(
    ("script", "note"),
    [
        ("", "no advice: msprof-analyze is not on PATH (install it with the python3 that CANN uses)"),
        ("print('analysis done')", "msprof-analyze's advisor found nothing to say of this profile"),
        ("print('| a | b |'); sys.exit(3)", "no advice: msprof-analyze ended with exit code 3"),
        ("os.kill(os.getpid(), 9)", "no advice: msprof-analyze ended with exit code -9"),
        ("os.write(1, bytes(range(256)) * 4000)", "msprof-analyze's advisor found nothing to say of this profile"),
    ],
)
def test_without_advice_a_note_says_why(
    answer: Callable[[str], tuple[tuple[str, ...], str]], script: str, note: str
) -> None:
    assert answer(script) == ((), note)


def test_it_is_not_waited_for_too_long(
    answer: Callable[[str], tuple[tuple[str, ...], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advisor, "SECONDS", 0.3)
    assert answer("time.sleep(60)") == (
        (),
        "no advice: msprof-analyze did not end within 0.3 s",
    )

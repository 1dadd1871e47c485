"""The table of verdicts: what is refused first and in full, nothing said twice, nothing wider than the terminal."""

from collections.abc import Sequence

import pytest

from ascend_assets.cli.verdicts import counted, say_beyond, verdict_table
from ascend_assets.gates.verdict import Verdict

LIMITS = {"dev": 0.0, "staging": 0.0, "prod": 0.0}


def verdict(criterion: str, admits: Sequence[str] = (), *, why: str = "because", **given: object) -> Verdict:
    fields: dict[str, object] = {
        "criterion": criterion,
        "passed": "dev" in admits,
        "judged": True,
        "value": 1.0,
        "sense": "<=",
        "limits": LIMITS,
        "admits": tuple(admits),
        "why": why,
        "origin": "emulated",
        "subject": "0" * 64,
    }
    return Verdict.model_validate({**fields, **given})


ALL = ("dev", "staging", "prod")


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")


def shown(capsys: pytest.CaptureFixture[str], *verdicts: Verdict) -> list[str]:
    verdict_table(verdicts)
    return capsys.readouterr().out.splitlines()


def test_refused_comes_before_open_before_passed(capsys: pytest.CaptureFixture[str]) -> None:
    unjudged = verdict("unjudged", ["dev"], judged=False, value=None)
    lines = shown(capsys, verdict("good", ALL), unjudged, verdict("bad"))
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["refused", "open", "pass"]


def test_they_are_counted_by_what_dev_says() -> None:
    unjudged = verdict("unjudged", ["dev"], judged=False, value=None)
    unjudged_and_refused = verdict("unjudged", judged=False, value=None)
    assert counted([verdict("a", ALL), unjudged, unjudged_and_refused, verdict("b")]) == "1 pass, 2 refused, 1 open"


def test_a_sentence_that_was_said_is_not_said_again_of_the_same_target(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(
        capsys,
        verdict("one", why="a is 1. The layer is hidden", target="P"),
        verdict("two", why="b is 2. The layer is hidden", target="P"),
        verdict("three", why="b is 2. The layer is hidden", target="Q"),
    )
    whys = [line.strip() for line in lines if line.startswith(" ")]
    assert whys == ["a is 1. The layer is hidden", "b is 2", "b is 2. The layer is hidden"]


def test_a_reason_for_refusal_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    why = " ".join(f"word{number}" for number in range(200))
    lines = shown(capsys, verdict("bad", why=why))
    assert max(map(len, lines)) <= 100
    assert " ".join(" ".join(lines).split()).endswith(why)


def test_a_pass_takes_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    (_, line) = shown(capsys, verdict("good", ALL, why="word " * 200))
    assert len(line) <= 100
    assert line.split()[:6] == ["pass", "good", "1", "<=", "0", "all"]


def test_wide_letters_do_not_break_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.cells import cell_len

    wide = "\u5377\u79ef " * 100
    assert (
        max(cell_len(line) for line in shown(capsys, verdict("bad", why=wide), verdict("good", ALL, why=wide))) <= 100
    )


def test_a_target_is_named_where_there_are_several(capsys: pytest.CaptureFixture[str]) -> None:
    assert "on P" not in shown(capsys, verdict("bad", target="P"))[0]
    assert "bad on P" in shown(capsys, verdict("bad", target="P"), verdict("good", ALL, target="Q"))[0]


def test_what_a_later_environment_would_not_take_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    limits = {"dev": 20.0, "staging": 10.0, "prod": 5.0}
    say_beyond(
        [
            verdict("fast", ALL, value=1.0, limits=limits),
            verdict("slow", ["dev"], value=7.0, limits=limits),
            verdict("slower", ["dev"], value=15.0, limits=limits),
            verdict("refused", value=30.0, limits=limits),
        ]
    )
    assert capsys.readouterr().out.splitlines() == [
        "beyond the limit of prod: slow 7  (<= 20 / 10 / 5)",
        "beyond the limit of staging and prod: slower 15  (<= 20 / 10 / 5)",
    ]

"""A set_env.sh is read as a shell would expand it, and nothing of it is ever executed."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from fake_install import NEW_SCRIPT, OLD_SCRIPT
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.ascend.cann.environment.shell_variables import MAX_VALUE, exported


def value(line: str, **known: str) -> str | None:
    """What `X` is after one line."""
    return exported(line, known, "x86_64").get("X")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("export X=a", "a"),
        ("X=a", "a"),
        ("  local X=a", "a"),
        ("export X=", ""),
        ('export X="a b"', "a b"),
        ("export X='$A'", "$A"),
        ("export X=$A/lib:${A}/bin", "/h/lib:/h/bin"),
        ('export X="${A}"/lib', "/h/lib"),
        ("export X=$A_B", ""),
        (r"export X=a\ b", "a b"),
        ("export X=a b", "a"),
        ("export X=a; rm -r /", "a"),
        ("export X=a # why", "a"),
        ("export X=a && echo b", "a"),
        ("export X=lib/$(arch)", "lib/x86_64"),
        ('export X="lib/$(uname -m)/a"', "lib/x86_64/a"),
        ("export X=${N:-word}", "word"),
        ("export X=${A:-word}", "/h"),
        ("export X=a${N:+:$N}", "a"),
        ("export X=a${A:+:${A}}", None),
        ("export X=a${A:+:$A}", "a:/h"),
        ("export X=$(pwd)", None),
        ("export X=`pwd`", None),
        ("export X=$((1+1))", None),
        ("export X=${A%/*}", None),
        ('export X="open', "open"),
        ("export X='open", None),
        ("echo X=a", None),
        ("# export X=a", None),
    ],
)
def test_one_line(line: str, expected: str | None) -> None:
    assert value(line, A="/h") == expected


@pytest.mark.parametrize(
    "line",
    ["X=a b", 'X="a b"$A', "X='$A'", "X=$A/lib:${A}/bin", r"X=a\ b", "X=${N:-w}", "X=a${A:+:$A}", "X=$A_B", "X=a;b=c"],
)
def test_a_shell_reads_the_same(line: str) -> None:
    shell = shutil.which("sh")
    assert shell
    script = f'{line.replace("X=a b", "X=a")}\nprintf %s "$X"'
    done = subprocess.run([shell, "-c", script], env={"A": "/h"}, capture_output=True, text=True, check=True)
    assert value(line, A="/h") == done.stdout


def test_lines_build_upon_each_other() -> None:
    script = "X=/lib\nexport X=/aml:$X\nprepend_env X /first\nappend_env 'X' \"/last\"\nexport Y=$X"
    assert exported(script, {}, "x86_64") == {"X": "/first:/aml:/lib:/last", "Y": "/first:/aml:/lib:/last"}


def test_what_only_a_shell_can_tell_makes_unknown_what_is_made_of_it() -> None:
    script = "A=$(find /)\nB=$A/lib\nC=/known\nprepend_env D $B\nA=/now\nE=$A"
    assert exported(script, {}, "x86_64") == {"C": "/known", "A": "/now", "E": "/now"}


def test_what_is_known_cannot_be_set() -> None:
    assert exported("export HOME_=/latest\nX=$HOME_/lib", {"HOME_": "/8.1"}, "x86_64")["X"] == "/8.1/lib"


def test_scripts_of_both_generations() -> None:
    old = exported(OLD_SCRIPT.format(home="/other"), {"ASCEND_TOOLKIT_HOME": "/h"}, "x86_64")
    assert old["ASCEND_OPP_PATH"] == "/h/opp"
    assert old["LD_LIBRARY_PATH"] == "/h/tools/aml/lib64:/h/lib64:/h/lib64/plugin/opskernel:"
    new = exported(NEW_SCRIPT.format(), {"version_dirpath": "/h"}, "x86_64")
    assert new["ASCEND_OPP_PATH"] == "/h/opp"
    assert new["PATH"] == "/h/bin:/h/tools/profiler/bin"
    assert new["LD_LIBRARY_PATH"] == "/h/lib64:/h/tools/aml/lib64:/h/devlib"


def test_nothing_is_executed(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = f"X=$(touch {mark})\nY=`touch {mark}`\nZ=a; touch {mark}\ntouch {mark}\neval touch {mark}\n"
    assert exported(script, dict(os.environ), "x86_64")["Z"] == "a"
    assert not mark.exists()


def test_a_script_that_doubles_itself_is_bounded() -> None:
    started = time.monotonic()
    values = exported("X=aaaaaaaaaaaaaaaa\n" + "X=$X$X$X$X\n" * 1900, {}, "x86_64")
    assert "X" not in values
    assert time.monotonic() - started < 30
    assert all(len(each) <= MAX_VALUE for each in values.values())


WORDS = st.lists(st.sampled_from(['"', "'", "$", "{", "}", ":-", "A", "X=", "\\", "`", "(", ")", "\n", " ", "export "]))


@settings(max_examples=200)
@given(st.one_of(st.text(max_size=200), WORDS.map("".join)))
def test_any_text_is_read(script: str) -> None:
    for name, text in exported(script, {"A": "/h"}, "x86_64").items():
        assert name.isidentifier()
        assert len(text) <= MAX_VALUE

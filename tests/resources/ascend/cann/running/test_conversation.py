"""A child that stays answers in time and within bounds, and dies with its conversation."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from resources.ascend.cann.running import conversation as module
from resources.ascend.cann.running.conversation import Conversation, Ended, Garbage, Late, conversation

ECHO = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps({"heard": asked["say"]}), flush=True)
"""


@contextmanager
def talk(tmp_path: Path, script: str) -> Iterator[Conversation]:
    path = tmp_path / "child.py"
    path.write_text(script)
    with conversation([sys.executable, "-I", "-S", path], cwd=tmp_path, env=os.environ) as held:
        yield held


def test_each_request_has_its_answer(tmp_path: Path) -> None:
    with talk(tmp_path, ECHO) as held:
        for number in range(50):
            assert held.ask({"say": number}, timeout=10) == {"heard": number}


def test_what_is_printed_beside_is_kept_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOG_BYTES", 1000)
    script = """
import os, sys
os.write(2, b"first\\n")
for _ in range(200):
    os.write(2, b"\\xff" * 65536)
os.write(2, b"last\\n")
sys.stdin.readline()
print("{}", flush=True)
"""
    with talk(tmp_path, script) as held:
        assert held.ask({}, timeout=20) == {}
        assert held.log.startswith("first\n")
        assert "bytes left out" in held.log
        assert held.log.endswith("last\n")


def test_a_child_that_does_not_answer_is_stopped(tmp_path: Path) -> None:
    started = time.monotonic()
    with talk(tmp_path, "import time, sys; print('ready', file=sys.stderr, flush=True); time.sleep(60)") as held:
        with pytest.raises(Late, match=r"0\.3 s") as caught:
            held.ask({}, timeout=0.3)
        with pytest.raises(Ended, match="stopped before"):
            held.ask({}, timeout=0.3)
    assert time.monotonic() - started < 50
    assert isinstance(caught.value.log, str)


@pytest.mark.parametrize(
    ("script", "how"),
    [
        ("import sys; sys.stderr.write('why'); sys.exit(3)", "exit code 3"),
        ("import os; os.write(2, b'why'); os.kill(os.getpid(), 11)", "signal 11"),
        ("import os, sys; sys.stdin.readline(); os.write(2, b'why'); os._exit(0)", "exit code 0"),
    ],
)
def test_a_child_that_ends_says_how(tmp_path: Path, script: str, how: str) -> None:
    with talk(tmp_path, script) as held, pytest.raises(Ended, match=how) as caught:
        held.ask({}, timeout=20)
    assert caught.value.log == "why"


def test_a_child_that_closes_its_answers_is_late(tmp_path: Path) -> None:
    with talk(tmp_path, "import os, time; os.close(1); time.sleep(60)") as held, pytest.raises(Late):
        held.ask({}, timeout=1)


def test_a_program_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with (
        conversation(["/no/such/python3"], cwd=tmp_path, env={}) as held,
        pytest.raises(Ended, match="No such file"),
    ):
        held.ask({}, timeout=20)


@pytest.mark.parametrize(
    "answer",
    [
        "b'no json\\n'",
        "b'[1]\\n'",
        "b'\\xff\\xfe\\n'",
        "b'[' * 60000 + b'\\n'",
        "b'{}\\n{}\\n'",
        "b'x' * 10_000_000",
        "b'{\"a\": \"' + b'x' * 70000 + b'\"}\\n'",
        "b'\\n'",
    ],
)
def test_garbage_is_no_answer(tmp_path: Path, answer: str) -> None:
    script = f"import sys, time; sys.stdin.readline(); sys.stdout.buffer.write({answer}); sys.stdout.flush(); "
    with talk(tmp_path, script + "time.sleep(60)") as held, pytest.raises(Garbage):
        held.ask({}, timeout=20)


def test_a_request_is_bounded(tmp_path: Path) -> None:
    with talk(tmp_path, ECHO) as held:
        with pytest.raises(ValueError, match="limit"):
            held.ask({"say": "x" * module.MAX_REQUEST}, timeout=10)
        assert held.ask({"say": 1}, timeout=10) == {"heard": 1}


def test_nothing_that_the_child_started_is_left(tmp_path: Path) -> None:
    script = """
import json, subprocess, sys
child = subprocess.Popen(["sleep", "60"], start_new_session=True)
sys.stdin.readline()
print(json.dumps({"child": child.pid}), flush=True)
sys.stdin.readline()
"""
    with talk(tmp_path, script) as held:
        child = held.ask({}, timeout=20)["child"]
        assert Path(f"/proc/{child}").exists()
    assert not Path(f"/proc/{child}").exists()


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    def opened() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    with talk(tmp_path, ECHO) as held:
        held.ask({"say": 1}, timeout=10)
    before = opened()
    for _ in range(3):
        with talk(tmp_path, ECHO) as held:
            held.ask({"say": 1}, timeout=10)
    assert opened() == before

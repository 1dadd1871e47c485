"""Children are bounded in time, output and memory, see no secrets, and leave nothing behind, however it ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from resources import process
from resources.home import PROJECT
from resources.output import Output
from resources.process import Limits, ProcessFailed, ProcessTimeout, ProgramMissing, clean_environment, run

PYTHON = sys.executable
DAEMON = """
import os, sys, time
if os.fork():                # leaves its parent,
    os._exit(0)
os.setsid()                  # its group and its session,
if os.fork():
    os._exit(0)
signal = __import__("signal")
signal.signal(signal.SIGTERM, signal.SIG_IGN)   # and does not listen
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(60)
"""


def python(code: str, *arguments: str) -> list[str]:
    return [PYTHON, "-c", textwrap.dedent(code), *arguments]


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in {"Z", "X"}


def number_in(path: Path) -> int:
    assert wait_for(lambda: path.exists() and path.read_text() != ""), f"{path} was never written"
    return int(path.read_text())


def test_what_a_child_prints_is_returned(tmp_path: Path) -> None:
    done = run(python("import sys; print('out'); print('err', file=sys.stderr)"), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "err\n")
    assert 0 < done.seconds < 30


def test_a_child_runs_in_its_folder_without_input_in_a_session_of_its_own(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd()); print(repr(sys.stdin.read())); print(os.getsid(0) == os.getpid())"
    assert run(python(code), cwd=tmp_path).stdout.splitlines() == [str(tmp_path), "''", "True"]


def test_arguments_reach_the_child_as_they_are(tmp_path: Path) -> None:
    strange = ["a b", "$(touch pwned)", "; touch pwned", "*", "-x", "", "ä\n"]
    code = "import sys; print(ascii(sys.argv[1:]))"
    assert run(python(code, *strange), cwd=tmp_path).stdout.strip() == ascii(strange)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_shows_its_last_lines(tmp_path: Path) -> None:
    code = "import sys; print('line\\n' * 100, file=sys.stderr); sys.exit('no such column: price')"
    with pytest.raises(
        ProcessFailed, match=r"failed with exit code 1; it said:[\s\S]*no such column: price"
    ) as failure:
        run(python(code), cwd=tmp_path)
    assert len(str(failure.value).splitlines()) < 20
    assert failure.value.completed.returncode == 1


def test_a_failure_can_be_an_answer(tmp_path: Path) -> None:
    assert run(python("raise SystemExit(3)"), cwd=tmp_path, check=False).returncode == 3


def test_a_child_that_a_signal_killed_is_told_from_one_that_failed(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailed, match="killed by SIGKILL.*memory") as failure:  # noqa: RUF043 - a regex
        run(python("import os; os.kill(os.getpid(), 9)"), cwd=tmp_path)
    assert failure.value.completed.returncode == -signal.SIGKILL


@pytest.mark.parametrize("program", ["no-such-program", "./missing", "/dev/null", "/"])
def test_a_program_that_cannot_be_started_is_named(tmp_path: Path, program: str) -> None:
    with pytest.raises(ProgramMissing, match=f"{program} cannot be started: .*is it installed and on PATH"):
        run([program], cwd=tmp_path)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="missing, where"):
        run([PYTHON], cwd=tmp_path / "missing")


def test_a_child_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    started = time.monotonic()
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('so far', flush=True); time.sleep(60)"
    with pytest.raises(ProcessTimeout, match=r"longer than 0.5 s and was stopped; it said:\nso far"):
        run(python(code), cwd=tmp_path, limits=Limits(timeout=0.5))
    assert time.monotonic() - started < 50


def test_a_child_that_closed_its_outputs_is_stopped_too(tmp_path: Path) -> None:
    with pytest.raises(ProcessTimeout):
        run(
            python("import os, time; os.close(1); os.close(2); time.sleep(60)"),
            cwd=tmp_path,
            limits=Limits(timeout=0.5),
        )


@pytest.mark.parametrize("end", ["at its timeout", "when it succeeds", "when it fails"])
def test_a_daemon_that_a_child_started_ends_with_it(tmp_path: Path, end: str) -> None:
    """It has left parent, group and session, ignores SIGTERM, and holds the outputs open."""
    pid_file = tmp_path / "pid"
    (tmp_path / "daemon.py").write_text(DAEMON)
    code = f"""
        import os, subprocess, sys, time
        subprocess.run([sys.executable, "daemon.py", {str(pid_file)!r}])
        while not os.path.exists({str(pid_file)!r}) or not open({str(pid_file)!r}).read():
            time.sleep(0.01)
        {"time.sleep(60)" if end == "at its timeout" else f"sys.exit({int(end == 'when it fails')})"}
    """
    started = time.monotonic()
    if end == "when it succeeds":
        run(python(code), cwd=tmp_path)
    else:
        with pytest.raises(ProcessTimeout if end == "at its timeout" else ProcessFailed):
            run(python(code), cwd=tmp_path, limits=Limits(timeout=3))
    assert not alive(number_in(pid_file))
    assert time.monotonic() - started < 50


def test_nothing_survives_us_however_we_die(tmp_path: Path) -> None:
    """The program that called `run` is killed with -9: it can clean up nothing."""
    child, daemon = tmp_path / "child", tmp_path / "daemon"
    (tmp_path / "daemon.py").write_text(DAEMON)
    inner = f"""
import os, subprocess, sys, time
subprocess.run([sys.executable, "daemon.py", {str(daemon)!r}])
open({str(child)!r}, "w").write(str(os.getpid()))
time.sleep(60)
"""
    code = f"""
        import sys
        from pathlib import Path
        from resources.process import run
        run([sys.executable, "-c", {inner!r}], cwd=Path({str(tmp_path)!r}))
    """
    owner = subprocess.Popen(python(code), env={**os.environ, "PYTHONPATH": str(PROJECT)})
    pids = [number_in(child), number_in(daemon)]
    assert all(map(alive, pids))
    owner.kill()
    owner.wait()
    assert wait_for(lambda: not any(map(alive, pids)))


def test_endless_output_is_bounded_and_its_ends_are_kept(tmp_path: Path) -> None:
    code = "import sys; print('begin'); [sys.stdout.write('x' * 1000 + '\\n') for _ in range(50_000)]; print('end')"
    done = run(python(code), cwd=tmp_path, limits=Limits(output=10_000))
    assert done.stdout.startswith("begin\nxxx")
    assert done.stdout.endswith("xxx\nend\n")
    assert "bytes left out ...\n" in done.stdout
    assert len(done.stdout) < 10_100


def test_lines_are_told_as_they_come(tmp_path: Path) -> None:
    told: list[tuple[str, bool]] = []
    go = tmp_path / "go"
    code = """
        import os, sys, time
        print("first", flush=True)
        while not os.path.exists("go"):
            time.sleep(0.01)
        print("second", file=sys.stderr)
        sys.stdout.write("no end of line")
    """

    def on_line(line: str) -> None:
        told.append((line, go.exists()))
        go.touch()

    run(python(code), cwd=tmp_path, on_line=on_line)
    assert told[0] == ("first", False)
    assert sorted(told[1:]) == [("no end of line", True), ("second", True)]


def test_an_error_while_listening_ends_the_child(tmp_path: Path) -> None:
    def on_line(line: str) -> None:
        raise KeyboardInterrupt(line)

    started = time.monotonic()
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); print('x', flush=True); time.sleep(60)"
    with pytest.raises(KeyboardInterrupt):
        run(python(code), cwd=tmp_path, on_line=on_line)
    assert time.monotonic() - started < 50
    assert not alive(number_in(tmp_path / "pid"))


def test_memory_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(ProcessFailed, match="MemoryError"):
        run(python("x = bytearray(2 * 1024**3)"), cwd=tmp_path, limits=Limits(memory=512 * 1024**2))


def test_a_child_sees_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "DAGSTER_HOME", "LD_PRELOAD", "GIT_DIR", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LC_TIME", "C")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    seen = run(python("import os; print(*sorted(os.environ))"), cwd=tmp_path, env={"EXTRA": "1"}).stdout.split()
    assert set(seen) <= {"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TMP", "TEMP", "EXTRA"} | {
        name for name in seen if name.startswith(("LC_", "PYTHON"))
    }
    assert {"PATH", "EXTRA", "LC_TIME", "PYTHONHASHSEED"} <= set(seen)
    assert clean_environment({"PATH": "/only"})["PATH"] == "/only"


def test_a_child_holds_none_of_our_files(tmp_path: Path) -> None:
    """Among them the pipe on which its end is reported: it could report what it likes."""
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        seen = run(python("import os; print(len(os.listdir('/proc/self/fd')))"), cwd=tmp_path).stdout
    assert int(seen) == 4  # three, and the folder that is listed


def test_threads_may_run_children_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = threads.map(lambda n: run(["sh", "-c", f"echo {n}; exit {n}"], cwd=tmp_path, check=False), range(24))
    assert [(done.returncode, done.stdout) for done in made] == [(n, f"{n}\n") for n in range(24)]


def test_signals_are_a_childs_own(tmp_path: Path) -> None:
    """Python ignores SIGPIPE, and children inherit what is ignored: `yes` would complain of a broken pipe."""
    done = run(["sh", "-c", "yes | head -n 1"], cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("y\n", "")


def test_output_that_is_no_text_is_shown_anyway(tmp_path: Path) -> None:
    assert run(python("import os; os.write(1, b'\\xff\\xfe ok')"), cwd=tmp_path).stdout == "\ufffd\ufffd ok"


def test_a_short_output_is_kept_whole_in_whatever_pieces_it_comes() -> None:
    for size in (1, 2, 3, 7, 10):
        output = Output(10, None)
        for start in range(0, 10, size):
            output.add(b"0123456789"[start : start + size])
        assert output.text() == "0123456789"


def test_of_a_long_output_head_and_tail_are_kept_in_whatever_pieces_it_comes() -> None:
    content = bytes(range(65, 91)) * 4
    for size in (1, 3, 50, len(content)):
        output = Output(10, None)
        for start in range(0, len(content), size):
            output.add(content[start : start + size])
        assert output.text() == "ABCDE\n... 94 bytes left out ...\nVWXYZ"


def test_a_line_without_end_is_told_in_pieces() -> None:
    told: list[str] = []
    output = Output(100, told.append)
    for _ in range(10):
        output.add(b"x" * 5000)
    output.end()
    assert "".join(told) == "x" * 50_000
    assert max(map(len, told)) <= 8192


def test_a_child_reads_the_file_that_it_is_given_and_nothing_else(tmp_path: Path) -> None:
    told = tmp_path / "told"
    told.write_bytes(b"hello\n")
    read = python("import sys; print(repr(sys.stdin.read()))")
    assert run(read, cwd=tmp_path, stdin=told).stdout == "'hello\\n'\n"
    assert run(read, cwd=tmp_path).stdout == "''\n"
    with pytest.raises(FileNotFoundError):
        run(read, cwd=tmp_path, stdin=tmp_path / "missing")


def test_who_waits_is_told_how_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_WAIT_SECONDS", 0.05)
    told: list[float] = []
    run(["sleep", "0.4"], cwd=tmp_path, on_wait=told.append)
    assert len(told) >= 3
    assert told == sorted(told)


def test_what_is_raised_while_waiting_ends_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_WAIT_SECONDS", 0.05)

    def enough(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(["sleep", "60"], cwd=tmp_path, on_wait=enough)

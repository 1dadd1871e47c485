"""What people are to be told is kept through any crash, once, and within bounds."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from resources.home import PROJECT
from resources.notify import outbox
from resources.notify.notice import Notice, Severity, State, notice
from resources.notify.outbox import Line, Outbox, OutboxBusy


def made(
    cause: str = "1",
    *,
    kind: str = "run_failed",
    severity: Severity = "error",
    state: State = "happened",
    subject: str = "tiny",
    version: str = "",
) -> Notice:
    return notice(kind, severity, state, subject, cause=cause, at=1.0, version=version, facts={"why": "it fell"})


def begun(cause: str = "1", version: str = "") -> Notice:
    return made(cause, kind="drift", state="begun", version=version)


def over(cause: str = "1") -> Notice:
    return made(cause, kind="drift", severity="info", state="over")


def test_one_cause_is_one_notice() -> None:
    box = outbox.add(Outbox(), [made(), made()], 5.0)
    assert outbox.add(box, [made()], 6.0) == box
    assert [n.kept for n in box.notices] == [5.0]
    assert len(outbox.add(box, [made("2")], 6.0).notices) == 2


def test_a_trouble_that_goes_on_is_kept_once_until_it_is_over() -> None:
    box = outbox.add(Outbox(), [begun("1"), begun("2")], 1.0)
    assert list(box.standing) == ["drift tiny"]
    assert len(box.notices) == 1
    ended = outbox.add(box, [over("3")], 9.0)
    assert not ended.standing
    last = ended.notices[-1]
    assert (last.state, last.severity, last.began, last.facts["why"]) == ("over", "error", 1.0, "it fell")


def test_the_end_of_what_nobody_knows_is_nothing() -> None:
    assert outbox.add(Outbox(), [over()], 1.0) == Outbox()


def test_what_is_gathered_again_after_a_crash_changes_nothing() -> None:
    events = [begun("1"), over("2"), begun("3"), made("4"), over("5")]
    box = outbox.add(Outbox(), events, 1.0)
    assert outbox.add(box, events, 2.0) == box


def test_a_trouble_of_another_version_is_told_anew() -> None:
    box = outbox.add(Outbox(), [begun("1", "one waits"), begun("2", "none waits"), begun("3", "none waits")], 1.0)
    assert len(box.notices) == 2
    assert box.standing["drift tiny"].version == "none waits"


def test_beyond_so_many_troubles_each_is_told_as_what_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of those that are known is forgotten for it: its end would be told while it goes on."""
    monkeypatch.setattr(outbox, "MAX_STANDING", 1)
    other = made("2", kind="drift", state="begun", subject="other")
    box = outbox.add(Outbox(), [begun("1"), other, begun("3", "anew")], 1.0)
    assert [n.state for n in box.notices] == ["begun", "happened", "begun"]
    assert box.standing["drift tiny"].version == "anew"
    assert len(box.standing) == 1


def test_a_new_channel_is_not_told_of_old_times() -> None:
    box = outbox.add(Outbox(), [made()], 1.0)
    box = outbox.for_channels(box, ["new"])
    assert box.lines["new"].done == {box.notices[0].id}
    assert not outbox.for_channels(box, []).lines


def test_of_too_much_the_oldest_of_the_least_severe_goes_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MAX_WAITING", 3)
    monkeypatch.setattr(outbox, "MAX_TOLD", 0)
    box = outbox.for_channels(Outbox(), ["down", "up"])
    severities: list[Severity] = ["info", "error", "warning", "info", "error"]
    notices = [made(str(n), severity=severity) for n, severity in enumerate(severities)]
    box = outbox.add(box, notices, 1.0)
    done = frozenset(n.id for n in box.notices)
    box = box.model_copy(update={"lines": {**box.lines, "up": Line(done=done)}})
    kept = outbox.forget(box)
    assert [n.severity for n in kept.notices] == ["error", "warning", "error"]
    assert kept.lines["down"].dropped == 2
    assert kept.lines["up"].dropped == 0, "it had been told"
    assert kept.lines["up"].done == {n.id for n in kept.notices}


def test_what_all_have_been_told_is_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MAX_TOLD", 2)
    box = outbox.add(Outbox(), [made(str(n)) for n in range(5)], 1.0)
    assert [n.id for n in outbox.forget(box).notices] == [n.id for n in box.notices[-2:]], "there is no channel"


def test_it_is_on_the_disk_as_it_was(tmp_path: Path) -> None:
    box = outbox.add(outbox.for_channels(Outbox(), ["a"]), [begun(), made("x\ud800y")], 3.0)
    outbox.write(tmp_path, box)
    assert outbox.read(tmp_path) == (box, "")
    assert outbox.peek(tmp_path) == box


def test_the_same_is_not_written_again(tmp_path: Path) -> None:
    notices = [made(str(n)) for n in range(50)]
    box = outbox.for_channels(outbox.add(Outbox(), notices, 3.0), ["a"])
    outbox.write(tmp_path, box)
    written = (tmp_path / outbox.FILE).stat().st_ino
    outbox.write(tmp_path, outbox.read(tmp_path)[0])
    assert (tmp_path / outbox.FILE).stat().st_ino == written
    outbox.write(tmp_path, outbox.add(box, [made("new")], 4.0))
    assert (tmp_path / outbox.FILE).stat().st_ino != written


def test_nothing_there_is_an_empty_outbox(tmp_path: Path) -> None:
    assert outbox.read(tmp_path) == (Outbox(), "")
    assert outbox.peek(tmp_path) == Outbox()


@pytest.mark.parametrize("data", [b"", b'{"notices": [', b'{"other": 1}', b"\xff\xfe", b"[" * 10_000], ids=repr)
def test_a_damaged_file_is_put_aside_and_said(tmp_path: Path, data: bytes) -> None:
    (tmp_path / outbox.FILE).write_bytes(data)
    assert outbox.peek(tmp_path) == Outbox()
    box, said = outbox.read(tmp_path)
    assert box == Outbox()
    assert "put aside as outbox.json.unreadable" in said
    assert (tmp_path / "outbox.json.unreadable").read_bytes() == data
    assert outbox.read(tmp_path) == (Outbox(), "")


def test_a_file_that_is_too_large_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MAX_BYTES", 100)
    outbox.write(tmp_path, outbox.add(Outbox(), [made()], 1.0))
    assert "larger than 100 bytes" in outbox.read(tmp_path)[1]


def test_one_at_a_time(tmp_path: Path) -> None:
    with outbox.alone(tmp_path / "new"), pytest.raises(OutboxBusy, match="another process"):  # noqa: SIM117
        with outbox.alone(tmp_path / "new"):
            pass
    with outbox.alone(tmp_path / "new"):
        pass


WRITER = """
import sys
from pathlib import Path
from resources.notify import outbox
from resources.notify.notice import notice
from resources.notify.outbox import Outbox
box, n = Outbox(), 0
while True:
    n += 1
    box = outbox.forget(outbox.add(box, [notice("test", "info", "happened", "a" * 200, cause=str(n), at=n)], n))
    outbox.write(Path(sys.argv[1]), box)
"""


def _stamp(folder: Path) -> int:
    path = folder / outbox.FILE
    return path.stat().st_mtime_ns if path.exists() else 0


def test_a_writer_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    stamp = 0
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], cwd=PROJECT) as child:
            before = time.monotonic()
            while not _stamp(tmp_path) > stamp and time.monotonic() - before < 60:
                time.sleep(0.02)
            child.send_signal(signal.SIGKILL)
        stamp = _stamp(tmp_path)
        box, said = outbox.read(tmp_path)
        assert said == ""
        assert box.notices


def test_bounds_of_a_notice_hold_for_what_strangers_write() -> None:
    one = notice("k", "info", "happened", "s" * 9999, cause="c", at=1.0, facts={"why": "\ud800" + "w" * 9999})
    assert len(one.subject) == 300
    assert len(one.facts["why"]) == 700
    one.model_dump_json()

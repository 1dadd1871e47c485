"""What a site's tools said is remembered: every run, what failed too, within bounds."""

import sys
from pathlib import Path

import pytest
from stand_ins.installing import StandIns

from resources.ascend.cann import recording
from resources.ascend.cann.environment.installation import Installation, find
from resources.ascend.cann.recording import Recorder, middle_cut
from resources.ascend.cann.site import Site
from resources.process import ProcessFailed, ProcessTimeout, ProgramMissing


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def site(tmp_path: Path, recorder: Recorder) -> Site:
    installation = Installation(home=tmp_path, arch="x86_64", kind="toolkit", version="8.1.RC1")
    return Site(installation, ended=recorder.keep)


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-c", code]


def test_a_run_is_kept_with_its_outputs_and_result_files(site: Site, recorder: Recorder, tmp_path: Path) -> None:
    code = (
        "import sys; print('out'); print('err', file=sys.stderr); open('a.csv', 'w').write('x,y'); open('b.bin', 'w')"
    )
    site.run(python(code), cwd=tmp_path, timeout=20)
    (kept,) = recorder.runs
    assert (kept.returncode, kept.stdout, kept.stderr) == (0, "out\n", "err\n")
    assert kept.files == (("a.csv", "x,y"),)


def test_what_fails_is_kept_and_raised(site: Site, recorder: Recorder, tmp_path: Path) -> None:
    with pytest.raises(ProcessFailed):
        site.run(python("print('why'); raise SystemExit(3)"), cwd=tmp_path, timeout=20, check=True)
    with pytest.raises(ProcessTimeout):
        site.run(python("import time; print('on', flush=True); time.sleep(60)"), cwd=tmp_path, timeout=1)
    with pytest.raises(ProgramMissing):
        site.run([tmp_path / "nothing"], cwd=tmp_path, timeout=20)
    assert [run.stdout for run in recorder.runs] == ["why\n", "on\n", ""]
    assert recorder.runs[0].returncode == 3


def test_outputs_files_and_runs_are_bounded(
    site: Site, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MAX_RUNS", 1)
    code = "print('x' * 10**6); [open(f'{n}.json', 'w').write('y' * 10**6) for n in range(30)]"
    for _ in range(2):
        site.run(python(code), cwd=tmp_path, timeout=20)
    (kept,) = recorder.runs
    assert len(kept.stdout) < recording.MAX_TEXT + 100
    assert len(kept.files) == recording.MAX_FILES
    assert all(len(text) < recording.MAX_TEXT + 100 for _, text in kept.files)


def test_links_and_broken_files_are_left_out(site: Site, recorder: Recorder, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "secret.json").write_text("secret", encoding="utf-8")
    (tmp_path / "out" / "link.json").symlink_to(tmp_path / "secret.json")
    (tmp_path / "out" / "bytes.json").write_bytes(b"\xff\xfe")
    site.run(python(""), cwd=tmp_path / "out", timeout=20)
    assert recorder.runs[0].files == (("bytes.json", "\ufffd\ufffd"),)


def test_a_cut_keeps_head_and_tail_and_says_what_is_missing() -> None:
    assert middle_cut("short") == "short"
    cut = middle_cut("a" * 50 + "b" * 50, limit=10)
    assert cut.startswith("aaaaa\n")
    assert cut.endswith("\nbbbbb")
    assert "90 characters left out" in cut


def test_it_runs_the_tools_of_an_installation(stand_ins: StandIns, tmp_path: Path) -> None:
    found = find(stand_ins.environ, stand_ins.root)
    recorder = Recorder()
    site = Site(found, root=stand_ins.root, ended=recorder.keep)
    program = found.program("atc")
    assert program is not None
    site.run([program], cwd=tmp_path, timeout=20, for_atc=True)
    assert recorder.runs[0].returncode == 255
    assert "ATC run failed" in recorder.runs[0].stdout

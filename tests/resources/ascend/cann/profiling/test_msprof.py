"""Running a program under msprof: how it is told, what it leaves, and every way in which it leaves nothing."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from stand_ins.installing import StandIns
from stand_ins.sharing import shared

from resources.ascend.cann.environment import installation
from resources.ascend.cann.errors import BadOutput, ToolFailed
from resources.ascend.cann.profiling import msprof
from resources.ascend.cann.profiling.msprof import arguments, collect, profiles, rows, tables
from resources.ascend.cann.site import Site

HEADER = "Op Name,Task Duration(us)\n"


def site_of(made: StandIns) -> Site:
    return Site(installation.find(made.environ, made.root), root=made.root)


def failed(what: str, log: str) -> Exception:
    return ToolFailed(f"{what}: {log.strip()[-200:]}", log)


def install_msprof(home: Path, script: str) -> Site:
    """An installation of nothing but an msprof that does this; `out` is the folder it was given."""
    program = home / "bin" / "msprof"
    program.parent.mkdir(parents=True)
    head = f"#!{sys.executable} -IS\nimport os, sys, time\nfrom pathlib import Path\n"
    program.write_text(
        f"{head}out = Path(sys.argv[-1] if '--export=on' in sys.argv else sys.argv[1].split('=', 1)[1])\n" + script
    )
    program.chmod(0o755)
    return Site(installation.Installation(home, "x86_64", "toolkit", "8.1.RC1"))


def ask(tmp_path: Path, script: str, command: Sequence[str] = ("/bin/true",)) -> Path:
    work = tmp_path / "work"
    work.mkdir()
    return collect(install_msprof(tmp_path / "cann", script), command, work, failed=failed)


def profile_with(folder: Path, place: str, names: Sequence[str] = ("op_summary_1.csv",)) -> Path:
    (folder / place).mkdir(parents=True)
    for name in names:
        (folder / place / name).write_text(f"{HEADER}{name},1\n")
    return folder


@pytest.mark.parametrize("version", ["8.0.RC1", "8.1.RC1", "8.5.0", "9.1.0", "not a version"])
def test_since_cann_8_the_program_follows_the_options(version: str) -> None:
    argv = arguments(Path("/cann/bin/msprof"), version, Path("/w/p"), ["python3", Path("/w/m.om"), "--loop", "3"])
    assert argv[:2] == ["/cann/bin/msprof", "--output=/w/p"]
    assert argv[-4:] == ["python3", "/w/m.om", "--loop", "3"]
    assert all(word.startswith("--") for word in argv[1:-4])


@pytest.mark.parametrize("version", ["6.3.RC2", "7.0.0", "7.0.1"])
def test_before_that_it_is_one_option(version: str) -> None:
    command = ["python3", "/w/x.py", "--dymDims", "a:1,2;b:3"]
    option = arguments(Path("/cann/bin/msprof"), version, Path("/w/p"), command)[-1]
    assert option == "--application=python3 /w/x.py --dymDims a:1,2;b:3"
    for word in ("x y", "", "x\ty"):
        with pytest.raises(ToolFailed, match="blanks"):
            arguments(Path("/cann/bin/msprof"), version, Path("/w/p"), ["python3", word])


def test_before_that_a_module_is_run_by_a_script(tmp_path: Path) -> None:
    """Such an msprof takes what follows a python for a script's path."""
    tell = (
        "words = sys.argv[-1].partition('=')[2].split(' ')\n"
        "import subprocess\n"
        "said = subprocess.run(words, check=True, capture_output=True, text=True).stdout\n"
        "table = out / 'PROF_1' / 'device_0' / 'summary' / 'op_summary_0_1.csv'\n"
        "table.parent.mkdir(parents=True)\n"
        f"table.write_text({HEADER!r} + os.path.basename(words[1]) + said.strip() + ',1\\n')\n"
    )
    site = install_msprof(tmp_path / "cann", tell)
    older = Site(replace(site.installation, version="7.0.0"))
    work = tmp_path / "work"
    work.mkdir()
    (work / "told.py").write_text("import sys\nprint('|'.join(sys.argv[1:]), __name__)\n")
    found = collect(older, [sys.executable, "-m", "told", "--dims", "a:1;b:2"], work, failed=failed)
    assert [row.text("Op Name") for row in rows(found, "op_summary")] == ["run_module.py--dims|a:1;b:2 __main__"]


def test_without_msprof_it_says_what_to_install(tmp_path: Path) -> None:
    site = Site(installation.Installation(tmp_path, "x86_64", "nnrt", "8.1.RC1"))
    with pytest.raises(ToolFailed, match="no msprof: install the toolkit"):
        collect(site, ["/bin/true"], tmp_path, failed=failed)


def test_raw_data_is_exported_once(tmp_path: Path) -> None:
    script = (
        "if '--export=on' in sys.argv:\n"
        "    folder = Path(sys.argv[2].split('=', 1)[1]) / 'device_0' / 'summary'\n"
        "    folder.mkdir()\n"
        f"    (folder / 'op_summary_0_1.csv').write_text({HEADER!r})\n"
        "else:\n"
        "    (out / 'PROF_000001_A' / 'device_0').mkdir(parents=True)\n"
    )
    found = ask(tmp_path, script)
    assert found.name == "PROF_000001_A"
    assert [path.name for path in tables(found, "op_summary")] == ["op_summary_0_1.csv"]


def test_a_program_that_falls_over_at_its_end_has_a_profile(tmp_path: Path) -> None:
    script = (
        "folder = out / 'PROF_1' / 'mindstudio_profiler_output'\n"
        "folder.mkdir(parents=True)\n"
        f"(folder / 'op_summary_1.csv').write_text({HEADER!r})\n"
        "sys.exit(139)\n"
    )
    assert ask(tmp_path, script).name == "PROF_1"


def test_of_several_profiles_the_one_with_operators_is_taken(tmp_path: Path) -> None:
    script = (
        "folder = out / 'PROF_1_DEVICE' / 'mindstudio_profiler_output'\n"
        "folder.mkdir(parents=True)\n"
        f"(folder / 'op_summary_1.csv').write_text({HEADER!r})\n"
        "(out / 'PROF_2_HOST_ONLY' / 'host').mkdir(parents=True)\n"
    )
    assert ask(tmp_path, script).name == "PROF_1_DEVICE"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("print('[ERROR] no space'); sys.exit(1)", r"exit code 1 and left no profile: \[ERROR\] no space"),
        ("os.kill(os.getpid(), 11)", "exit code -11 and left no profile"),
        ("(out / 'PROF_1').mkdir()", "exported no op_summary"),
        ("os.symlink('/etc', out / 'PROF_1')", "left no profile"),
        ("(out / 'PROF_1').write_text('')", "left no profile"),
        ("os.write(1, b'\\xff\\x00' * 1_000_000)", "left no profile"),
    ],
)
def test_without_a_profile_the_reason_is_told(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(ToolFailed, match=message):
        ask(tmp_path, f"if '--export=on' not in sys.argv:\n    {script}\n")


@pytest.mark.parametrize("bound", ["PROFILE_SECONDS", "EXPORT_SECONDS"])
def test_it_is_not_waited_for_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(msprof, bound, 0.4)
    hangs = "--export=on' in sys.argv" if bound == "EXPORT_SECONDS" else "--export=on' not in sys.argv"
    with pytest.raises(ToolFailed, match=r"did not end within 0\.4 s"):
        ask(tmp_path, f"if '{hangs}:\n    time.sleep(60)\n(out / 'PROF_1').mkdir()\n")


def test_devices_are_not_hidden_from_a_profiled_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_RT_VISIBLE_DEVICES", "3")
    with pytest.raises(ToolFailed, match="visible: None"):
        ask(tmp_path, "print('visible:', os.environ.get('ASCEND_RT_VISIBLE_DEVICES'))\n")


@pytest.mark.parametrize(
    "place", ["mindstudio_profiler_output", "device_3/summary", "device_0/mindstudio_profiler_output"]
)
def test_tables_are_found_where_each_generation_puts_them(tmp_path: Path, place: str) -> None:
    profile = profile_with(tmp_path / "PROF_1", place, ["op_summary_1.csv", "op_statistic_1.csv", "op_summary.txt"])
    assert [path.name for path in tables(profile, "op_summary")] == ["op_summary_1.csv"]
    assert [row.text("Op Name") for row in rows(profile, "op_statistic")] == ["op_statistic_1.csv"]
    assert list(rows(profile, "step_trace")) == []


def test_the_newest_table_counts(tmp_path: Path) -> None:
    profile = profile_with(tmp_path, "mindstudio_profiler_output", ["op_summary_2.csv", "op_summary_1.csv"])
    for age, path in enumerate(sorted((tmp_path / "mindstudio_profiler_output").iterdir())):
        os.utime(path, ns=(0, 1000 - age))
    assert [row.text("Op Name") for row in rows(profile, "op_summary")] == ["op_summary_1.csv"]


def test_a_table_in_slices_is_read_whole_and_in_order(tmp_path: Path) -> None:
    names = [f"op_summary_slice_{number}_20250815013902.csv" for number in (0, 2, 10, 1)]
    others = ["op_summary_slice_0_20250101000000.csv", "op_summary_20250101000000.csv"]
    found = profile_with(tmp_path, "mindstudio_profiler_output", [*names, *others])
    for age, name in enumerate([*others, *sorted(names)]):
        os.utime(found / "mindstudio_profiler_output" / name, (1000 + age, 1000 + age))
    read = [row.text("Op Name").split("_")[3] for row in rows(found, "op_summary")]
    assert read == ["0", "1", "2", "10"]


def test_slices_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = profile_with(tmp_path, "summary", ["op_summary_slice_0_1.csv", "op_summary_slice_1_1.csv"])
    one = (found / "summary" / "op_summary_slice_0_1.csv").stat().st_size
    monkeypatch.setattr(msprof, "MAX_TABLE_BYTES", one)
    with pytest.raises(BadOutput, match="fewer runs"):
        list(rows(found, "op_summary"))


def test_links_lead_nowhere(tmp_path: Path) -> None:
    outside = profile_with(tmp_path / "outside", "summary")
    profile = tmp_path / "PROF_1"
    (profile / "summary").mkdir(parents=True)
    (profile / "summary" / "op_summary_1.csv").symlink_to(outside / "summary" / "op_summary_1.csv")
    (profile / "device_0").symlink_to(outside)
    os.mkfifo(profile / "summary" / "op_summary_2.csv")
    (profile / "summary" / "op_summary_3.csv").mkdir()
    assert tables(profile, "op_summary") == []


def test_a_huge_table_is_refused_before_it_is_read(tmp_path: Path) -> None:
    profile = profile_with(tmp_path, "summary")
    with (tmp_path / "summary" / "op_summary_1.csv").open("r+b") as file:
        file.truncate(msprof.MAX_TABLE_BYTES + 1)
    with pytest.raises(BadOutput, match="profile fewer runs"):
        next(rows(profile, "op_summary"))


def test_only_so_many_profiles_are_looked_at(tmp_path: Path) -> None:
    for number in range(msprof.MAX_FOLDERS + 6):
        folder = tmp_path / f"PROF_{number:03}"
        folder.mkdir()
        os.utime(folder, ns=(0, number))
    found = profiles(tmp_path)
    assert len(found) == msprof.MAX_FOLDERS
    assert found[-1].name == f"PROF_{msprof.MAX_FOLDERS + 5:03}"


def test_each_release_is_told_in_its_own_way(stand_ins: StandIns, tmp_path: Path) -> None:
    stand_ins.break_("msprof", "missing")
    with pytest.raises(ToolFailed, match="left no profile"):
        collect(site_of(stand_ins), ["/bin/echo", "ran;1"], tmp_path, failed=failed)
    (call,) = stand_ins.calls("msprof")
    if stand_ins.tree.generation == "7":
        assert call["argv"][-1] == "--application=/bin/echo ran;1"
    else:
        assert call["argv"][-2:] == ["/bin/echo", "ran;1"]


@pytest.mark.parametrize("fault", ["hang", "crash"])
def test_a_profiler_that_never_starts_the_program(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = shared("8.1")
    monkeypatch.setattr(msprof, "PROFILE_SECONDS", 1.0)
    made.break_("msprof", fault)
    try:
        with pytest.raises(ToolFailed, match="did not end within 1 s" if fault == "hang" else "exit code -11"):
            collect(site_of(made), ["/bin/true"], tmp_path, failed=failed)
    finally:
        made.mend()

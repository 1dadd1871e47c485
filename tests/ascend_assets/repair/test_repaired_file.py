"""The file that a repair leaves: whole or not at all, and never over another one unasked."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import onnx
import pytest

from ascend_assets.repair import repaired_file
from ascend_assets.repair.file_bench import FileBench
from ascend_assets.repair.repaired_file import NotWritten
from benchmarks.two_layers import two_layers
from resources.home import PROJECT


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_is_written_as_a_file_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "fixed.onnx"
    repaired_file.check(path, replace=False)
    repaired_file.write(path, b"whole", replace=False)
    assert path.read_bytes() == b"whole"
    assert path.stat().st_mode & 0o777 == 0o644
    assert names(tmp_path) == ["fixed.onnx"]


def test_what_is_there_stays_unless_it_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "fixed.onnx"
    path.write_bytes(b"mine")
    with pytest.raises(NotWritten, match="exists already"):
        repaired_file.check(path, replace=False)
    with pytest.raises(NotWritten, match="exists already"):
        repaired_file.write(path, b"new", replace=False)
    assert path.read_bytes() == b"mine"
    repaired_file.check(path, replace=True)
    repaired_file.write(path, b"new", replace=True)
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["fixed.onnx"]


def test_a_link_that_leads_nowhere_is_something_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "fixed.onnx"
    path.symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(NotWritten, match="exists already"):
        repaired_file.check(path, replace=False)
    repaired_file.write(path, b"new", replace=True)
    assert not (tmp_path / "elsewhere.onnx").exists(), "the link is replaced, not followed"
    assert path.read_bytes() == b"new"


def test_where_nothing_can_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match="its folder does not exist"):
        repaired_file.check(tmp_path / "none" / "fixed.onnx", replace=True)
    with pytest.raises(NotWritten, match="is a folder"):
        repaired_file.check(tmp_path, replace=True)


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from ascend_assets.repair import repaired_file\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))\n"
        "try: repaired_file.write(Path(sys.argv[1]), b'x' * 4096, replace=True)\n"
        "except repaired_file.NotWritten as error: print(error)\n"
    )
    path = tmp_path / "fixed.onnx"
    path.write_bytes(b"mine")
    done = subprocess.run([sys.executable, "-c", code, path], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "cannot be written" in done.stdout
    assert path.read_bytes() == b"mine"
    assert names(tmp_path) == ["fixed.onnx"]


def test_a_writer_that_is_killed_leaves_what_was_before(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ascend_assets.repair import repaired_file\n"
        "print('ready', flush=True)\n"
        "while True: repaired_file.write(Path(sys.argv[1]), sys.argv[2].encode() * 400_000, replace=True)\n"
    )
    path = tmp_path / "fixed.onnx"
    for letter in "abc":
        child = subprocess.Popen([sys.executable, "-c", code, path, letter], cwd=PROJECT, stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
        child.wait(30)
        child.stdout.close()
        assert not path.exists() or path.read_bytes() in {each * 400_000 for each in (b"a", b"b", b"c")}
    repaired_file.write(path, b"after", replace=True)
    assert names(tmp_path) == ["fixed.onnx"], "what killed writers left is swept"


def test_without_an_edit_it_is_the_given_file(tmp_path: Path) -> None:
    path = tmp_path / "given.onnx"
    # A field that no reader knows: reading and writing anew would drop or move it.
    data = two_layers().SerializeToString() + b"\xfa\x7f\x03own"
    path.write_bytes(data)
    bench = FileBench(path)
    assert repaired_file.content(path, bench.sha256, bench.model, bench.model) == data
    path.write_bytes(two_layers(seed=1).SerializeToString())
    with pytest.raises(NotWritten, match="was changed while it was looked at"):
        repaired_file.content(path, bench.sha256, bench.model, bench.model)


def test_an_edited_graph_is_written_as_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "given.onnx"
    path.write_bytes(two_layers().SerializeToString())
    bench, edited = FileBench(path), two_layers(seed=2)
    data = repaired_file.content(path, bench.sha256, bench.model, edited)
    assert onnx.ModelProto.FromString(data) == edited


def test_weights_that_lie_apart_come_along(tmp_path: Path) -> None:
    onnx.save(two_layers(), tmp_path / "a.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    bench = FileBench(tmp_path / "a.onnx")
    data = repaired_file.content(bench.path, bench.sha256, bench.model, bench.model)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    repaired_file.write(elsewhere / "b.onnx", data, replace=False)
    FileBench(elsewhere / "b.onnx")

"""`ascend preflight` as its users meet it: one object or one line, in bounded time, whatever the file is."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import strange_models
from onnx import helper, numpy_helper
from strange_models import named

from benchmarks.two_layers import two_layers
from resources.home import PROJECT

if TYPE_CHECKING:
    from cli_fixtures import Ascend


def written(folder: Path, model: onnx.ModelProto, name: str = "model.onnx") -> Path:
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


UNREADABLE = ["claims_gigabytes", "device", "empty", "flipped", "folder", "lfs", "line_break", "missing"]
UNREADABLE += ["pickle", "pipe", "text", "truncated"]


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_model_is_told_in_one_line(tmp_path: Path, ascend: "Ascend", name: str) -> None:
    paths = strange_models.write_bytes(tmp_path)
    assert sorted(paths) == UNREADABLE
    ended = ascend("preflight", paths[name], "--json")
    assert ended.code == 2
    assert ended.out == ""
    (line,) = ended.err.splitlines()
    assert line.startswith("ascend: ")
    assert "Traceback" not in line
    assert line.isprintable()


def test_a_file_without_permission_is_told_in_one_line(
    tmp_path: Path, here: "Callable[..., Any]", monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(path: Path, *_: Any) -> int:  # root, who runs some CI, may read everything
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    path = written(tmp_path, two_layers())
    monkeypatch.setattr("resources.regular_files.os.open", denied)
    code, out, err = here("preflight", str(path), "--json")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "Permission denied" in err


def test_a_refused_model_prints_its_object_and_one_line(tmp_path: Path, ascend: "Ascend") -> None:
    ended = ascend("preflight", written(tmp_path, two_layers(scale=1e6)), "--json")
    assert ended.code == 1
    found = ended.object
    assert found["first_bad_layer"]["node"] == "hidden"
    assert next(v for v in found["verdicts"] if v["criterion"] == "cosine_similarity")["value"] is None
    (line,) = ended.err.splitlines()
    assert line.startswith("ascend: ")
    assert "overflow_layers" in line


def test_an_admissible_model_prints_its_object_and_nothing_else(tmp_path: Path, ascend: "Ascend") -> None:
    ended = ascend("preflight", written(tmp_path, two_layers()), "--json", "--soc", "Ascend910B3", "--batch", "4")
    assert (ended.code, ended.err) == (0, "")
    assert ended.object["soc"] == "Ascend910B3"


def test_a_person_reads_what_was_assumed_what_it_comes_to_and_who_says_so(tmp_path: Path, ascend: "Ascend") -> None:
    ended = ascend("preflight", written(tmp_path, two_layers()), COLUMNS="100")
    assert ended.code == 0
    assert "a batch of 1 is assumed: --batch N for another" in ended.out
    assert "emulated on this machine's CPU" in ended.out
    assert "beyond the limit of staging and prod: aicore_utilisation" in ended.out
    assert ended.out.splitlines()[-1].startswith("admissible in dev: 17 pass, 0 refused, 0 open")
    assert "reading" in ended.err
    assert "ascend:" not in ended.err


@pytest.mark.parametrize("columns", [40, 80, 100, 200])
def test_tables_fit_the_terminal(tmp_path: Path, ascend: "Ascend", columns: int) -> None:
    ended = ascend("preflight", written(tmp_path, two_layers(scale=1e6)), COLUMNS=str(columns))
    lines = ended.out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("refused"))
    end = next(i for i, line in enumerate(lines) if line.startswith("estimate"))
    assert max(map(len, lines[start:end])) <= columns
    assert all(line == line.rstrip() for line in lines)
    assert "overflow_layers" in ended.out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--soc", "ascend310p3"], "perhaps Ascend310P3"),
        (["--soc", "910b3"], "perhaps Ascend910B3"),
        (["--soc", "nothing"], "give one of Ascend310, "),
        (["--input-shape", "x=3"], "--input-shape"),
        (["--input-shape", "x:0,8"], "'0' is no dimension"),
        (["--batch", "0"], "--batch"),
        (["--batch", "many"], "--batch"),
        (["--precision-mode", "fp16"], "force_fp16"),
        (["--precision-mode", "force_fp16", "--precision-mode-v2", "fp16"], "exclude each other"),
        (["--inputs", "none.npz"], "none.npz: no such file"),
        (["--timeout", "0"], "--timeout"),
        (["--nonsense"], "--nonsense"),
        (["another.onnx"], "another.onnx"),
    ],
)
def test_a_bad_option_is_told_with_the_good_ones(
    tmp_path: Path, here: "Callable[..., Any]", options: list[str], says: str
) -> None:
    code, out, err = here("preflight", str(written(tmp_path, two_layers())), "--json", *options)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("ascend: ")
    assert says in line


HOSTILE = "\x1b[2J\x1b[31m\u202eevil\x9b\x07\n\t"


def test_names_do_not_move_the_cursor(tmp_path: Path, here: "Callable[..., Any]") -> None:
    path = written(tmp_path, named(HOSTILE))
    for options in ([], ["--json"]):
        code, out, err = here("preflight", str(path), *options)
        assert code == 0, err
        assert all(line.isprintable() for line in (out + err).splitlines())
        assert "evil" in out


def test_names_in_the_last_line_do_not_move_the_cursor(tmp_path: Path, here: "Callable[..., Any]") -> None:
    code, _, err = here("preflight", str(tmp_path / f"{HOSTILE}.onnx"))
    assert code == 2
    assert all(line.isprintable() for line in err.splitlines())


def test_chinese_names_and_paths_are_shown_as_they_are(tmp_path: Path, ascend: "Ascend") -> None:
    folder = tmp_path / "\u6a21\u578b"
    folder.mkdir()
    path = written(folder, named("\u5377\u79ef"), "\u5206\u7c7b.onnx")
    ended = ascend("preflight", path, COLUMNS="100")
    assert ended.code == 0
    assert "\u5206\u7c7b.onnx" in ended.out
    assert "\u5377\u79ef" in ended.out
    found = ascend("preflight", path, "--json").object
    assert found["layers"][0]["node"] == "\u5377\u79ef"


def test_a_terminal_without_the_letters_is_no_error(tmp_path: Path, ascend: "Ascend") -> None:
    path = written(tmp_path, named("\u5377\u79ef"))
    assert ascend("preflight", path, PYTHONIOENCODING="ascii").code == 0
    ended = ascend("preflight", path, "--json", PYTHONIOENCODING="ascii")
    assert ended.object["layers"][0]["node"] == "\u5377\u79ef"


@pytest.mark.parametrize(("scale", "code"), [(1.0, 0), (1e6, 1)])
def test_a_reader_that_goes_away_changes_no_answer(tmp_path: Path, scale: float, code: int) -> None:
    path = written(tmp_path, two_layers(scale=scale))
    command = [sys.executable, "-m", "ascend_assets.cli", "preflight", str(path), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=PROJECT) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(60) == code


def chain(rows: int, columns: int, op: str, length: int) -> onnx.ModelProto:
    """A hundred bytes that ask for a lot: a number is spread over a large tensor and computed with, again and again."""
    size = numpy_helper.from_array(np.array([rows, columns], np.int64), "size")
    nodes = [helper.make_node("Expand", ["x", "size"], ["l0"], name="spread")]
    for i in range(length):
        inputs = [f"l{i}"] * (2 if op == "MatMul" else 1)
        nodes.append(helper.make_node(op, inputs, [f"l{i + 1}"], name=f"{op}{i}"))
    nodes.append(helper.make_node("ReduceMean", [f"l{length}"], ["y"], name="mean"))
    value = strange_models.value
    return strange_models.model(nodes, [value("x", [1, 1])], [value("y", [1, 1])], [size])


def test_a_model_that_would_compute_for_hours_is_given_up(tmp_path: Path, ascend: "Ascend") -> None:
    path = written(tmp_path, chain(6000, 6000, "MatMul", 500))
    begin = time.monotonic()
    ended = ascend("preflight", path, "--json", "--timeout", "3", timeout=60)
    assert time.monotonic() - begin < 120
    assert (ended.code, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    assert "no answer within 3 s" in line
    assert "--timeout" in line


def test_a_model_that_would_fill_the_memory_is_told_so(tmp_path: Path) -> None:
    path = written(tmp_path, chain(2**14, 2**14, "Relu", 4))
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_DATA, (900_000_000,) * 2); sys.argv[1:] = {}; "
    code = f"{limited.format(['preflight', str(path), '--json'])}from ascend_assets.cli.main import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    assert ended.stderr == (
        "ascend: needs more memory than is free on this machine: give a smaller --batch or --input-shape\n"
    )

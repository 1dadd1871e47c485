"""Compiling with `atc`: a model is taken when everything agrees, and every other end has a name."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import onnx
import pytest
from atc_double import FAILED, START, SUCCESS, SUPPORT, Double, Plan, failing, install
from onnx import helper
from onnx_samples import model, value, weight

from resources.ascend.cann.compiling import atc
from resources.ascend.cann.errors import NoInstallation, ToolFailed
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Compiled, CompileRefused, ToolchainIdentity
from resources.digests import sha256_file

OPTIONS = CompileOptions(soc_version="Ascend310P3", keep_dtype=("/head/Pow",))
IDENTITY = ToolchainIdentity(name="cann", version="7.7.0.1.238 V100R001C21", cann="8.1.RC1", origin="measured")
BEFORE = b"what was there"
STAMP = "[PID: 7] 2026-01-02-03:04:05.006.007 "


@pytest.fixture
def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Double:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return install(tmp_path / "machine")


@pytest.fixture
def net(tmp_path: Path) -> Path:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "/body/Relu"),
        helper.make_node("Relu", ["a"], ["b"], "/body/Relu_1"),
        helper.make_node("Pow", ["b", "w"], ["c"], "/head/Pow"),
        helper.make_node("Sigmoid", ["c"], ["y"]),
    ]
    path = tmp_path / "net.onnx"
    onnx.save(model(nodes, [value("x", [1, 4])], [value("y", [1, 4])], [weight("w", 1, 4)]), path)
    return path


@pytest.fixture
def output(tmp_path: Path) -> Path:
    path = tmp_path / "place" / "net.om"
    path.parent.mkdir()
    path.write_bytes(BEFORE)
    return path


def convert(double: Double, net: Path, output: Path, options: CompileOptions = OPTIONS, **more: Any) -> Compiled:
    return atc.convert(double.site, net, options, output, identity=IDENTITY, **more).compiled


def refused(double: Double, net: Path, output: Path, options: CompileOptions = OPTIONS) -> CompileRefused:
    with pytest.raises(CompileRefused) as caught:
        convert(double, net, output, options)
    untouched(output)
    return caught.value


def failed(double: Double, net: Path, output: Path, **more: Any) -> ToolFailed:
    with pytest.raises(ToolFailed) as caught:
        convert(double, net, output, **more)
    untouched(output)
    return caught.value


def untouched(output: Path) -> None:
    """Nothing is left behind, in place or elsewhere."""
    assert output.read_bytes() == BEFORE
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


def test_a_model_is_compiled(double: Double, net: Path, output: Path) -> None:
    compiled = convert(double, net, output)
    assert output.read_bytes().startswith(b"IMOD")
    assert compiled.info.onnx_sha256 == sha256_file(net)
    assert compiled.info.options == OPTIONS
    assert compiled.info.toolchain == IDENTITY
    assert compiled.report.warnings == ()
    assert compiled.report.log == (START + SUCCESS).strip()
    assert [path.name for path in output.parent.iterdir()] == [output.name]
    assert list(Path(tempfile.gettempdir()).iterdir()) == []
    assert double.said == ["atc compiles for Ascend310P3"]


def test_what_atc_is_given_is_named_by_content(double: Double, net: Path, output: Path) -> None:
    convert(double, net, output)
    given = dict(word[2:].split("=", 1) for word in double.call["argv"])
    assert given["model"] == f"{sha256_file(net)}.onnx"
    assert given["framework"] == "5"
    assert given["soc_version"] == "Ascend310P3"
    assert given["keep_dtype"] in double.call["files"]
    assert {given["model"], given["keep_dtype"], "out"} == set(double.call["files"])


def test_atc_runs_in_a_folder_of_its_own_with_cann_s_environment(double: Double, net: Path, output: Path) -> None:
    convert(double, net, output)
    work = double.call["cwd"]
    assert work.startswith(tempfile.gettempdir())
    assert double.call["env"]["ASCEND_WORK_PATH"] == work
    assert double.call["env"]["ASCEND_HOME_PATH"] == str(double.site.installation.home)


def test_the_same_work_has_the_same_identity_and_other_work_another(double: Double, net: Path, output: Path) -> None:
    first = convert(double, net, output).info.identity
    assert convert(double, net, output).info.identity == first
    others = OPTIONS.model_copy(update={"keep_dtype": ("/body/Relu",)}), CompileOptions(soc_version="Ascend310P3")
    assert len({first, *(convert(double, net, output, options).info.identity for options in others)}) == 3


def test_the_name_of_a_model_that_depends_on_its_host_does_not_matter(double: Double, net: Path, output: Path) -> None:
    double.plan(Plan(oms={"_linux_x86_64.om": ""}))
    convert(double, net, output)
    assert output.read_bytes().startswith(b"IMOD")


def test_warnings_after_success_are_kept_about_onnx_nodes(double: Double, net: Path, output: Path) -> None:
    warning = "W11001: Op [PartitionedCall_/body/Relu_1_Relu_7] does not hit the high-priority operator information.\n"
    double.plan(Plan(stdout=START + SUCCESS + warning))
    (kept,) = convert(double, net, output).report.warnings
    assert (kept.code, kept.nodes) == ("W11001", ("/body/Relu_1",))


def test_a_refusal_names_every_onnx_node(double: Double, net: Path, output: Path) -> None:
    line = "No supported Ops kernel and engine are found for [{}], optype [Relu].\n"
    trace = "        TraceBack (most recent call last):\n        " + line.format("PartitionedCall_/body/Relu_1_Relu_86")
    double.plan(failing(f"EZ3003: {line.format('/body/Relu')}{trace}"))
    error = refused(double, net, output)
    (reason,) = error.diagnostics
    assert (reason.code, reason.nodes) == ("EZ3003", ("/body/Relu", "/body/Relu_1"))
    assert "EZ3003: No supported" in error.log
    assert "EZ3003" in str(error)


def test_a_type_that_has_no_parser_is_all_its_nodes(double: Double, net: Path, output: Path) -> None:
    double.plan(failing("E16002: No ONNX parser is registered for optype [ai.onnx::13::Relu].\n"))
    assert refused(double, net, output).diagnostics[0].nodes == ("/body/Relu", "/body/Relu_1")


def test_a_node_without_a_name_is_found(double: Double, net: Path, output: Path) -> None:
    double.plan(failing("E19010: No parser is registered for Op [Sigmoid_0, optype [ai.onnx::13::Sigmoid]].\n"))
    assert refused(double, net, output).diagnostics[0].nodes == ("Sigmoid_0",)


def test_an_option_s_value_is_not_taken_for_a_node(double: Double, net: Path, output: Path) -> None:
    double.plan(failing("E10016: Opname [/head/Pow_9] specified in [--keep_dtype] is not found in the model.\n"))
    assert refused(double, net, output).diagnostics[0].nodes == ("/head/Pow_9",)


def test_the_check_report_names_what_the_console_does_not(double: Double, net: Path, output: Path) -> None:
    failures = [
        {
            "name": name,
            "type": kind,
            "result": "failed",
            "cause": [{"code": 1, "message": "The type is not supported."}],
        }
        for name, kind in (("/body/Relu", "ai.onnx::13::Relu"), ("/body/Relu_1", "ai.onnx::13::Relu"))
    ]
    report = {"op": [*failures, {"name": "Sigmoid_0", "type": "ai.onnx::13::Sigmoid", "result": "success"}]}
    said = "E13010: No operator plugin is registered for Op: /body/Relu, optype: ai.onnx::13::Relu.\n"
    double.plan(failing(said, files={"check_result.json": json.dumps(report)}))
    (reason,) = refused(double, net, output).diagnostics
    assert reason.nodes == ("/body/Relu", "/body/Relu_1")
    double.plan(failing("E19999: Inner Error!\n", files={"check_result.json": json.dumps(report)}))
    assert [d.nodes for d in refused(double, net, output).diagnostics] == [(), ("/body/Relu", "/body/Relu_1")]


def test_a_check_report_that_is_none_is_said_and_loses_nothing(double: Double, net: Path, output: Path) -> None:
    double.plan(failing("E16001: Model has no [input] node.\n", files={"check_result.json": "[[["}))
    error = refused(double, net, output)
    assert [d.code for d in error.diagnostics] == ["E16001"]
    assert "check_result.json is no JSON" in error.log


def test_an_inner_error_is_explained_by_the_log_files(double: Double, net: Path, output: Path) -> None:
    plog = (
        "[INFO] GE(7,atc.bin):2026-01-02-03:04:05.006.007 [a.cc:1]7 Run: fine\n"
        "[ERROR] GE(7,atc.bin):2026-01-02-03:04:05.006.007 [graph.cc:263]7 Link: src_out_anchor is nullptr\n"
    )
    files = {"debug/plog/plog-7_20260102.log": plog}
    double.plan(
        failing("E19999: Internal Error!\n        An unknown error occurred. Please check the log.\n", files=files)
    )
    error = refused(double, net, output)
    assert error.diagnostics[0].cause == "GE graph.cc:263: 7 Link: src_out_anchor is nullptr"
    assert error.log.endswith("plog:\nGE graph.cc:263: 7 Link: src_out_anchor is nullptr")


def test_a_failure_without_a_reason_is_a_refusal(double: Double, net: Path, output: Path) -> None:
    double.plan(failing(""))
    (reason,) = refused(double, net, output).diagnostics
    assert (reason.code, reason.message) == ("E19999", "atc printed its failure line and no error (exit code 255)")


def test_exit_0_with_the_failure_line_is_a_refusal(double: Double, net: Path, output: Path) -> None:
    double.plan(Plan(stdout=START + FAILED + "E16004: ONNX model has no graph.\n"))
    assert refused(double, net, output).diagnostics[0].code == "E16004"


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("EC0010: Failed to import Python module [ModuleNotFoundError: No module named 'decorator'.].\n", "decorator"),
        (
            "E40001: TBE is broken.\n        Solution: Install Python 3.9.\n",
            "broken.; Install Python 3.9.",
        ),
        ("E10001: Value [linux] for parameter [--host_env_os] is invalid.\n", "host_env_os"),
        (
            f"{STAMP}Environment_Error(E10063): Failed to call localtime.\n",
            "localtime.; `ascend doc",
        ),
        (
            "E20001: Failed to compile Op [p]. (optype: [Pow])\nOSError: No space left on device\n",
            "disk is full",
        ),
    ],
)
def test_a_fault_of_the_machine_is_no_refusal(double: Double, net: Path, output: Path, said: str, remedy: str) -> None:
    double.plan(failing(said))
    error = failed(double, net, output)
    assert "atc cannot work on this machine" in str(error)
    assert remedy in str(error)
    assert FAILED.strip() in error.log


def test_noise_about_the_machine_does_not_hide_a_refusal(double: Double, net: Path, output: Path) -> None:
    said = "E19010: No parser is registered for Op [/head/Pow, optype [ai.onnx::13::Pow]].\n"
    double.plan(failing(said, stderr="ImportWarning: No module named 'decorator'\n"))
    (reason,) = refused(double, net, output).diagnostics
    assert reason.nodes == ("/head/Pow",)
    assert "pip install decorator" in reason.solution


def test_an_inner_error_that_shows_a_fault_of_the_machine_is_no_refusal(
    double: Double, net: Path, output: Path
) -> None:
    double.plan(failing("E19999: Inner Error!\nE19999  failed: No module named 'decorator'\n"))
    assert "decorator" in str(failed(double, net, output))


@pytest.mark.parametrize(
    ("plan", "what"),
    [
        (Plan(stdout=START, oms={}), "printed neither its success line nor its failure line"),
        (Plan(stdout=""), "printed neither its success line nor its failure line"),
        (Plan(code=1), "printed its success line and then ended with exit code 1"),
        (Plan(stdout=START, code=3, oms={}), "ended with exit code 3 and printed no reason"),
        (Plan(oms={}), "instead of one .om there is none"),
        (Plan(oms={".om": "", "_linux_x86_64.om": ""}), "there is model.om and model_linux_x86_64.om"),
        (Plan(cut=100), "its file cannot be used: out/model.om"),
        (Plan(cut=10**9), "its file cannot be used: out/model.om"),
        (Plan(oms={".om": "Ascend310B4"}), "compiled for Ascend310B4 and not for Ascend310P3"),
        (Plan(command_line="atc --model=other.onnx --framework=5"), "cannot be used"),
        (
            Plan(command_line=f"atc --model={'0' * 64}.onnx --framework=5 --soc_version=Ascend310P3"),
            "as its model and not",
        ),
        (Plan(stdout=START, kill=signal.SIGSEGV, oms={}), "was killed by SIGSEGV"),
        (Plan(stdout=START, code=128 + signal.SIGKILL, oms={}), "was killed by SIGKILL (was memory short?"),
        (Plan(stdout="", stderr="atc.bin: not found\n", code=127, oms={}), "could not be started (exit code 127)"),
    ],
)
def test_what_does_not_agree_is_a_failure(double: Double, net: Path, output: Path, plan: Plan, what: str) -> None:
    double.plan(plan)
    assert what in str(failed(double, net, output))


def test_a_driver_library_that_is_missing_is_said_with_its_remedy(double: Double, net: Path, output: Path) -> None:
    said = "atc.bin: error while loading shared libraries: libascend_hal.so: cannot open shared object file: No such\n"
    double.plan(Plan(stdout="", stderr=said, code=127, oms={}))
    assert "atc cannot work on this machine" in str(failed(double, net, output))


def test_a_run_that_takes_too_long_is_stopped(double: Double, net: Path, output: Path) -> None:
    double.plan(Plan(stdout=START, sleep=60))
    started = time.monotonic()
    error = failed(double, net, output, timeout=0.5)
    assert time.monotonic() - started < 50
    assert "took longer than 0.5 s for net.onnx" in str(error)
    assert "TE_PARALLEL_COMPILER" in str(error)
    with pytest.raises(ProcessLookupError):
        os.kill(double.call["pid"], 0)


def test_what_is_known_to_be_refused_is_refused_before_atc_runs(double: Double, net: Path, output: Path) -> None:
    error = refused(double, net, output, CompileOptions(soc_version="Ascend310P4"))
    assert error.diagnostics
    assert error.log.startswith("atc was not started, for it would fail:")
    assert not double.called


def test_what_is_no_onnx_file_is_refused_before_atc_runs(double: Double, tmp_path: Path, output: Path) -> None:
    path = tmp_path / "garbage.onnx"
    path.write_bytes(b"PK\x03\x04 garbage")
    for each in (path, tmp_path / "missing.onnx"):
        (reason,) = refused(double, each, output).diagnostics
        assert reason.code == "E10041"
        assert str(each) in reason.message
        assert str(each) in reason.cause
    assert not double.called


def external(path: Path, location: str) -> Path:
    big = model(
        [helper.make_node("Add", ["x", "w"], ["y"], "add")],
        [value("x", [4, 4])],
        [value("y", [4, 4])],
        [weight("w", 4, 4)],
    )
    (tensor,) = big.graph.initializer
    data = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    target = path.parent / location
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    path.write_bytes(big.SerializeToString())
    return path


def test_external_data_lies_beside_the_model(double: Double, tmp_path: Path, output: Path) -> None:
    path = external(tmp_path / "given" / "big.onnx", "data/weights.bin")
    convert(double, path, output, CompileOptions(soc_version="Ascend310P3"))
    assert "data/weights.bin" in double.call["files"]


@pytest.mark.parametrize("location", ["../weights.bin", "out", "out/model.om", "given.onnx"])
def test_external_data_elsewhere_or_in_the_way_is_refused(
    double: Double, tmp_path: Path, output: Path, location: str
) -> None:
    (reason,) = refused(double, external(tmp_path / "given" / "big.onnx", location), output).diagnostics
    assert reason.code == "E10041"
    assert "external data" in reason.cause or "keeps its data" in reason.cause
    assert not double.called


def test_atc_cannot_change_the_file_that_it_is_given(double: Double, net: Path, output: Path) -> None:
    digest = sha256_file(net)
    double.plan(Plan(files={f"{digest}.onnx": "overwritten"}))
    convert(double, net, output)
    assert sha256_file(net) == digest


@pytest.mark.parametrize("place", ["fusion_result.json", "FE/4242/fusion_result.json"])
def test_what_the_fusion_passes_did_is_known(double: Double, net: Path, output: Path, place: str) -> None:
    said = {"graph_fusion": {"ConvPass": {"effect_times": "1", "match_times": "2"}}}
    double.plan(Plan(files={place: json.dumps(said)}))
    found = atc.convert(double.site, net, OPTIONS, output, identity=IDENTITY)
    assert found.fusion is not None
    assert found.fusion.effective == ("ConvPass",)


def test_a_fusion_result_that_is_none_is_said_and_stops_nothing(double: Double, net: Path, output: Path) -> None:
    double.plan(Plan(files={"fusion_result.json": "garbage"}))
    assert atc.convert(double.site, net, OPTIONS, output, identity=IDENTITY).fusion is None
    assert "fusion_result.json is no JSON" in double.said[-1]


def test_the_end_of_a_huge_log_is_read_and_the_report_is_bounded(double: Double, net: Path, output: Path) -> None:
    noise = "[INFO] GE(1,atc.bin) noise noise noise noise noise noise noise noise noise\n" * 13_000
    double.plan(Plan(stdout=noise, times=10, stderr=FAILED + "E16004: ONNX model has no graph.\n", code=255, oms={}))
    error = refused(double, net, output)
    assert [d.code for d in error.diagnostics] == ["E16004"]
    assert len(error.log) < atc.LOG_CHARACTERS + 100


def test_text_that_is_not_utf_8_is_read(double: Double, net: Path, output: Path) -> None:
    double.plan(failing("E10041: Failed to load the model from [模型.onnx].\n", encoding="gbk"))
    assert refused(double, net, output).diagnostics[0].code == "E10041"


def test_a_report_does_not_name_the_private_folder(double: Double, net: Path, output: Path) -> None:
    double.plan(Plan(stdout=f"{START}{SUCCESS}", stderr="in {}\n"))
    log = convert(double, net, output).report.log
    assert tempfile.gettempdir() not in log


def test_an_installation_without_atc_says_so(double: Double, net: Path, output: Path) -> None:
    program = double.site.installation.program("atc")
    assert program is not None
    program.unlink()
    with pytest.raises(NoInstallation, match="install the toolkit"):
        convert(double, net, output)
    program.write_text("no program", encoding="utf-8")
    assert "cannot be started" in str(failed(double, net, output))


def test_a_folder_that_cannot_be_written_is_said(double: Double, net: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ToolFailed, match="cannot be written"):
        convert(double, net, tmp_path / "file" / "net.om")


def test_progress_is_told_now_and_then() -> None:
    told: list[str] = []
    times = iter([0.0, 1.0, 4.9, 5.1, 6.0, 11.0, 17.0])
    line = atc._progress(told.append, lambda: next(times))
    for said in ("one", "two", "\x1b[1mthree\x1b[0m", "four", "...", "-\r\\\rsix"):
        line(said)
    assert told == ["atc: 5 s: three", "atc: 11 s", "atc: 17 s: six"]


def test_a_compilation_that_is_killed_leaves_nothing_in_place(double: Double, net: Path, output: Path) -> None:
    double.plan(Plan(stdout=START, sleep=60))
    code = f"""
import sys, pathlib
sys.path[:0] = [{str(SUPPORT)!r}, {str(Path(__file__).parent)!r}]
from resources.ascend.cann.compiling import atc
from resources.ascend.cann.environment.installation import find
from resources.ascend.cann.site import Site
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import ToolchainIdentity
root = pathlib.Path({str(double.site.root)!r})
identity = ToolchainIdentity(name="cann", version="1", cann="8.1.RC1", origin="measured")
atc.convert(Site(find({{}}, root), root=root), pathlib.Path({str(net)!r}), CompileOptions(soc_version="Ascend310P3"),
            pathlib.Path({str(output)!r}), identity=identity)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path(atc.__file__).parents[3]) as child:
        deadline = time.monotonic() + 60
        while not double.called and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.1)
        pid = double.call["pid"]
        child.kill()
    while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
    assert output.read_bytes() == BEFORE
    assert [path.name for path in output.parent.iterdir()] == [output.name]

"""Whatever goes wrong with a tool: one of our errors, which says what to do, in bounded time, leaving nothing."""

import math
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from stand_ins.atc_faults import REFUSALS
from stand_ins.installing import Release, StandIns
from stand_ins.sharing import shared, variables

from resources.ascend.cann.environment.installation import find
from resources.ascend.cann.errors import BadOutput, NoDevice, NoInstallation, ToolFailed
from resources.ascend.cann.npus import npu_smi
from resources.ascend.cann.site import Site
from resources.ascend.cann.toolchain import Cann
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import CompileRefused, NotLoadable, Toolchain
from resources.process import Completed

pytestmark = pytest.mark.timeout(90)

ENVIRONMENTS = frozenset({"E20002", "E40002", "EC0010"})
"""Codes that are the machine's fault and not the model's."""
OF_NODES = frozenset({"E19010", "E20001", "EZ3002", "EZ3003", "EZ9010"})
HANG_SECONDS = 1.0


@dataclass(frozen=True)
class ImpatientSite(Site):
    """A site that waits for one tool, whose command has this word, no longer than a test can."""

    word: str = ""

    def run(self, argv: Sequence[str | Path], *, cwd: Path, timeout: float, **others: Any) -> Completed:
        waits = HANG_SECONDS if any(self.word in str(part) for part in argv) else timeout
        return super().run(argv, cwd=cwd, timeout=waits, **others)


@dataclass(frozen=True)
class Bench:
    """A toolchain on stand-ins, a model, and where its `.om` goes."""

    stand_ins: StandIns
    patient: Cann
    onnx: Path
    om: Path

    def impatient(self, word: str) -> Cann:
        """The same toolchain, waiting for the tool with this word in its command no longer than a test can."""
        made = self.stand_ins
        site = ImpatientSite(find(made.environ, made.root), root=made.root, word=word)
        return Cann(site, made.root / "locks", wait=5)

    def compile(self, cann: Toolchain | None = None) -> Any:
        """Compile for the devices that are there."""
        return (cann or self.patient).compile(self.onnx, CompileOptions(soc_version=self.stand_ins.soc), self.om)

    def infer(self, cann: Toolchain | None = None) -> Any:
        """One batch."""
        image = {"image": np.ones((1, 3, 8, 8), np.float32)}
        return (cann or self.patient).infer(self.om, self.stand_ins.soc, image)

    def compare(self) -> Any:
        """Every layer."""
        image = {"image": np.ones((1, 3, 8, 8), np.float32)}
        return self.patient.compare(self.om, self.stand_ins.soc, self.onnx, image)


def model() -> bytes:
    """Conv, Relu, Flatten, Gemm."""
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["c"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"], name="activation"),
        helper.make_node("Flatten", ["r"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "g"], ["scores"], name="gemm"),
    ]
    random = np.random.default_rng(5)
    weights = [
        numpy_helper.from_array(random.standard_normal((4, 3, 3, 3)).astype(np.float32), "w"),
        numpy_helper.from_array(random.standard_normal((256, 5)).astype(np.float32), "g"),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 8])]
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 5])]
    graph = helper.make_graph(nodes, "faults", inputs, outputs, weights)
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    return made.SerializeToString()  # type: ignore[no-any-return]


def bench(made: StandIns, folder: Path) -> Bench:
    found = find(made.environ, made.root)
    onnx = folder / "model.onnx"
    onnx.write_bytes(model())
    (folder / "out").mkdir()
    patient = Cann(Site(found, root=made.root), made.root / "locks", wait=5)
    return Bench(made, patient, onnx, folder / "out" / "model.om")


def prepared(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, compiled: bool = True
) -> Iterator[Bench]:
    """Stand-ins in order, a compiled model, and afterwards: no file and no process that was not there before."""
    made = shared(release)
    for name, value in variables(made).items():
        monkeypatch.setenv(name, value)
    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(private))
    made.mend()
    ready = bench(made, tmp_path)
    if compiled:
        ready.om.write_bytes(_compiled(ready))
    before = ready.om.read_bytes() if compiled else None
    yield ready
    made.mend()
    assert _processes(made.home) == []
    assert list(private.iterdir()) == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == (["model.om"] if ready.om.exists() else [])
    if compiled:
        assert ready.om.read_bytes() == before


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The middle release, whose ais_bench keeps a session."""
    yield from prepared("8.1", tmp_path, monkeypatch)


@pytest.fixture(params=["7.0", "8.1", "9.1"])
def each(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    yield from prepared(request.param, tmp_path, monkeypatch)


@pytest.fixture(params=["7.0", "9.1"])
def by_command(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The releases whose ais_bench is run for every batch."""
    yield from prepared(request.param, tmp_path, monkeypatch)


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Nothing is compiled yet."""
    yield from prepared("8.1", tmp_path, monkeypatch, compiled=False)


_COMPILED: dict[Path, bytes] = {}


def _compiled(ready: Bench) -> bytes:
    """The model compiled, once for each release."""
    home = ready.stand_ins.home
    if home not in _COMPILED:
        ready.compile()
        _COMPILED[home] = ready.om.read_bytes()
    return _COMPILED[home]


def _processes(home: Path) -> list[str]:
    """Command lines that name the installation, once what is dying has had the time to."""
    end = time.monotonic() + 10
    while (found := list(_running(str(home).encode()))) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def _running(name: bytes) -> Iterator[str]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue  # it ended meanwhile
            if name in line:
                yield line.replace(b"\0", b" ").decode(errors="replace")


@pytest.mark.parametrize("code", sorted(set(REFUSALS) - ENVIRONMENTS))
def test_each_refusal_is_told_with_its_code_and_nodes(each: Bench, code: str) -> None:
    each.stand_ins.break_("atc", code)
    with pytest.raises(CompileRefused) as caught:
        each.compile()
    refused = caught.value
    codes = {item.code for item in refused.diagnostics}
    assert code in codes
    assert "ATC run failed" in refused.log
    if code in OF_NODES:
        nodes = [node for item in refused.diagnostics for node in item.nodes]
        assert sorted(set(nodes)) == ["conv", "gemm"]


@pytest.mark.parametrize(
    ("code", "said"), [("E20002", "ASCEND_OPP_PATH"), ("E40002", "Python"), ("EC0010", "decorator")]
)
def test_a_machine_at_fault_is_no_refusal_of_the_model(each: Bench, code: str, said: str) -> None:
    each.stand_ins.break_("atc", code)
    with pytest.raises(ToolFailed, match=said) as caught:
        each.compile()
    assert code in caught.value.log


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("crash", "SIGSEGV"),
        ("garbage", "exit code 1"),
        ("half_om", "model"),
        ("no_om", "no"),
        ("other_soc_om", "Ascend310"),
        ("two_oms", "instead of one"),
        ("success_line_exit1", "success line"),
        ("silent", "255"),
        ("no_driver", "libascend_hal"),
    ],
)
def test_a_mishap_of_atc_leaves_no_model(fresh: Bench, fault: str, said: str) -> None:
    fresh.stand_ins.break_("atc", fault)
    with pytest.raises(ToolFailed, match=said):
        fresh.compile()
    assert not fresh.om.exists()


@pytest.mark.parametrize("fault", ["exit0_with_failure_line", "non_utf8", "huge_log_failure"])
def test_a_failure_line_is_a_refusal_whatever_stands_around_it(ready: Bench, fault: str) -> None:
    ready.stand_ins.break_("atc", fault)
    with pytest.raises(CompileRefused) as caught:
        ready.compile()
    assert caught.value.diagnostics
    assert len(caught.value.log) < 1024 * 1024


@pytest.mark.parametrize("fault", ["ansi", "huge_log", "host_om"])
def test_noise_around_a_success_is_no_failure(fresh: Bench, fault: str) -> None:
    fresh.stand_ins.break_("atc", fault)
    made = fresh.compile()
    assert fresh.om.stat().st_size > 1000
    assert "ATC run success" in made.report.log
    assert "\x1b" not in made.report.log
    assert len(made.report.log) < 1024 * 1024


def test_a_warning_after_the_success_line_is_kept_with_its_nodes(each: Bench) -> None:
    each.stand_ins.break_("atc", "W11001")
    warnings = each.compile().report.warnings
    assert {item.code for item in warnings} == {"W11001"}
    assert sorted(node for item in warnings for node in item.nodes) == ["activation", "conv"]


def test_an_atc_that_hangs_is_stopped_with_all_that_it_started(ready: Bench) -> None:
    ready.stand_ins.break_("atc", "hang")
    with pytest.raises(ToolFailed, match=r"took longer than .* was stopped"):
        ready.compile(ready.impatient("/atc"))


INFERENCE = [
    ("busy", NoDevice, "507033"),
    ("out_of_memory", ToolFailed, "207001"),
    ("aicore", ToolFailed, "507015"),
    ("wrong_sizes", ToolFailed, "image"),
    ("crash", ToolFailed, r"SIGSEGV|signal|exit code|ended"),
    ("missing_output", (ToolFailed, BadOutput), "output"),
]


@pytest.mark.parametrize(("fault", "error", "said"), INFERENCE)
def test_an_inference_that_fails_says_why(
    each: Bench, fault: str, error: type[Exception] | tuple[type[Exception], ...], said: str
) -> None:
    each.stand_ins.break_("ais_bench", fault)
    with pytest.raises(error, match=said):
        each.infer()


@pytest.mark.parametrize("fault", ["garbage", "garbage_output"])
def test_garbage_is_never_taken_for_an_output(by_command: Bench, fault: str) -> None:
    by_command.stand_ins.break_("ais_bench", fault)
    with pytest.raises((ToolFailed, BadOutput), match=r"ais_bench|msit|output"):
        by_command.infer()


def test_an_inference_that_hangs_is_stopped(by_command: Bench) -> None:
    by_command.infer()
    by_command.stand_ins.break_("ais_bench", "hang")
    with pytest.raises(ToolFailed, match="did not end within"):
        by_command.infer(by_command.impatient("bench"))


def test_a_session_that_hangs_is_stopped(ready: Bench) -> None:
    from resources.ascend.cann.npus import devices
    from resources.ascend.cann.om import om_file, om_identity
    from resources.ascend.cann.running import inference

    site = Site(find(ready.stand_ins.environ, ready.stand_ins.root), root=ready.stand_ins.root)
    held = om_file.read(ready.om)
    options = om_identity.info(held, ready.patient.describe()).options
    device = devices.devices(site)[0]
    ready.stand_ins.break_("ais_bench", "hang")
    image = {"image": np.ones((1, 3, 8, 8), np.float32)}
    with (
        pytest.raises(ToolFailed, match="2 s"),
        inference.open_session(site, device, held, options, timeout=2) as session,
    ):
        session.run(image)


@pytest.mark.parametrize("fault", ["garbage_summary", "missing_summary", "nan_times", "few_times"])
def test_times_are_whole_or_there_are_none(ready: Bench, fault: str) -> None:
    ready.stand_ins.break_("ais_bench", fault)
    with pytest.raises((ToolFailed, BadOutput), match=r"ais_bench|summary|times"):
        ready.patient.profile(ready.om, ready.stand_ins.soc)


@pytest.mark.parametrize("fault", ["no_csv", "garbage_csv", "missing", "crash"])
def test_without_a_profile_nothing_is_invented(ready: Bench, fault: str) -> None:
    ready.stand_ins.break_("msprof", fault)
    found = ready.patient.profile(ready.om, ready.stand_ins.soc)
    assert found.ops == ()
    assert math.isnan(found.aicore_utilisation)
    assert found.measurement is not None
    assert any("msprof" in note or "op_summary" in note for note in found.measurement.notes)


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ("no_devices", (NoDevice, ToolFailed, BadOutput), "npu-smi|NPU"),
        ("garbage", (BadOutput, ToolFailed), "npu-smi"),
        ("crash", ToolFailed, "npu-smi"),
        ("no_driver", ToolFailed, "driver"),
        ("unhealthy", NoDevice, "Alarm"),
    ],
)
def test_devices_that_cannot_be_used_are_not(
    each: Bench, fault: str, error: type[Exception] | tuple[type[Exception], ...], said: str
) -> None:
    each.stand_ins.break_("npu-smi", fault)
    with pytest.raises(error, match=said):
        each.infer()
    assert not any("InferSession" in c["argv"] or "--loop" in c["argv"] for c in each.stand_ins.calls("ais_bench"))


def test_an_npu_smi_that_hangs_is_stopped(ready: Bench) -> None:
    ready.stand_ins.break_("npu-smi", "hang")
    with pytest.raises(ToolFailed, match="did not answer"):
        ready.infer(ready.impatient("npu-smi"))


def test_a_machine_without_npu_smi_has_no_device(ready: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npu_smi, "PLACES", ())
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(NoDevice, match="npu-smi"):
        ready.infer()


@pytest.mark.parametrize(
    ("fault", "said"), [("CompareError", "no dump|exit code 2"), ("garbage", "result|table|column|header")]
)
def test_a_comparison_that_fails_says_why(ready: Bench, fault: str, said: str) -> None:
    ready.stand_ins.break_("msaccucmp", fault)
    with pytest.raises((ToolFailed, BadOutput), match=said):
        ready.compare()


def test_a_comparison_that_hangs_is_stopped(ready: Bench) -> None:
    ready.stand_ins.break_("msaccucmp", "hang")
    image = {"image": np.ones((1, 3, 8, 8), np.float32)}
    with pytest.raises(ToolFailed, match="took longer than"):
        ready.impatient("msaccucmp").compare(ready.om, ready.stand_ins.soc, ready.onnx, image)


def test_an_om_from_a_newer_cann_is_refused_with_the_command_that_rebuilds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer, older = shared("9.1"), shared("8.1")
    for name, value in variables(newer).items():
        monkeypatch.setenv(name, value)
    newer.mend()
    made = bench(newer, tmp_path)
    soc = older.soc
    made.patient.compile(made.onnx, CompileOptions(soc_version=soc), made.om)
    here = Cann(Site(find(older.environ, older.root), root=older.root), tmp_path / "locks", wait=1)
    with pytest.raises(NotLoadable, match=rf"atc .*--soc_version={soc}"):
        here.open(made.om, soc)


def test_an_installation_that_is_gone_is_named(ready: Bench, tmp_path: Path) -> None:
    with pytest.raises(NoInstallation, match="no CANN is installed here"):
        find({"ASCEND_HOME_PATH": str(tmp_path / "gone")}, tmp_path)
    assert ready.om.exists()

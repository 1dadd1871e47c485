"""A diagnosis of a model, of a log, or of both, without trying anything."""

from pathlib import Path

import pytest
from repair_benches import FakeBench, compiled, options, refused

from ascend_assets.diagnosis.case import Case
from ascend_assets.diagnosis.cause import Cause
from ascend_assets.repair import looking
from ascend_assets.repair.file_bench import FileBench
from ascend_assets.repair.looking import Log
from benchmarks.two_layers import two_layers
from resources.ascend.toolchain import Diagnostic

REFUSAL = b"""ATC start working now, please wait for a moment.
...
ATC run failed, Please check the detail log, Try 'atc --help' for more information
E19010: No parser is registered for Op [hidden, optype [ai.onnx::23::MatMul]].
        TraceBack (most recent call last):
"""
MISSING = b"EC0010: Failed to import Python module [ModuleNotFoundError: No module named 'decorator'.].\n"


def test_a_healthy_model_has_no_cause_that_is_believed() -> None:
    bench = FakeBench(lambda _, given: compiled(given))
    found, used = looking.look(two_layers(), options(), bench)
    assert found.status == "healthy"
    assert all(cause.confidence < 0.5 for cause in found.causes)
    assert found.after == found.before
    assert used == options()
    assert len(bench.tried) == 1


def test_a_log_that_tells_of_a_failure_outweighs_a_bench_that_sees_none() -> None:
    model = two_layers()
    log = Log.read(REFUSAL, model)
    assert log
    assert log.diagnostics[0].nodes == ("hidden",)
    found, _ = looking.look(model, options(), FakeBench(lambda _, given: compiled(given)), log)
    assert found.status == "not_repaired"
    assert found.causes[0].confidence >= 0.5
    assert "hidden" in found.causes[0].nodes


def test_what_log_and_bench_both_say_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Diagnostic, ...]] = []

    def listen(case: Case) -> tuple[Cause, ...]:
        seen.append(case.diagnostics)
        return ()

    monkeypatch.setattr(looking, "diagnose", listen)
    model = two_layers()
    bench = FakeBench(lambda _, given: refused(given, "E19010", "E10001", nodes={"E19010": ("hidden",)}))
    looking.look(model, options(), bench, Log.read(REFUSAL, model))
    assert [(item.code, item.nodes) for item in seen[0]] == [("E19010", ("hidden",)), ("E10001", ())]
    assert "ai.onnx::23::MatMul" in seen[0][0].message, "the real compiler's words stand first"


@pytest.mark.parametrize(("text", "family"), [(REFUSAL, "opset"), (MISSING, "environment")])
def test_a_log_alone_names_its_causes(text: bytes, family: str) -> None:
    found = looking.read(Log.read(text, None), options())
    assert found.status == "not_repaired"
    assert family in {cause.family for cause in found.causes if cause.confidence >= 0.5}
    assert found.attempts == ()


@pytest.mark.parametrize("text", [b"", b"ATC run success, welcome to the next use.\n", b"\xff\x00\x1b[2J" * 100])
def test_a_log_without_a_failure_is_healthy(text: bytes) -> None:
    found = looking.read(Log.read(text, None), options())
    assert found.status == "healthy"


def test_a_real_model_and_its_own_refusal(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(two_layers(opset=20).SerializeToString())
    bench = FileBench(path)
    found, used = looking.look(bench.model, options(), bench)
    assert found.causes[0].family == "opset"
    assert used.input_shape == {"x": (1, 8)}
    assert found.before.refused == ("operators_registered", "conversion_errors")

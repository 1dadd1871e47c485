"""The emulator agrees with numpy's FP16 over ONNX's own operator tests, and cannot silently stop to."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from benchmarks import fp16_agreement
from benchmarks.fp16_agreement import DOCS, MARKERS, Result, judge, results, table, write_docs

KNOWN_TO_DIFFER = {"DFT", "STFT", "MaxUnpool", "Resize"}
"""ONNX Runtime and the reference evaluator differ on these in FP32 already (docs/emulator-numerics.md)."""


@pytest.fixture(scope="module")
def found() -> list[Result]:
    return list(results(expanded=False))


def test_nearly_every_test_is_asked(found: list[Result]) -> None:
    assert len(found) > 500
    assert sum(result.verdict == "not run" for result in found) < 0.25 * len(found)


def test_those_that_are_asked_agree(found: list[Result]) -> None:
    asked = [result for result in found if result.verdict != "not run"]
    assert {result.op for result in asked if result.verdict == "differs"} <= KNOWN_TO_DIFFER
    assert sum(result.verdict == "equal" for result in asked) >= 0.96 * len(asked)
    assert sum(result.verdict in {"equal", "one ulp"} for result in asked) >= 0.98 * len(asked)


def test_every_answer_has_its_reason(found: list[Result]) -> None:
    assert all(result.why for result in found if result.verdict == "not run")


def one(op: str) -> onnx.ModelProto:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3]) for name in "xy"]
    graph = helper.make_graph([helper.make_node(op, ["x"], ["y"])], "one", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_difference_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.array([0.1, 1, 10], np.float32)
    assert judge("t", one("Exp"), [x]).verdict == "equal"
    real = fp16_agreement._emulated
    monkeypatch.setattr(fp16_agreement, "_emulated", lambda m, f: {k: v * 1.01 for k, v in real(m, f).items()})
    worse = judge("t", one("Exp"), [x])
    assert worse.verdict == "differs"
    assert worse.ulps > 1


def test_what_onnx_runtime_does_not_know_is_not_run() -> None:
    model = one("Exp")
    model.graph.node[0].domain = "nowhere"
    model.opset_import.append(helper.make_opsetid("nowhere", 1))
    answer = judge("t", model, [np.zeros(3, np.float32)])
    assert (answer.verdict, "not a registered" in answer.why) == ("not run", True)


def test_the_documentation_is_written_between_its_markers(tmp_path: Path) -> None:
    path = tmp_path / "numerics.md"
    path.write_text(f"before\n{MARKERS[0]}\nold\n{MARKERS[1]}\nafter\n", encoding="utf-8")
    counted = [Result("a", "Exp", "equal"), Result("b", "DFT", "differs", 7)]
    write_docs(counted, path)
    assert path.read_text(encoding="utf-8") == f"before\n{MARKERS[0]}\n{table(counted)}\n{MARKERS[1]}\nafter\n"
    with pytest.raises(ValueError, match="markers"):
        write_docs(counted, Path(__file__).parent / "test_calibrate.py")


def test_the_published_table_is_of_the_installed_onnx() -> None:
    assert f"| all, onnx {onnx.__version__} |" in DOCS.read_text(encoding="utf-8")

"""The copilot in the repair loop: where rules are silent it may help, and where it lies it cannot."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from copilot_server import CopilotServer, Reply, says
from onnx import TensorProto, helper

from ascend_assets.copilot.proposer import proposer
from ascend_assets.remedies.kinds import ConvertOpset
from ascend_assets.repair import loop
from ascend_assets.repair.budget import Budget
from ascend_assets.repair.file_bench import FileBench
from ascend_assets.repair.records import Repair
from resources.ascend.options import CompileOptions


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A model whose opset CANN's parser has no operators for."""
    graph = helper.make_graph(
        [
            helper.make_node("Relu", ["x"], ["r"], name="rectified"),
            helper.make_node("Add", ["r", "b"], ["y"], name="sum"),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])],
        [onnx.numpy_helper.from_array(np.linspace(0, 1, 8, dtype=np.float32).reshape(1, 8), "b")],
    )
    made = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), made)
    return made


@pytest.fixture(autouse=True)
def _silent_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(loop, "diagnose", lambda _: ())


def repaired(path: Path, server: CopilotServer, said: list[str]) -> Repair:
    asking = proposer(said.append, server.environ())
    assert asking is not None
    options = CompileOptions(soc_version="Ascend310P3")
    bench = FileBench(path)
    found, _, _ = loop.repair(bench.model, options, bench, budget=Budget(20, 60), proposers=(asking,))
    return found


def answer(*remedies: dict[str, Any]) -> Reply:
    cause = {"explanation_en": "No parser at opset 20.", "explanation_zh": "opset 20 无解析器。", "confidence": 0.4}
    return says({"causes": [{**cause, "remedies": list(remedies)}]})


def test_where_rules_are_silent_a_proposal_that_passes_the_gates_repairs(path: Path, server: CopilotServer) -> None:
    server.reply = answer({"kind": "simplify"}, {"kind": "convert_opset", "to": 15})
    found = repaired(path, server, [])
    assert found.status == "repaired"
    assert found.remedies == (ConvertOpset(to=15),)
    (cause,) = [one for one in found.causes if one.family == "copilot"]
    assert cause.rule == "copilot.1"
    assert "not verified" in cause.explanation.en
    assert {attempt.cause for attempt in found.attempts} == {"copilot.1"}


@pytest.mark.parametrize(
    "reply",
    [
        answer(),
        answer({"kind": "set_limit", "criterion": "operators_registered", "limit": 99}),
        answer({"kind": "choose_soc", "soc_version": "Ascend910B3"}),
        answer({"kind": "clamp_weights", "tensors": ["b"], "bound": 1.0}),
        answer({"kind": "convert_opset", "to": 21}),
        answer({"kind": "keep_dtype", "nodes": ["n1", "n2"]}),
        says({"causes": [], "repaired": True, "verdicts": []}),
        says("The model is healthy."),
        Reply(403),
    ],
)
def test_what_does_not_pass_the_gates_repairs_nothing(reply: Reply, path: Path, server: CopilotServer) -> None:
    before = path.read_bytes()
    server.reply = reply
    found = repaired(path, server, [])
    assert found.status == "not_repaired"
    assert found.remedies == ()
    assert path.read_bytes() == before


def test_an_endpoint_that_is_not_there_costs_a_sentence(path: Path, server: CopilotServer) -> None:
    server.reply = Reply(503, headers={"Retry-After": "0"})
    said: list[str] = []
    assert repaired(path, server, said).status == "not_repaired"
    assert any("the copilot proposes nothing" in line for line in said)

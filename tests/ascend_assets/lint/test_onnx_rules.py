"""Lint of an ONNX file: each fault is found under its own criterion, and no file makes it crash."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from lint_samples import graph_model, save, spec
from onnx import TensorProto, helper, numpy_helper

from ascend_assets.lint import onnx_rules
from ascend_assets.records import LintCount


def inspect(model: onnx.ModelProto, folder: Path, **fields: object) -> dict[str, LintCount]:
    return by_name(onnx_rules.inspect(save(model, folder), spec(**fields)))


def by_name(counts: tuple[LintCount, ...]) -> dict[str, LintCount]:
    assert tuple(c.criterion for c in counts) == onnx_rules.NAMES
    return {c.criterion: c for c in counts}


def codes(count: LintCount) -> list[str]:
    assert count.judged
    if count.criterion != "opset":
        assert count.value == len(count.findings)
    return [finding.code for finding in count.findings]


def test_a_good_model_has_no_finding(tmp_path: Path) -> None:
    counts = inspect(graph_model(), tmp_path)
    assert counts.pop("opset").value == 17
    assert all(codes(count) == [] for count in counts.values())


def test_a_model_without_a_definition_is_judged_by_all_but_its_inputs() -> None:
    counts = onnx_rules.of_model(graph_model(), ())
    assert {c.criterion for c in counts} == set(onnx_rules.NAMES) - {"dynamic_dims"}
    assert all(c.judged and not c.findings for c in counts)


def test_the_opset_is_told_and_what_to_do_beyond_18(tmp_path: Path) -> None:
    found = inspect(graph_model(opset=20), tmp_path)["opset"]
    assert found.value == 20
    assert "export again with opset 18 or less" in found.note


def test_beyond_opset_18_every_node_is_unregistered(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x"], ["h"], name="one"), helper.make_node("Relu", ["h"], ["y"], name="two")]
    found = inspect(graph_model(nodes, opset=20), tmp_path)["operators_registered"]
    assert [f.where for f in found.findings] == ["one", "two"]
    assert found.findings[0].code == "E19010"
    assert "ai.onnx::20::Relu" in found.findings[0].message


def test_an_operator_that_cann_does_not_have_is_named(tmp_path: Path) -> None:
    nodes = [helper.make_node("QuantizeLinear", ["x", "scale"], ["y"], name="q")]
    scale = numpy_helper.from_array(np.array(0.1, np.float32), "scale")
    found = inspect(graph_model(nodes, initializers=[scale]), tmp_path)["operators_registered"]
    assert [(f.where, f.code) for f in found.findings] == [("q", "E19010")]


def test_operators_inside_control_flow_are_looked_at(tmp_path: Path) -> None:
    inner = helper.make_graph(
        [helper.make_node("Hardmax", ["x"], ["inner"], name="hidden", domain="com.example")],
        "branch",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, [3, 3])],
    )
    nodes = [
        helper.make_node("Constant", [], ["flag"], value=numpy_helper.from_array(np.array(True))),
        helper.make_node("If", ["flag"], ["y"], name="if", then_branch=inner, else_branch=inner),
    ]
    counts = inspect(
        graph_model(nodes, shape=(3, 3), domains=["com.example"]), tmp_path, inputs=[{"name": "x", "shape": [3, 3]}]
    )
    assert {f.where for f in counts["operators_registered"].findings} == {"hidden"}
    assert "control_flow" in codes(counts["model_safety"])


def test_a_missing_attribute_violates_the_specification(tmp_path: Path) -> None:
    found = inspect(graph_model([helper.make_node("Concat", ["x"], ["y"])]), tmp_path)["onnx_checker"]
    assert codes(found) == ["specification"]
    assert "axis" in found.findings[0].message


def test_shapes_that_contradict_each_other_are_a_violation(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.zeros((4, 5), np.float32), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    found = inspect(graph_model(nodes, initializers=[weight]), tmp_path)["onnx_checker"]
    assert codes(found) == ["shapes"]


@pytest.mark.parametrize(
    ("shape", "declared", "code"),
    [
        (("batch", 3), ["batch", 3], None),
        (("batch", "width"), ["batch", "w"], None),
        (("batch", "width"), ["batch", 3], "undeclared_dynamic"),
        ((None, 3), [8, 3], "undeclared_dynamic"),
        (("batch", 3), ["batch", 4], "size"),
        (("batch", 3), ["batch", 3, 1], "rank"),
        ((8, 3), ["batch", 3], "fixed"),
        ((8, 3), [8, 3], None),
    ],
)
def test_inputs_are_what_defs_yaml_says(
    tmp_path: Path, shape: tuple[int | str | None, ...], declared: list[int | str], code: str | None
) -> None:
    found = inspect(graph_model(shape=shape), tmp_path, inputs=[{"name": "x", "shape": declared}])["dynamic_dims"]
    assert codes(found) == ([code] if code else [])


def test_the_axis_of_an_undeclared_dimension_is_named(tmp_path: Path) -> None:
    (finding,) = inspect(graph_model(shape=("batch", "width")), tmp_path)["dynamic_dims"].findings
    assert finding.where == "x[1]"


def test_another_type_is_a_finding(tmp_path: Path) -> None:
    found = inspect(graph_model(dtype=TensorProto.DOUBLE), tmp_path)["dynamic_dims"]
    assert codes(found) == ["dtype"]
    assert found.findings[0].message == "float64 in the file, float32 in defs.yaml"


def test_inputs_that_only_one_side_names_are_findings(tmp_path: Path) -> None:
    found = inspect(graph_model(), tmp_path, inputs=[{"name": "image", "shape": ["batch", 3]}])["dynamic_dims"]
    assert codes(found) == ["undeclared_input", "missing_input"]


def test_weights_that_are_not_finite_are_doubtful(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.array([np.nan, 1, 2], np.float32), "w")
    found = inspect(graph_model([helper.make_node("Add", ["x", "w"], ["y"])], initializers=[weight]), tmp_path)
    assert codes(found["model_safety"]) == ["non_finite_weight"]


def test_a_foreign_domain_is_doubtful_and_unregistered(tmp_path: Path) -> None:
    nodes = [helper.make_node("Secret", ["x"], ["y"], name="s", domain="com.example")]
    found = inspect(graph_model(nodes, domains=["com.example"]), tmp_path)
    assert codes(found["model_safety"]) == ["unknown_domain"]
    assert codes(found["operators_registered"]) == ["E19010"]


def test_data_outside_the_folder_is_unsafe_and_nothing_else_is_judged(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.zeros(3, np.float32), "w")
    model = graph_model([helper.make_node("Add", ["x", "w"], ["y"])], initializers=[weight])
    (tensor,) = model.graph.initializer
    onnx.external_data_helper.set_external_data(tensor, location="../../etc/passwd", length=12)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    counts = by_name(onnx_rules.inspect(path, spec()))
    assert codes(counts["model_safety"]) == ["external_data"]
    assert not any(counts[name].judged for name in onnx_rules.NAMES[:-1])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04zip", b"<html>", b"\x80\x04pickle", b"\x08" * 1000])
def test_what_is_not_onnx_is_one_finding_and_nothing_is_admitted(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    counts = by_name(onnx_rules.inspect(path, spec()))
    assert sum(len(count.findings) for count in counts.values()) == 1
    assert sum(count.judged for count in counts.values()) == 1


def test_a_truncated_file_is_a_finding(tmp_path: Path) -> None:
    path = save(graph_model(), tmp_path)
    path.write_bytes(path.read_bytes()[:-7])
    counts = by_name(onnx_rules.inspect(path, spec()))
    assert any(count.findings for count in counts.values())

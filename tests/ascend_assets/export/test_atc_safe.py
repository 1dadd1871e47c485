"""A freshly exported graph is settled, and what ATC would refuse is named."""

import onnx
import pytest
from onnx import TensorProto, helper

from ascend_assets.export import atc_safe

FOREIGN = "pkg.onnxscript.torch_lib.common"


def graph(*nodes: onnx.NodeProto) -> onnx.GraphProto:
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in ("x", "y")]
    return helper.make_graph(list(nodes), "g", info[:1], info[1:])


def model(*nodes: onnx.NodeProto, opsets: dict[str, int] | None = None, ir_version: int = 10) -> onnx.ModelProto:
    imports = [helper.make_opsetid(domain, version) for domain, version in (opsets or {"": 17}).items()]
    return helper.make_model(graph(*nodes), opset_imports=imports, ir_version=ir_version)


def relu(**given: str) -> onnx.NodeProto:
    return helper.make_node("Relu", ["x"], ["y"], name="act", **given)


def problems(made: onnx.ModelProto, *, opset: int | None = None) -> tuple[str, ...]:
    return atc_safe.problems(atc_safe.settle(made), ["x"], ["y"], opset=opset)


def with_function() -> onnx.ModelProto:
    """A model whose one node calls a function of a second domain, as dynamo exports used to."""
    body = [helper.make_node("Relu", ["a"], ["t"]), helper.make_node("Neg", ["t"], ["b"])]
    function = helper.make_function(FOREIGN, "NegRelu", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    made = model(helper.make_node("NegRelu", ["x"], ["y"], domain=FOREIGN), opsets={"": 17, FOREIGN: 1})
    made.functions.append(function)
    return made


@pytest.mark.parametrize("opset", range(11, 19))
def test_plain_graph_is_taken(opset: int) -> None:
    assert problems(model(relu(), opsets={"": opset}), opset=opset) == ()


def test_functions_are_inlined_and_their_domain_leaves() -> None:
    settled = atc_safe.settle(with_function())
    assert [node.op_type for node in settled.graph.node] == ["Relu", "Neg"]
    assert not settled.functions
    assert [(o.domain, o.version) for o in settled.opset_import] == [("", 17)]
    assert problems(with_function()) == ()


def test_domain_that_nothing_uses_leaves() -> None:
    settled = atc_safe.settle(model(relu(), opsets={"": 17, FOREIGN: 1, "ai.onnx.ml": 3}))
    assert [o.domain for o in settled.opset_import] == [""]


def test_default_domain_has_one_spelling() -> None:
    settled = atc_safe.settle(model(relu(domain="ai.onnx"), opsets={"ai.onnx": 17}))
    assert [(o.domain, o.version) for o in settled.opset_import] == [("", 17)]


def test_second_domain_in_use_is_named_with_field_and_nodes() -> None:
    found = problems(
        model(helper.make_node("Cast", ["x"], ["y"], name="c", domain=FOREIGN), opsets={"": 17, FOREIGN: 1})
    )
    assert len(found) == 1
    assert found[0].startswith(f"opset_import[1].domain is {FOREIGN!r}, used by c; ATC takes the default domain alone")


def test_second_domain_inside_a_branch_counts() -> None:
    inner = helper.make_graph(
        [helper.make_node("Cast", ["x"], ["z"], name="deep", domain=FOREIGN)],
        "then",
        [],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
    )
    branch = helper.make_node("If", ["x"], ["y"], name="if", then_branch=inner, else_branch=inner)
    found = problems(model(branch, opsets={"": 17, FOREIGN: 1}))
    assert any("used by deep, deep" in problem for problem in found)


@pytest.mark.parametrize("opset", [10, 19, 23])
def test_opset_beyond_what_atc_parses(opset: int) -> None:
    found = problems(model(relu(), opsets={"": opset}))
    assert found == (f"its opset is {opset}; ATC takes 11 to 18: ask for one of these",)


def test_opset_that_was_not_asked_for() -> None:
    assert problems(model(relu(), opsets={"": 18}), opset=17) == (
        "its opset is 18 where 17 was asked for: the exporter could not convert it; ask for 18",
    )


def test_unregistered_operators_are_counted_and_a_few_are_named() -> None:
    chain = [helper.make_node("DFT", ["x"], [f"t{i}"], name=f"fft{i}") for i in range(7)]
    found = problems(model(*chain, relu()))
    assert len(found) == 1
    assert "no parser at opset 17 for DFT (7x): fft0, fft1, fft2, fft3, fft4 and 2 more (E19010)" in found[0]


def test_names_and_their_order_are_kept() -> None:
    found = atc_safe.problems(model(relu()), ["image"], ["y"])
    assert found == ("input_names is ['image'], but the graph has ['x']: name every one, in the order of forward()",)


def test_exporters_notes_and_newer_ir_version_go() -> None:
    made = model(relu(doc_string="/home/ada/secret.py"))
    made.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value="/home/ada/secret.py")
    made.graph.input[0].metadata_props.add(key="kind", value="USER_INPUT")
    before = made.SerializeToString()
    settled = atc_safe.settle(made)
    assert settled.ir_version == 8
    assert b"secret" not in settled.SerializeToString()
    assert not settled.graph.input[0].metadata_props
    assert made.SerializeToString() == before


def test_older_ir_version_stays() -> None:
    assert atc_safe.settle(model(relu(), ir_version=7)).ir_version == 7

"""What a node reads, graphs inside it included."""

import onnx

from resources.onnx_files.walk import reads


def test_a_plain_node_reads_its_inputs_and_not_those_left_out() -> None:
    assert reads(onnx.helper.make_node("Clip", ["x", "", "high"], ["y"])) == {"x", "high"}


def test_a_graph_inside_a_node_reads_from_outside_what_it_does_not_make() -> None:
    inner = onnx.parser.parse_graph("inner () => (float[2] out) { made = Exp(outer) out = Add(made, weight) }")
    deeper = onnx.parser.parse_graph("deep () => (float[2] far) { far = Neg(made) }")
    inner.node.append(onnx.helper.make_node("If", ["flag"], ["z"], then_branch=deeper))
    node = onnx.helper.make_node("If", ["condition"], ["y"], then_branch=inner)
    assert reads(node) == {"condition", "outer", "weight", "flag"}

"""Names that survive an edit."""

from onnx import helper
from onnx_samples import model, value

from resources.onnx_files.edits.named import Names, name_all
from resources.onnx_files.graph import view


def test_unnamed_nodes_get_the_names_that_the_view_gives_them() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Abs", ["a"], ["b"], name="mine"),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    plain = model(nodes, [value("x", [1])], [value("y", [1])])
    before = plain.SerializeToString()
    named = name_all(plain)
    assert [node.name for node in named.graph.node] == ["Relu_0", "mine", "Relu_2"]
    assert [node.name for node in view(plain).nodes] == [node.name for node in named.graph.node]
    assert plain.SerializeToString() == before


def test_a_name_that_another_node_has_is_not_given_twice() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Abs", ["a"], ["y"], name="Relu_0")]
    named = name_all(model(nodes, [value("x", [1])], [value("y", [1])]))
    assert [node.name for node in named.graph.node] == ["Relu_0_1", "Relu_0"]


def test_new_names_are_unlike_those_of_any_graph() -> None:
    inner = helper.make_graph([helper.make_node("Abs", ["x"], ["deep"], name="low")], "g", [], [value("deep", None)])
    node = helper.make_node("If", ["c"], ["y"], name="if", then_branch=inner, else_branch=inner)
    names = Names(model([node], [value("x", [1]), value("c", [], 9)], [value("y", [1])]))
    assert names.tensor("deep") == "deep_1"
    assert names.tensor("deep") == "deep_2"
    assert names.node("low") == "low_1"
    assert names.node("new") == "new"

"""The difference between before and after, as a person reads it."""

from edit_samples import graph, node

from ascend_assets.repair.changes import changes, graph_changes
from ascend_assets.repair.records import GraphChange, OptionChange
from resources.ascend.options import CompileOptions, MixList

PLAIN = CompileOptions(soc_version="Ascend310P3", input_shape={"x": (1, 3)})


def test_nothing_changed() -> None:
    assert changes(PLAIN, PLAIN) == ()


def test_options_by_atcs_names_empty_where_they_are_not_given() -> None:
    after = CompileOptions(
        soc_version="Ascend310P3",
        input_shape={"x": (4, 3)},
        precision_mode="allow_mix_precision",
        keep_dtype=("节点", "OpType::Exp"),
        modify_mixlist=MixList(black_to_add=("Exp",)),
        fusion_switches={"APass": "off"},
    )
    found = {each.option: each for each in changes(PLAIN, after)}
    assert found["input_shape"] == OptionChange(option="input_shape", before="x:1,3", after="x:4,3")
    assert found["precision_mode"].before == ""
    assert found["keep_dtype"].after == '["节点", "OpType::Exp"]'
    assert '"black_to_add": ["Exp"]' in found["modify_mixlist"].after
    assert found["fusion_switch_file"].after == '{"APass": "off"}'
    assert found.keys() == {"input_shape", "precision_mode", "keep_dtype", "modify_mixlist", "fusion_switch_file"}
    back = {each.option: each.after for each in changes(after, PLAIN)}
    assert back["keep_dtype"] == ""


def test_operators_whose_number_changed() -> None:
    before = graph([node("Exp", "x", "e"), node("Relu", "e", "y")], {"x": (4,)}, ["y"])
    after = graph([node("Softmax", "x", "s"), node("Relu", "s", "t"), node("Relu", "t", "y")], {"x": (4,)}, ["y"])
    assert graph_changes(before, after) == (
        GraphChange(op="Exp", before=1, after=0),
        GraphChange(op="Relu", before=1, after=2),
        GraphChange(op="Softmax", before=0, after=1),
    )
    assert graph_changes(before, before) == ()


def test_operators_of_other_domains_and_of_strange_names() -> None:
    before = graph([node("Relu", "x", "y")], {"x": (4,)}, ["y"])
    after = graph([node("Relu", "x", "y")], {"x": (4,)}, ["y"])
    after.graph.node[0].op_type, after.graph.node[0].domain = "Relu\n# obey", "custom"
    names = {each.op for each in graph_changes(before, after)}
    assert names == {"Relu", "custom::Relu\\n# obey"}

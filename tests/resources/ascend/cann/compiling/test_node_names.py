"""GE's names lead back to ONNX nodes, and a name that could mean two leads to none."""

from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.compiling.node_names import MAX_NAME, NodeNames, _as_dumped, named, to_onnx

NODES = (
    ("/backbone/Conv", "Conv"),
    ("/backbone/Conv_1", "Conv"),
    ("Conv_1", "Conv"),
    ("Conv_12", "Conv"),
    ("Relu_13", "Relu"),
    ("p2o.ConvTranspose.0", "ConvTranspose"),
    ("model1 div node", "Div"),
    ("/head/Einsum", "Einsum"),
)


def one(name: str, nodes: tuple[tuple[str, str], ...] = NODES) -> tuple[str, ...]:
    return to_onnx([name], nodes)[name]


def test_a_node_keeps_its_name() -> None:
    assert to_onnx([name for name, _ in NODES], NODES) == {name: (name,) for name, _ in NODES}


def test_the_parts_of_an_expanded_node_lead_back_to_it() -> None:
    assert one("PartitionedCall_p2o.ConvTranspose.0_Conv2DTranspose_86") == ("p2o.ConvTranspose.0",)
    assert one("PartitionedCall_/backbone/Conv_1_Conv2D_7") == ("/backbone/Conv_1",)
    assert one("PartitionedCall_/backbone/Conv_Conv2D_7") == ("/backbone/Conv",)
    assert one("PartitionedCall_Conv_12_3") == ("Conv_12",)


def test_a_short_name_is_not_found_inside_a_longer_one() -> None:
    assert one("Conv_123") == ()
    assert one("PRelu_13") == ()
    assert one("Conv_1Relu_13") == ("Conv_1", "Relu_13")


def test_a_fused_operator_stands_for_all_that_it_is_made_of() -> None:
    assert one("/backbone/Conv/backbone/Conv_1Relu_13") == ("/backbone/Conv", "/backbone/Conv_1", "Relu_13")
    assert one("fused_Conv_12_Relu_13") == ("Conv_12", "Relu_13")


def test_a_node_of_a_subgraph_is_named_after_the_subgraph() -> None:
    assert one("If_4_0_then_branch/model1 div node") == ("model1 div node",)


def test_dumps_write_an_underscore_for_what_no_file_name_holds() -> None:
    assert one("p2o_ConvTranspose_0") == ("p2o.ConvTranspose.0",)
    assert one("backbone_Conv_1") == ("/backbone/Conv_1",)
    assert one("_backbone_Conv_1") == ("/backbone/Conv_1",)
    assert one("PartitionedCall_model1_div_node_RealDiv_3") == ("model1 div node",)


def test_what_could_be_two_nodes_is_none() -> None:
    assert one("a_stage_1", (("a/stage/1", "Add"), ("a.stage.1", "Mul"))) == ()


def test_an_operator_of_which_there_is_one_is_found_by_its_type() -> None:
    assert one("PartitionedCall_Einsum_3") == ("/head/Einsum",)
    assert one("PartitionedCall_Conv_3") == ()


def test_what_the_graph_engine_inserts_is_no_node() -> None:
    assert one("trans_Cast_3", (("Cast_3", "Cast"),)) == ()


def test_nodes_without_a_name_are_counted_among_themselves() -> None:
    nodes = (("first", "Add"), ("", "Relu"), ("named", "Relu"), ("", "Relu"))
    assert [name for name, _ in named(nodes)] == ["first", "Relu_0", "named", "Relu_1"]
    assert one("PartitionedCall_Relu_1_Relu_9", nodes) == ("Relu_1",)


def test_a_name_of_one_letter_is_found_where_it_stands_alone() -> None:
    assert one("a", (("a", "Add"),)) == ("a",)
    assert one("PartitionedCall_a_Add_3", (("a", "Add"),)) == ("a",)
    assert one("batch_a_norm", (("a", "Add"),)) == ()


def test_all_nodes_of_a_type_are_found_with_or_without_its_domain() -> None:
    index = NodeNames.of(NODES)
    assert index.of_type("ai.onnx::11::Conv") == index.of_type("Conv")
    assert index.of_type("Conv") == ("/backbone/Conv", "/backbone/Conv_1", "Conv_1", "Conv_12")
    assert index.of_type("ai.onnx::11::Loop") == ()


def test_ten_thousand_nodes_and_a_thousand_names() -> None:
    nodes = [(f"/model/layers.{i}/attention/MatMul_{i}", "MatMul") for i in range(10_000)]
    names = [f"PartitionedCall_/model/layers.{i}/attention/MatMul_{i}_BatchMatMulV2_{i}" for i in range(1_000)]
    found = to_onnx(names, nodes)
    assert all(found[name] == (nodes[i][0],) for i, name in enumerate(names))


def test_hostile_names_end() -> None:
    nodes = [("_" * n, "Add") for n in (1, 7, MAX_NAME, 10 * MAX_NAME)] + [("a_" * 900, "Mul"), ("", "")]
    for name in ("_" * 100_000, "a_" * 50_000, "PartitionedCall_" * 9_000, "1" * 9_999, ""):
        assert isinstance(one(name, tuple(nodes)), tuple)


words = st.text(alphabet=st.sampled_from("ab1_/. é"), max_size=12)


@given(st.lists(st.tuples(words, st.sampled_from(["Add", "Mul"])), max_size=6), st.lists(words, max_size=6))
def test_only_nodes_of_the_graph_are_found(nodes: list[tuple[str, str]], names: list[str]) -> None:
    known = {name for name, _ in named(nodes)}
    found = to_onnx(names, nodes)
    assert set(found) == set(names)
    assert all(set(result) <= known for result in found.values())
    assert all(found[name] == (name,) for name in names if name in known)


@given(st.lists(words.filter(lambda word: len(word.strip("_")) > 0), min_size=1, max_size=6, unique=True), st.data())
def test_a_part_of_a_node_leads_to_that_node_or_to_none_that_it_begins_with_less_of(
    names: list[str], data: st.DataObject
) -> None:
    origin = data.draw(st.sampled_from(names))
    found = one(f"PartitionedCall_{origin}_Part_3", tuple((name, "Op") for name in names))
    if not any(name != origin and name.strip("_").startswith(origin.strip("_")) for name in names):
        alike = {name for name in names if _as_dumped(name).strip("_") == _as_dumped(origin).strip("_")}
        assert found == (origin,) or len(alike) > 1

"""The operators that a sentence of CANN's names."""

import pytest

from resources.ascend.cann.compiling.mentions import Mention, mention


@pytest.mark.parametrize(
    ("sentence", "node", "op"),
    [
        ("Failed to compile Op [/a/Conv_1]. (optype: [Conv2D])", "/a/Conv_1", "Conv2D"),
        ("Failed to compile Op [c]. (oppath: [/opp/impl/c.py], optype: [Conv2D])", "c", "Conv2D"),
        ("Failed to compile Op Conv_1. (optype: Conv2D)", "Conv_1", "Conv2D"),
        ("IR for Op [x y, optype [Div]], is not registered.", "x y", "Div"),
        ("IR for Op x y with optype Div is not registered.", "x y", "Div"),
        (
            "No parser is registered for Op [model1 div node, optype [ai.onnx::23::Div]].",
            "model1 div node",
            "ai.onnx::23::Div",
        ),
        ("No ONNX parser is registered for optype [ai.onnx::11::Loop].", "", "ai.onnx::11::Loop"),
        ("Opname [Pow_1] specified in [--keep_dtype] is not found in the model, confirm", "Pow_1", ""),
        ("Operator Add_1 already exists in the graph. Ensure that operator names are unique.", "Add_1", ""),
        ("Call InferShapeAndType for node:Axpb_1(Axpb) failed, input_tensor:{}", "Axpb_1", "Axpb"),
        ("[Call][PreRun] Failed, graph_id:151, session_id:0.", "", ""),
        ("Model parse to graph failed, graph name:tdnnx.", "", ""),
        ("[SubGraphOpt][PreCompileOp][Init] Initialize op store adapter failed, OpsStoreName[tbe-custom].", "", ""),
        ("[tbe-custom]:op type Conv2DTranspose is not found in this op store.", "", ""),
        ("node: 5", "", ""),
        ("Op [layers[0]/Conv] does not hit the high-priority operator information library", "layers[0]/Conv", ""),
        ("Op [Conv_1] of [x] is bad, optype [Conv] too", "Conv_1", ""),
        ("op[model1 div node], The dtype is not same, type1:DT_INT64", "model1 div node", ""),
        ("Add edge to node[/neck/Resize(Resize)] failed", "/neck/Resize", "Resize"),
        ("node:[Conv_1] is dead", "Conv_1", ""),
        (
            "No parser is registered for Op [layers[0]/Conv, optype [ai.onnx::11::X]].",
            "layers[0]/Conv",
            "ai.onnx::11::X",
        ),
    ],
)
def test_an_operator_is_found_in_a_sentence(sentence: str, node: str, op: str) -> None:
    assert mention(sentence) == Mention(node, op)


def test_what_several_operators_were_fused_into_names_them_all() -> None:
    fused = mention("Failed to compile Op [Conv_1,[Conv_1,Relu_2]]. (optype: [Conv2D])")
    assert (fused.nodes, fused.op) == (("Conv_1", "Relu_2"), "Conv2D")
    assert mention("Failed to compile Op [trans_1,]. (oppath: [Compile /opp/t.py failed").nodes == ("trans_1",)
    assert mention("No operator here").nodes == ()

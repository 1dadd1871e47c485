"""What ATC refuses, the emulator refuses: with ATC's code, every reason, every node."""

from collections.abc import Sequence
from typing import Any

import onnx
import pytest
from emulated_models import chain, classifier, constant, model, options, value
from onnx import TensorProto, helper

from resources.ascend.emulator import operators, refusals, registration
from resources.ascend.toolchain import Diagnostic
from resources.onnx_files import with_shapes


def judged(content: onnx.ModelProto, **given: Any) -> tuple[Diagnostic, ...]:
    return refusals.judge(content, options(**given))


def placed(content: onnx.ModelProto, **given: Any) -> tuple[Diagnostic, ...]:
    """What is said once shapes are known."""
    return operators.judge(with_shapes(content, None, None), options(**given))


def codes(found: Sequence[Diagnostic]) -> list[str]:
    return [item.code for item in found]


def test_a_good_model_is_taken_without_a_word() -> None:
    assert judged(classifier()) == ()
    assert placed(classifier()) == ()


class TestParsers:
    def test_an_opset_that_is_too_new(self) -> None:
        (found,) = judged(chain("Relu", "Relu", opset=23))
        assert found.code == "E19010"
        assert found.message == "No parser is registered for Op [Relu_0, optype [ai.onnx::23::Relu]]."
        assert found.nodes == ("Relu_0", "Relu_1")
        assert "opset 18" in found.solution

    def test_every_unregistered_operator_is_named(self) -> None:
        found = judged(chain("Relu", "Convx", "Gelux", "Convx"))
        assert [(item.code, item.nodes) for item in found] == [
            ("E19010", ("Convx_1", "Convx_3")),
            ("E19010", ("Gelux_2",)),
        ]

    @pytest.mark.parametrize("opset", range(8, 19))
    def test_each_opset_is_looked_up_by_itself(self, opset: int) -> None:
        registered = registration.is_registered("ai.onnx", opset, "LayerNormalization")
        assert registered == (opset in {17, 18})
        assert bool(judged(chain("LayerNormalization", opset=opset))) != registered

    def test_an_operator_of_an_opset_before_its_own_says_which(self) -> None:
        (found,) = judged(chain("HardSwish", opset=13))
        assert "14 to 18" in found.solution

    def test_constants_need_no_parser(self) -> None:
        node = helper.make_node("Constant", [], ["c"], value_float=1.0)
        content = model([node, helper.make_node("Add", ["x", "c"], ["y"])], [value("x", [1])], [value("y", [1])])
        assert judged(content) == ()

    @pytest.mark.parametrize("op", ["Loop", "Scan", "STFT", "DFT", "QuantizeLinear", "GroupNormalization", "RNN"])
    def test_what_cann_does_not_take(self, op: str) -> None:
        (found,) = judged(chain(op, opset=18))
        assert found.code == "E19010"
        assert found.solution

    def test_nodes_inside_an_if_are_met_too(self) -> None:
        inner = helper.make_graph([helper.make_node("Odd", ["x"], ["z"], name="odd")], "g", [], [value("z", None)])
        node = helper.make_node("If", ["c"], ["y"], name="if", then_branch=inner, else_branch=inner)
        found = judged(model([node], [value("x", [1]), value("c", [], TensorProto.BOOL)], [value("y", None)]))
        assert found[0].nodes == ("odd", "odd")

    def test_unnamed_nodes_are_named_for_their_operator(self) -> None:
        content = chain("Relu", "Convx")
        content.graph.node[1].name = ""
        assert judged(content)[0].nodes == ("Convx_1",)

    def test_two_domains(self) -> None:
        content = chain("Relu", "FusedConv", domains={"com.microsoft": 1})
        content.graph.node[1].domain = "com.microsoft"
        found = judged(content)
        assert found[0].message == "The model has [2] [--domain_version] fields, but only one is allowed."
        assert codes(found) == ["E16005", "E19010"]
        assert "com.microsoft::1::FusedConv" in found[1].message

    def test_a_second_domain_that_nothing_uses_is_refused_all_the_same(self) -> None:
        (found,) = judged(chain("Relu", domains={"ai.onnx.ml": 2}))
        assert found.code == "E16005"
        assert "ai.onnx.ml" in found.solution

    def test_the_dynamo_exporters_domain_has_its_own_advice(self) -> None:
        content = chain("Relu", "Cast", domains={"pkg.onnxscript.torch_lib.common": 1})
        content.graph.node[1].domain = "pkg.onnxscript.torch_lib.common"
        assert "dynamo=False" in judged(content)[1].solution

    def test_a_domain_without_a_version(self) -> None:
        content = chain("Relu")
        content.graph.node[0].domain = "nowhere"
        assert judged(content)[0].message == "The opset of domain[nowhere] has no responding version."

    def test_npu_operators_are_registered_in_their_own_domain(self) -> None:
        content = chain("NPUOneHot", opset=13)
        del content.opset_import[:]
        content.opset_import.append(helper.make_opsetid("npu", 1))
        assert judged(content) == ()


class TestHeader:
    @pytest.mark.parametrize(
        ("content", "what"),
        [
            (model([], [value("x", [1])], [value("x", [1])]), "operator"),
            (model([helper.make_node("Relu", ["x"], ["y"])], [], [value("y", None)]), "input"),
            (model([helper.make_node("Relu", ["x"], ["y"])], [value("x", [1])], []), "output"),
        ],
    )
    def test_a_graph_that_lacks_a_part(self, content: onnx.ModelProto, what: str) -> None:
        (found,) = judged(content)
        assert (found.code, found.message) == ("E16001", f"Model has no [{what}] node.")


class TestInputs:
    def test_a_dynamic_input_without_a_shape(self) -> None:
        (found,) = judged(classifier("N"))
        assert found.code == "E10001"
        assert found.message == (
            "Value [-1] for parameter [x] is invalid. Reason: maybe you should set input_shape to specify its shape."
        )
        assert '--input_shape="x:1,3,8,8"' in found.solution

    def test_a_wrong_name_is_two_reasons(self) -> None:
        assert codes(judged(classifier("N"), input_shape={"z": (1, 3, 8, 8)})) == ["E10016", "E10001"]

    @pytest.mark.parametrize(
        ("shape", "code"), [((1, 3, 8), "E10049"), ((1, 4, 8, 8), "EX0003"), ((-1, 3, 8, 8), "EX0003")]
    )
    def test_shapes_that_do_not_fit(self, shape: tuple[int, ...], code: str) -> None:
        assert codes(judged(classifier("N"), input_shape={"x": shape})) == [code]

    def test_an_input_that_is_no_tensor(self) -> None:
        sequence = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, None)
        content = model([helper.make_node("SequenceLength", ["x"], ["y"])], [sequence], [value("y", [])])
        assert codes(judged(content)) == ["EX0005"]


class TestOptions:
    def test_an_unknown_soc_is_answered_with_the_legal_ones(self) -> None:
        (found,) = judged(classifier(), soc_version="Ascend310P4")
        assert found.code == "EX0001"
        assert "Ascend310P3" in found.solution
        assert all(name in found.message for name in registration.socs())

    def test_no_soc(self) -> None:
        assert codes(judged(classifier(), soc_version="")) == ["E10054"]

    def test_ascend910_is_taken_for_ascend910a(self) -> None:
        assert judged(classifier(), soc_version="Ascend910") == ()
        assert registration.canonical_soc("Ascend910") == "Ascend910A"

    def test_the_first_generation_910b_is_warned_about(self) -> None:
        found = judged(classifier(), soc_version="Ascend910B")
        assert codes(found) == ["WX0001"]
        assert all(f"Ascend910B{number}" in found[0].message for number in range(1, 5))
        assert not refusals.refused(found)

    @pytest.mark.parametrize("soc", ["Ascend310", "Ascend310P3", "Ascend910A", "Ascend910B"])
    @pytest.mark.parametrize(
        "mode", [{"precision_mode": "allow_mix_precision_bf16"}, {"precision_mode_v2": "mixed_bfloat16"}]
    )
    def test_bf16_modes_where_there_is_no_bf16(self, soc: str, mode: dict[str, str]) -> None:
        assert "EX0002" in codes(judged(classifier(), soc_version=soc, **mode))

    @pytest.mark.parametrize("soc", ["Ascend910B3", "Ascend910_9391", "Ascend310B4"])
    def test_bf16_modes_where_there_is(self, soc: str) -> None:
        assert judged(classifier(), soc_version=soc, precision_mode="allow_fp32_to_bf16") == ()

    def test_keep_dtype_names_nodes_that_exist(self) -> None:
        found = judged(classifier(), keep_dtype=("conv", "convv", "OpType::Anything"))
        assert [(item.code, item.nodes) for item in found] == [("E10016", ("convv",))]
        assert "conv" in found[0].solution


class TestGears:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"input_shape": {"x": (-1, 3, 8, 8)}, "dynamic_batch_size": (1, 2)}, []),
            ({"input_shape": {"x": (-1, 3, 8, 8)}, "dynamic_batch_size": (1,)}, ["E10035"]),
            ({"input_shape": {"x": (-1, 3, 8, 8)}, "dynamic_batch_size": tuple(range(1, 102))}, ["E10036"]),
            ({"input_shape": {"x": (-1, 3, 8, 8)}, "dynamic_batch_size": (1, 1)}, ["E10039"]),
            ({"input_shape": {"x": (-1, -1, 8, 8)}, "dynamic_batch_size": (1, 2)}, ["E10018", "EX0003"]),
            ({"input_shape": {"x": (1, 3, 8, 8)}, "dynamic_batch_size": (1, 2)}, ["E10031"]),
            ({"input_shape": {"x": (1, 3, 8, 8)}, "dynamic_image_size": ((8, 8), (9, 9))}, ["E10040"]),
            ({"input_shape": {"x": (-1, 3, 8, 8)}, "dynamic_image_size": ((8, 8), (9, 9))}, ["E10019"]),
            ({"input_shape": {"x": (-1, 3, 8, 8)}, "dynamic_dims": ((1,), (2,)), "input_format": "ND"}, []),
            ({"input_shape": {"x": (-1, 3, 8, 8)}, "dynamic_dims": ((1,), (2,))}, ["E10001"]),
            ({"input_shape": {"x": (-1, 3, 8, 8)}, "dynamic_dims": ((1, 2), (2, 3)), "input_format": "ND"}, ["E10001"]),
            ({"input_shape": {"x": (-1, 3, 8, 8)}, "dynamic_dims": ((1,), (2, 3)), "input_format": "ND"}, ["E10037"]),
            ({"input_shape": {"x": (1, 3, 8, 8)}, "dynamic_dims": ((1,), (2,)), "input_format": "ND"}, ["E10040"]),
        ],
    )
    def test_what_atc_wants_of_them(self, given: dict[str, Any], expected: list[str]) -> None:
        assert codes(judged(classifier("N"), **given)) == expected


def test_all_reasons_are_collected_in_one_pass() -> None:
    content = chain("Convx", "Relu", opset=23, shape=("N", 3, 4, 4), domains={"ai.onnx.ml": 2})
    found = judged(content, soc_version="Ascend1", keep_dtype=("ghost",), dynamic_batch_size=(2, 2))
    assert codes(found) == ["EX0001", "E10039", "E10031", "E16005", "E10001", "E19010", "E19010", "E10016"]


class TestKernels:
    def test_einsum_of_three(self) -> None:
        node = helper.make_node("Einsum", ["x", "x", "x"], ["y"], name="e", equation="i,i,i->i")
        (found,) = placed(model([node], [value("x", [4])], [value("y", None)]))
        assert (found.code, found.nodes) == ("EX0004", ("e",))

    @pytest.mark.parametrize("inputs", [["x"], ["x", "x"]])
    def test_einsum_of_two(self, inputs: list[str]) -> None:
        equation = "i->i" if len(inputs) == 1 else "i,i->i"
        node = helper.make_node("Einsum", inputs, ["y"], equation=equation)
        assert placed(model([node], [value("x", [4])], [value("y", None)])) == ()

    def resized(self, *before: onnx.NodeProto, dtype: int = TensorProto.FLOAT, **attributes: Any) -> onnx.ModelProto:
        attributes = {"mode": "nearest", **attributes}
        node = helper.make_node("Resize", ["x", "", "", "size"], ["y"], name="resize", **attributes)
        inputs = [value("x", [1, 3, 4, 4], dtype), value("n", [4], TensorProto.INT64)]
        weights = [] if before else [constant("size", [1, 3, 8, 8])]
        return model([*before, node], inputs, [value("y", None, dtype)], weights)

    def test_resize_to_a_constant_size(self) -> None:
        assert placed(self.resized()) == ()

    def test_resize_to_a_size_that_folds(self) -> None:
        shape = helper.make_node("Shape", ["x"], ["size"])
        assert codes(placed(self.resized(shape))) == ["WX0002"]

    def test_resize_to_a_size_that_the_input_decides(self) -> None:
        (found,) = placed(self.resized(helper.make_node("Identity", ["n"], ["size"])))
        assert (found.code, found.nodes) == ("EX0004", ("resize",))

    @pytest.mark.parametrize(("mode", "kind"), [("nearest", "ResizeNearestNeighborV2"), ("linear", "ResizeBilinearV2")])
    def test_resize_of_bytes(self, mode: str, kind: str) -> None:
        (found,) = placed(self.resized(dtype=TensorProto.UINT8, mode=mode))
        assert found.code == "EZ3002"
        assert found.message.startswith(f"Optype [{kind}] of Ops kernel [AIcoreEngine] is unsupported. Reason: ")
        assert "DT_UINT8" in found.message

    def test_cubic_resize_is_warned_about(self) -> None:
        assert codes(placed(self.resized(mode="cubic"))) == ["WX0002"]

    def test_pooling_with_indices(self) -> None:
        node = helper.make_node("MaxPool", ["x"], ["y", "i"], name="p", kernel_shape=[2, 2])
        outputs = [value("y", None), value("i", None, TensorProto.INT64)]
        content = model([node], [value("x", [1, 1, 4, 4])], outputs)
        assert codes(placed(content)) == ["EX0004"]
        del content.graph.output[1]
        assert placed(content) == ()

    def test_bfloat16_where_there_is_none(self) -> None:
        content = model(
            [helper.make_node("Relu", ["x"], ["y"], name="r")],
            [value("x", [4], TensorProto.BFLOAT16)],
            [value("y", [4], TensorProto.BFLOAT16)],
        )
        (found,) = placed(content)
        assert (found.code, found.nodes) == ("EZ3002", ("r",))
        assert placed(content, soc_version="Ascend910B3") == ()

    def test_shapes_from_data_on_ascend310(self) -> None:
        nodes = [
            helper.make_node("Relu", ["x"], ["a"], name="relu"),
            helper.make_node("NonZero", ["a"], ["b"], name="nonzero"),
            helper.make_node("Cast", ["b"], ["y"], name="cast", to=TensorProto.FLOAT),
        ]
        content = model(nodes, [value("x", [4])], [value("y", None)])
        found = [item for item in placed(content, soc_version="Ascend310") if item.code == "EZ3002"]
        assert [item.nodes for item in found] == [("nonzero",), ("cast",)]
        assert "Dynamic shape is not supported on this chip!" in found[0].message
        assert placed(content) == ()

    def test_what_only_other_socs_run_on_ai_cores_is_a_warning(self) -> None:
        nodes = [helper.make_node("GridSample", ["x", "g"], ["y"], name="grid")]
        content = model(nodes, [value("x", [1, 1, 4, 4]), value("g", [1, 4, 4, 2])], [value("y", None)], opset=16)
        assert codes(placed(content, soc_version="Ascend310B4")) == ["W11001"]
        assert placed(content) == ()

    def test_absence_from_every_table_proves_nothing(self) -> None:
        assert registration.on_ai_core("GlobalAveragePool", "Ascend310P3") is False
        assert registration.on_ai_core("NoSuchOperator", "Ascend310P3") is None
        assert placed(chain("GlobalAveragePool")) == ()

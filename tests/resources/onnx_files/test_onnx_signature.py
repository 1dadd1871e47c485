"""A signature is names, types and shapes, and nothing that two equal interfaces could differ in."""

from onnx import TensorProto, helper
from onnx_samples import classifier, model, value

from resources import onnx_files


class TestSignature:
    def test_names_types_and_shapes(self) -> None:
        found = onnx_files.signature(classifier("N"))
        assert [(t.name, t.dtype, t.shape) for t in found.inputs] == [("x", "float32", (-1, 3, 8, 8))]
        assert [(t.name, t.dtype, t.shape) for t in found.outputs] == [("y", "float32", (-1, 5))]

    def test_symbols_are_not_part_of_it(self) -> None:
        assert onnx_files.signature(classifier("N")) == onnx_files.signature(classifier("batch"))
        assert onnx_files.signature(classifier("N")) != onnx_files.signature(classifier(1))

    def test_weights_that_are_listed_as_inputs_are_left_out(self) -> None:
        content = classifier()
        content.graph.input.append(value("w", [64, 3, 3, 3]))
        assert onnx_files.signature(content) == onnx_files.signature(classifier())

    def test_unknown_rank_and_odd_types(self) -> None:
        text = value("s", None, TensorProto.STRING)
        several = helper.make_tensor_sequence_value_info("q", TensorProto.FLOAT, None)
        found = onnx_files.signature(model([], [text, several], []))
        assert [(t.dtype, t.shape) for t in found.inputs] == [("string", None), ("sequence", None)]

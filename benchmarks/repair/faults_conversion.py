"""Files that ATC refuses: opset, domains, operators, types and open sizes.

Here belong grafts on finished models. Not here: blocks that go wrong in FP16 (`faults_numbers.py`), or options
(`faults_options.py`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, version_converter

from benchmarks.repair.faults import Sample

Graft = Callable[[Sample], Sample]
IMAGE_RANK, MATRIX_RANK = 4, 2


def copied(model: ModelProto) -> ModelProto:
    """A copy that may be changed."""
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def opset(to: int) -> Graft:
    """The file declares another opset, as a newer exporter writes it."""

    def graft(sample: Sample) -> Sample:
        model = version_converter.convert_version(sample.model, to)
        model.ir_version = max(model.ir_version, 10)
        return sample.edited(model)

    return graft


def relabelled(to: int) -> Graft:
    """The file of an old exporter, whose operators are spelled alike in both opsets. Raises where one is not."""

    def graft(sample: Sample) -> Sample:
        model = copied(sample.model)
        model.opset_import[0].version = to
        model.ir_version = 5
        del model.graph.value_info[:]
        onnx.checker.check_model(model, full_check=True)
        return sample.edited(model)

    return graft


def spare_domain(domain: str, version: int) -> Graft:
    """An entry in opset_import that no node needs."""

    def graft(sample: Sample) -> Sample:
        model = copied(sample.model)
        model.opset_import.append(helper.make_opsetid(domain, version))
        return sample.edited(model)

    return graft


def local_functions(domain: str, name: str, op: str) -> Graft:
    """Every node of a unary operator as a call of a function of the file, as torch.onnx.dynamo_export leaves them."""

    def graft(sample: Sample) -> Sample:
        model = copied(sample.model)
        inner = [helper.make_node(op, ["x"], ["y"], name="inner")]
        opsets = [entry for entry in model.opset_import if not entry.domain]
        model.functions.append(helper.make_function(domain, name, ["x"], ["y"], inner, opsets))
        model.opset_import.append(helper.make_opsetid(domain, 1))
        found = [node for node in model.graph.node if node.op_type == op and len(node.attribute) == 0]
        if not found:
            raise ValueError(f"the model has no {op}")
        for node in found:
            node.op_type, node.domain = name, domain
        return sample.edited(model)

    return graft


def optimised(sample: Sample) -> Sample:
    """The file as ONNX Runtime's optimiser leaves it, with operators of its own domain."""
    import onnxruntime

    with TemporaryDirectory() as folder:
        path, out = Path(folder) / "m.onnx", Path(folder) / "o.onnx"
        onnx.save(sample.model, path)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(out)
        options.log_severity_level = 3
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        model = onnx.load(out)
    return replace(sample.edited(model), truth=sample.model)


def fused_matmul(sample: Sample) -> Sample:
    """MatMul with its scale as ONNX Runtime fuses it."""
    model = copied(sample.model)
    changed = 0
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] not in _weights(model):
            node.op_type, node.domain = "FusedMatMul", "com.microsoft"
            node.attribute.append(helper.make_attribute("alpha", 1.0))
            changed += 1
    if not changed:
        raise ValueError("the model multiplies no two activations")
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return sample.edited(model)


def _weights(model: ModelProto) -> set[str]:
    return {weight.name for weight in model.graph.initializer}


def open_sizes(axes: Sequence[int] = (0,)) -> Graft:
    """Inputs whose sizes the exporter left open."""

    def graft(sample: Sample) -> Sample:
        model = copied(sample.model)
        for value in model.graph.input:
            dims = value.type.tensor_type.shape.dim
            for axis in axes:
                if axis < len(dims):
                    dims[axis].ClearField("dim_value")
                    dims[axis].dim_param = f"{value.name}_{axis}"
        # Inner shapes would contradict; an exporter that leaves sizes open states none.
        del model.graph.value_info[:]
        for value in model.graph.output:
            for axis, dim in enumerate(value.type.tensor_type.shape.dim):
                dim.ClearField("dim_value")
                dim.dim_param = f"{value.name}_{axis}"
        return sample.edited(model)

    return graft


def byte_image(sample: Sample) -> Sample:
    """Preprocessing in the graph: a uint8 image is resized before anything is cast."""
    model = copied(sample.model)
    value = model.graph.input[0]
    shape = [d.dim_value for d in value.type.tensor_type.shape.dim]
    if len(shape) != IMAGE_RANK:
        raise ValueError("the model takes no image")
    first, small = value.name, [shape[0], shape[1], shape[2] // 2, shape[3] // 2]
    scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "pre_scales")
    mean = numpy_helper.from_array(np.array(127.5, np.float32), "pre_mean")
    std = numpy_helper.from_array(np.array(63.0, np.float32), "pre_std")
    model.graph.initializer.extend([scales, mean, std])
    how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    nodes = [
        helper.make_node("Resize", ["raw_image", "", "pre_scales"], ["pre_large"], name="pre_resize", **how),
        helper.make_node("Cast", ["pre_large"], ["pre_float"], name="pre_cast", to=TensorProto.FLOAT),
        helper.make_node("Sub", ["pre_float", "pre_mean"], ["pre_centred"], name="pre_sub"),
        helper.make_node("Div", ["pre_centred", "pre_std"], [first], name="pre_div"),
    ]
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    value.CopyFrom(helper.make_tensor_value_info("raw_image", TensorProto.UINT8, small))
    onnx.checker.check_model(model, full_check=True)
    return sample.edited(model)


def _floats_as(model: ModelProto, kind: int) -> ModelProto:
    """The graph in another float type, with its inputs and outputs in FP32 behind casts."""
    import ml_dtypes

    narrow = np.dtype(ml_dtypes.bfloat16) if kind == TensorProto.BFLOAT16 else np.dtype(np.float64)
    model = copied(model)
    graph = model.graph

    def converted(tensor: TensorProto) -> TensorProto:
        if tensor.data_type != TensorProto.FLOAT:
            return tensor
        return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(narrow), tensor.name)

    weights = [converted(weight) for weight in graph.initializer]
    del graph.initializer[:]
    graph.initializer.extend(weights)
    casts: list[NodeProto] = []
    renamed = {}
    for value in graph.input:
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            renamed[value.name] = f"{value.name}_typed"
            casts.append(helper.make_node("Cast", [value.name], [renamed[value.name]], name="", to=kind))
    nodes = []
    outputs = {value.name for value in graph.output}
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.i == TensorProto.FLOAT:
                attribute.i = kind
            if attribute.type == onnx.AttributeProto.TENSOR:
                attribute.t.CopyFrom(converted(attribute.t))
        if node.op_type == "Identity" and node.output[0] in outputs:
            node.op_type = "Cast"
            node.attribute.append(helper.make_attribute("to", TensorProto.FLOAT))
        nodes.append(node)
    rest = list(nodes)
    del graph.node[:]
    graph.node.extend([*casts, *rest])
    del graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    return model


def bfloat16(sample: Sample) -> Sample:
    """The whole model in bf16, as large models are trained; what it computes is its FP32 twin with rounded weights."""
    import ml_dtypes

    truth = copied(sample.model)
    for weight in truth.graph.initializer:
        if weight.data_type == TensorProto.FLOAT:
            rounded = numpy_helper.to_array(weight).astype(ml_dtypes.bfloat16).astype(np.float32)
            weight.CopyFrom(numpy_helper.from_array(rounded, weight.name))
    return replace(sample.edited(_floats_as(sample.model, TensorProto.BFLOAT16)), truth=truth)


def float64(sample: Sample) -> Sample:
    """The whole model in float64, as numpy's defaults leave it."""
    return replace(sample.edited(_floats_as(sample.model, TensorProto.DOUBLE)), truth=sample.model)


def weight_only_quantised(sample: Sample) -> Sample:
    """Weights of matrix products as int8 behind DequantizeLinear."""
    model = copied(sample.model)
    graph = model.graph
    used = {name for node in graph.node if node.op_type in {"MatMul", "Gemm", "Conv"} for name in node.input[1:2]}
    nodes, weights, truth = [], [], copied(sample.model)
    for weight in graph.initializer:
        array = numpy_helper.to_array(weight)
        if weight.name not in used or array.dtype != np.float32 or array.ndim < MATRIX_RANK:
            weights.append(weight)
            continue
        scale = np.float32(np.abs(array).max() / 127)
        quantised = np.rint(array / scale).astype(np.int8)
        names = [f"{weight.name}_q", f"{weight.name}_s", f"{weight.name}_z"]
        values = (quantised, np.array(scale), np.array(0, np.int8))
        weights += [numpy_helper.from_array(np.asarray(v), n) for v, n in zip(values, names, strict=True)]
        nodes.append(helper.make_node("DequantizeLinear", names, [weight.name], name=f"{weight.name}_dequantize"))
        for kept in truth.graph.initializer:
            if kept.name == weight.name:
                kept.CopyFrom(numpy_helper.from_array(quantised.astype(np.float32) * scale, kept.name))
    rest = list(graph.node)
    del graph.node[:], graph.initializer[:]
    graph.node.extend([*nodes, *rest])
    graph.initializer.extend(weights)
    return replace(sample.edited(model), truth=truth)

"""Failures of conversion for the tests of diagnosis: small models, what the emulator says of them, and console texts.

Here belong the builders and, for each rule of the conversion families, one case in which it must speak and a near miss
in which it must not. Not here: what is asserted of them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ascend_assets.diagnosis import gather, log
from ascend_assets.diagnosis.case import Case
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.gates.verdict import Verdict, judge
from resources.ascend.emulator import compile as compiler
from resources.ascend.emulator import messages
from resources.ascend.options import CompileOptions

FLOAT, INT64, UINT8, BFLOAT16, DOUBLE = (
    TensorProto.FLOAT,
    TensorProto.INT64,
    TensorProto.UINT8,
    TensorProto.BFLOAT16,
    TensorProto.DOUBLE,
)
FAILED = "ATC run failed, Please check the detail log, Try 'atc --help' for more information\n"
Dims = Sequence[int | str | None] | None
Make = Callable[[], Case]


def node(op: str, inputs: str, outputs: str, name: str = "", **attributes: Any) -> onnx.NodeProto:
    """A node from words: `node("Add", "a b", "c")`; `_` is an input that is left out."""
    fed = ["" if word == "_" else word for word in inputs.split()]
    return helper.make_node(op, fed, outputs.split(), name=name, **attributes)


def net(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, tuple[int, Dims]],
    weights: Mapping[str, Any] | None = None,
    *,
    opset: int = 17,
    domains: Mapping[str, int] | None = None,
    outputs: Sequence[str] = ("y",),
    functions: Sequence[onnx.FunctionProto] = (),
) -> onnx.ModelProto:
    """A model of these nodes; the type of its outputs is left to inference."""
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(name, kind, dims) for name, (kind, dims) in inputs.items()],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (weights or {}).items()],
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, v) for d, v in (domains or {}).items())]
    return helper.make_model(graph, opset_imports=imports, ir_version=8, functions=list(functions))


def options(**given: Any) -> CompileOptions:
    return CompileOptions.model_validate({"soc_version": "Ascend310P3", **given})


def tried(model: onnx.ModelProto, **given: Any) -> Case:
    """A model as the emulator sees it: with everything that it has against it."""
    asked = options(**given)
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    diagnostics = compiler.judge(copy, asked)
    errors = [item for item in diagnostics if not item.code.startswith("W")]
    text = messages.render(diagnostics, ok=not errors)
    return gather.case(model, asked, diagnostics=diagnostics, log=text)


def read(text: str, model: onnx.ModelProto | None = None, **given: Any) -> Case:
    """A console text that somebody hands in, perhaps with the model."""
    diagnostics, environment = log.read(text, model)
    return gather.case(model, options(**given), diagnostics=diagnostics, log=text, environment=environment)


def said(message: str, **given: Any) -> Case:
    """A console that failed with one message."""
    return read(f"{FAILED}{message}\n", **given)


X = {"x": (FLOAT, (1, 4))}
IMAGE = {"x": (FLOAT, (1, 3, 8, 8))}
F32 = np.float32


def healthy() -> onnx.ModelProto:
    return net(
        [node("MatMul", "x w", "h", "product"), node("Relu", "h", "y", "active")], X, {"w": np.eye(4, dtype=F32)}
    )


def one(op: str, *, opset: int = 17, domain: str = "", name: str = "odd", **attributes: Any) -> onnx.ModelProto:
    """A model whose middle node is `op`."""
    nodes = [
        node("Relu", "x", "h", "before"),
        node(op, "h", "k", name, domain=domain, **attributes),
        node("Relu", "k", "y", "after"),
    ]
    return net(nodes, X, opset=opset, domains={domain: 1} if domain else None)


def with_function() -> onnx.ModelProto:
    body = helper.make_function("own", "Twice", ["a"], ["b"], [node("Add", "a a", "b")], [helper.make_opsetid("", 17)])
    nodes = [node("Twice", "x", "h", "call", domain="own"), node("Relu", "h", "y", "after")]
    return net(nodes, X, domains={"own": 1}, functions=[body])


def spare_domain(*, used: bool = False) -> onnx.ModelProto:
    if used:
        return one("Gelu", domain="com.microsoft")
    model = healthy()
    model.opset_import.append(helper.make_opsetid("pkg.spare", 1))
    return model


def branching(*, constant: bool) -> onnx.ModelProto:
    """An If around two branches: a constant, or an input, decides."""

    def branch(name: str, op: str) -> onnx.GraphProto:
        out = helper.make_tensor_value_info(name, FLOAT, (1, 4))
        return helper.make_graph([node(op, "x", name, f"in_{name}")], name, [], [out])

    nodes = [node("If", "c", "y", "fork", then_branch=branch("t", "Relu"), else_branch=branch("e", "Neg"))]
    if constant:
        return net(nodes, X, {"c": np.array(True)})
    return net(nodes, {**X, "c": (TensorProto.BOOL, ())})


def looping(*, constant: bool) -> onnx.ModelProto:
    """A Loop, of three steps or of as many as an input says."""
    scalar = helper.make_tensor_value_info
    body = helper.make_graph(
        [node("Identity", "go", "on", "keep"), node("Add", "h h", "twice", "double")],
        "body",
        [scalar("i", INT64, ()), scalar("go", TensorProto.BOOL, ()), scalar("h", FLOAT, (1, 4))],
        [scalar("on", TensorProto.BOOL, ()), scalar("twice", FLOAT, (1, 4))],
    )
    nodes = [node("Loop", "n _ x", "y", "steps", body=body)]
    return net(nodes, X, {"n": np.array(3)}) if constant else net(nodes, {**X, "n": (INT64, ())})


def resizing(
    inputs: str = "x _ scales", *, kind: int = FLOAT, mode: str = "nearest", **attributes: Any
) -> onnx.ModelProto:
    weights = {"scales": np.array([1, 1, 2, 2], F32), "empty": np.array([], F32)}
    resized = node("Resize", inputs, "y", "grow", mode=mode, **attributes)
    fed = {"x": (kind, (1, 3, 8, 8))}
    if "wanted" in inputs:
        return net([resized], {**fed, "wanted": (INT64, (4,))}, weights)
    return net([resized], fed, weights)


def resizing_by_shape() -> onnx.ModelProto:
    """A Resize whose sizes are those of another tensor."""
    nodes = [node("Shape", "z", "wanted", "measure"), node("Resize", "x _ _ wanted", "y", "grow")]
    return net(nodes, {"x": (FLOAT, (1, 3, 8, 8)), "z": (FLOAT, (1, 3, 16, 16))})


def einsum(terms: int) -> onnx.ModelProto:
    names = ["x", "v", "w"][:terms]
    equation = ",".join(["ij", "jk", "kl"][:terms]) + "->" + {1: "ji", 2: "ik", 3: "il"}[terms]
    weights = {name: np.eye(4, dtype=F32) for name in names[1:]}
    return net([node("Einsum", " ".join(names), "y", "mix", equation=equation)], X, weights)


def picking(*, constant: bool) -> onnx.ModelProto:
    """A NonZero, of a tensor of known shape or of data."""
    nodes = [node("Shape", "x", "s", "measure")] if constant else [node("Relu", "x", "s", "active")]
    nodes += [node("NonZero", "s", "p", "pick"), node("Cast", "p", "y", "as_float", to=FLOAT)]
    return net(nodes, X)


def of_type(kind: int) -> onnx.ModelProto:
    return net([node("Relu", "x", "h", "active"), node("Cast", "h", "y", "back", to=FLOAT)], {"x": (kind, (1, 4))})


def opened(symbols: Dims = ("N", 3, "H", "W"), size: int | None = 40) -> onnx.ModelProto:
    """A convolution and, if `size` is given, a Gemm that fits this height and width alone."""
    nodes = [node("Conv", "x k", "h", "conv")]
    weights = {"k": np.zeros((2, 3, 1, 1), F32)}
    if size is None:
        return net([*nodes, node("GlobalAveragePool", "h", "y", "pool")], {"x": (FLOAT, symbols)}, weights)
    nodes += [node("Flatten", "h", "f", "flat"), node("Gemm", "f w", "y", "head")]
    return net(nodes, {"x": (FLOAT, symbols)}, {**weights, "w": np.zeros((2 * size * size, 5), F32)})


def by_gate() -> Case:
    """A model of opset 9, which the gate on opsets refuses though ATC takes it."""
    verdict = judge(CRITERIA["opset"], 9.0, why="the file declares opset 9", origin="inspected", subject="0" * 64)
    model = healthy()
    model.opset_import[0].version = 9
    return gather.case(model, options(), verdicts=(verdict,))


def named_only(name: str) -> Case:
    """A healthy model, compiled with a name in keep_dtype."""
    return tried(healthy(), keep_dtype=(name,))


def geared(**given: Any) -> Case:
    return tried(opened(("N", 3, 40, 40)), **given)


def gated(criterion: str, value: float = 1.0) -> Case:
    """A healthy model that a gate on the file judged."""
    verdict = judge(CRITERIA[criterion], value, why="something was found", origin="inspected", subject="0" * 64)
    return gather.case(healthy(), options(), verdicts=(verdict,))


def unsafe(*values: float) -> Case:
    """A model that the gate on safety refuses, with these values in a constant."""
    model = net([node("Add", "x c", "y", "shift")], {"x": (FLOAT, (1, len(values)))}, {"c": np.array(values, F32)})
    verdict = judge(CRITERIA["model_safety"], 1.0, why="a weight is not finite", origin="inspected", subject="0" * 64)
    return gather.case(model, options(), verdicts=(verdict,))


FEW = "[--dynamic_batch_size], [--dynamic_image_size], or [--dynamic_dims] has [{}] profiles, which is {}."


def no_parser(optype: str) -> Case:
    return said(f"E19010: No parser is registered for Op [x, optype [{optype}]].")


def machine(text: str) -> Make:
    return lambda: read(text)


CASES: dict[str, tuple[Make, Make]] = {
    "operators.local_function": (lambda: tried(with_function()), lambda: tried(one("Gelu", domain="com.microsoft"))),
    "operators.contrib": (lambda: tried(one("Gelu", domain="com.microsoft")), lambda: tried(spare_domain())),
    "operators.composed": (lambda: tried(one("Gelu", opset=20)), lambda: tried(one("Tanh", opset=20))),
    "operators.quantized": (
        lambda: no_parser("ai.onnx::13::QuantizeLinear"),
        lambda: no_parser("ai.onnx::13::Quantize"),
    ),
    "operators.torch_lib": (
        lambda: no_parser("pkg.onnxscript.torch_lib.common::1::Cast"),
        lambda: no_parser("ai.onnx::21::Cast"),
    ),
    "operators.classical_learning": (
        lambda: no_parser("ai.onnx.ml::3::TreeEnsembleClassifier"),
        lambda: no_parser("ai.onnx::3::TreeEnsembleClassifier"),
    ),
    "operators.constant_control_flow": (lambda: tried(looping(constant=True)), lambda: tried(looping(constant=False))),
    "operators.control_flow": (lambda: tried(looping(constant=False)), lambda: tried(looping(constant=True))),
    "operators.newer_packages": (lambda: tried(one("Unique", opset=17)), lambda: tried(one("Relu", opset=17))),
    "operators.unknown": (lambda: tried(one("Wonder", opset=17)), lambda: tried(one("Relu", opset=17))),
    "operators.no_kernel": (
        lambda: said("EZ3003: No supported Ops kernel and engine are found for [AddDsl], optype [AddDsl]."),
        lambda: said(
            "EZ3002: Optype [Less] of Ops kernel [AIcoreEngine] is unsupported. Reason: Dynamic shape is not supported "
            "on this chip!."
        ),
    ),
    "operators.no_definition": (
        lambda: said("EZ0501: IR for Op [x, optype [Foo]], is not registered."),
        lambda: no_parser("ai.onnx::13::Foo"),
    ),
    "operators.not_compiled": (
        lambda: said("E40021: Failed to compile Op [Conv_1]. (oppath: [a.py], optype: [Conv2D])"),
        lambda: said("E40020: Failed to import Python module [No module named 'sympy'.]."),
    ),
    "operators.constrained": (
        lambda: tried(
            net([node("MaxPool", "x", "y i", "pool", kernel_shape=[2, 2])], IMAGE, outputs=("y", "i")),
        ),
        lambda: tried(net([node("MaxPool", "x", "y i", "pool", kernel_shape=[2, 2])], IMAGE)),
    ),
    "operators.attribute": (
        lambda: said("E19014: Value [3] for op [Pad_3] is invalid. Reason: too many axes."),
        lambda: said("E10014: Value [3] for [--buffer_optimize] is invalid."),
    ),
    "operators.fusion_pass": (
        lambda: said("E20007: Failed to run graph fusion pass [SwinFusionPass]. The pass type is [built-in]."),
        lambda: said("E20001: Failed to compile Op [a]. (optype: [SwinFusion])"),
    ),
    "opset.too_new": (lambda: tried(one("Relu", opset=20)), lambda: tried(one("Relu", opset=18))),
    "opset.too_old": (lambda: tried(one("Relu", opset=7)), lambda: tried(one("Relu", opset=8))),
    "opset.older_cann": (
        lambda: no_parser("ai.onnx::17::LayerNormalization"),
        lambda: no_parser("ai.onnx::19::LayerNormalization"),
    ),
    "opset.refused_by_gate": (by_gate, lambda: tried(one("Relu", opset=9))),
    "domains.unneeded": (lambda: tried(spare_domain()), lambda: tried(spare_domain(used=True))),
    "domains.needed": (lambda: tried(spare_domain(used=True)), lambda: tried(spare_domain())),
    "domains.several": (
        lambda: said("E16005: The model has [2] [--domain_version] fields, but only one is allowed."),
        lambda: tried(spare_domain()),
    ),
    "domains.unstated": (
        lambda: said("E19999: The opset of domain[pkg.own] has no responding version."),
        lambda: said("E19999: The opset is fine."),
    ),
    "inputs.sizes_forced": (lambda: tried(opened()), lambda: tried(opened(size=None))),
    "inputs.sizes_open": (lambda: tried(opened(size=None)), lambda: tried(opened())),
    "inputs.wrong_name": (
        lambda: tried(opened((1, 3, 40, 40)), input_shape={"images": (1, 3, 40, 40)}),
        lambda: tried(opened((1, 3, 40, 40)), input_shape={"x": (1, 3, 40, 40)}),
    ),
    "inputs.wrong_rank": (
        lambda: tried(opened(), input_shape={"x": (1, 3, 40)}),
        lambda: tried(opened(), input_shape={"x": (1, 3, 40, 40)}),
    ),
    "inputs.fixed_axis": (
        lambda: tried(opened(), input_shape={"x": (1, 4, 40, 40)}),
        lambda: tried(opened(), input_shape={"x": (2, 3, 40, 40)}),
    ),
    "inputs.unfitting": (
        lambda: tried(opened(("N", 3, 40, 40)), input_shape={"x": (-1, 3, 40, 40)}),
        lambda: tried(opened(("N", 3, 40, 40)), input_shape={"x": (1, 3, 40, 40)}),
    ),
    "inputs.bad_grammar": (
        lambda: said("E10002: Value [x,1,3] for parameter [--input_shape] is invalid. Reason: no name."),
        lambda: said("E10005: Value [x] for parameter [--sparsity] is invalid. The value must be true or false."),
    ),
    "inputs.no_tensor": (
        lambda: said("EX0005: The emulator cannot compile the model. Reason: input x is no tensor but a sequence."),
        lambda: said("EX0005: The emulator cannot compile the model. Reason: too large."),
    ),
    "dynamic.refused_foldable": (
        lambda: tried(picking(constant=True), soc_version="Ascend310"),
        lambda: tried(picking(constant=True)),
    ),
    "dynamic.refused_from_data": (
        lambda: tried(picking(constant=False), soc_version="Ascend310"),
        lambda: tried(picking(constant=False)),
    ),
    "dynamic.refused_open_inputs": (
        lambda: said(
            "EZ3002: Optype [Less] of Ops kernel [AIcoreEngine] is unsupported. Reason: Dynamic shape is not supported "
            "on this chip!."
        ),
        lambda: tried(picking(constant=True), soc_version="Ascend310"),
    ),
    "dynamic.from_data": (
        lambda: gather.case(picking(constant=False), options(soc_version="Ascend310")),
        lambda: gather.case(picking(constant=False), options()),
    ),
    "dtypes.bfloat16_refused": (
        lambda: tried(of_type(BFLOAT16)),
        lambda: tried(of_type(BFLOAT16), soc_version="Ascend910B3"),
    ),
    "dtypes.bfloat16": (lambda: tried(of_type(BFLOAT16)), lambda: tried(of_type(BFLOAT16), soc_version="Ascend910B3")),
    "dtypes.float64": (lambda: tried(of_type(DOUBLE)), lambda: tried(of_type(FLOAT))),
    "dtypes.float64_refused": (
        lambda: said(
            "EZ3002: Optype [Exp] of Ops kernel [AIcoreEngine] is unsupported. Reason: data type DT_DOUBLE of "
            "input [x] is not supported."
        ),
        lambda: tried(of_type(DOUBLE)),
    ),
    "dtypes.int64_refused": (
        lambda: said(
            "EZ3002: Optype [Conv2DTranspose] of Ops kernel [AIcoreEngine] is unsupported. Reason: data type DT_INT64 "
            "of input [input_size] is not supported. All are: Data Type: {DT_INT32,DT_INT32}Format:{ND,ND}."
        ),
        lambda: tried(resizing(kind=UINT8)),
    ),
    "dtypes.type_refused": (lambda: tried(resizing(kind=UINT8)), lambda: tried(resizing())),
    "dtypes.mixed": (
        lambda: said("EZ9999: Inner Error! Op Concat_3: dtype of inputs must be same"),
        lambda: said("EZ9999: Inner Error! Op Concat_3: shape of inputs must match"),
    ),
    "resize.computed_sizes": (lambda: tried(resizing_by_shape()), lambda: tried(resizing())),
    "resize.sizes_from_data": (lambda: tried(resizing("x _ _ wanted")), lambda: tried(resizing_by_shape())),
    "resize.missing_inputs": (
        lambda: said("E19999: src_out_anchor is nullptr, node: Resize_3"),
        lambda: tried(resizing()),
    ),
    "resize.left_out_inputs": (lambda: tried(resizing()), lambda: tried(resizing("x empty scales"))),
    "resize.mode": (lambda: tried(resizing(mode="cubic")), lambda: tried(resizing(mode="linear"))),
    "resize.ignored_attributes": (
        lambda: tried(one("Resize", opset=18, keep_aspect_ratio_policy="not_larger")),
        lambda: tried(one("Resize", opset=18, keep_aspect_ratio_policy="stretch")),
    ),
    "resize.refused": (
        lambda: read("OP Resize not support"),
        lambda: read("ATC run success, welcome to the next use.\nW11001: Op [Resize_2] does not hit the library."),
    ),
    "einsum.many_inputs": (lambda: tried(einsum(3)), lambda: tried(einsum(2))),
    "einsum.refused": (
        lambda: said("EZ3003: No supported Ops kernel and engine are found for [mix], optype [Einsum]."),
        lambda: said("EZ3003: No supported Ops kernel and engine are found for [mix], optype [Erf]."),
    ),
    "einsum.precision": (lambda: tried(einsum(2)), lambda: tried(einsum(3))),
    "options.unsupported": (lambda: tried(healthy(), output_type="FP16"), lambda: tried(healthy(), sparsity=True)),
    "options.mode_without_bf16": (
        lambda: tried(healthy(), precision_mode="allow_mix_precision_bf16"),
        lambda: tried(healthy(), precision_mode="allow_mix_precision_bf16", soc_version="Ascend910B3"),
    ),
    "options.kept_name": (lambda: named_only("produkt"), lambda: named_only("product")),
    "options.value": (
        lambda: said("E10005: Value [yes] for parameter [--sparsity] is invalid. The value must be true or false."),
        lambda: said("E10001: Value [linux] for parameter [--host_env_os] is invalid. Reason: unknown."),
    ),
    "options.required": (
        lambda: said("E10007: [--framework] is required. The value must be [0(Caffe) or 5(Onnx)]."),
        lambda: said("E10005: Value [] for parameter [--sparsity] is invalid. The value must be true or false."),
    ),
    "options.exclusive": (
        lambda: said("E10047: [--precision_mode] and [--precision_mode_v2] are mutually exclusive."),
        lambda: said("E10007: [--framework] is required. The value must be [5(Onnx)]."),
    ),
    "options.image_size": (
        lambda: said("E70014: AIPP H/W must equal data H/W."),
        lambda: said("E70015: something else of AIPP."),
    ),
    "options.gears_without_axis": (
        lambda: geared(dynamic_batch_size=(1, 2), input_shape={"x": (1, 3, 40, 40)}),
        lambda: geared(dynamic_batch_size=(1, 2), input_shape={"x": (-1, 3, 40, 40)}),
    ),
    "options.one_gear": (
        lambda: geared(dynamic_batch_size=(2,), input_shape={"x": (-1, 3, 40, 40)}),
        lambda: geared(dynamic_batch_size=(1, 2), input_shape={"x": (-1, 3, 40, 40)}),
    ),
    "options.gears": (
        lambda: said(f"E10036: {FEW.format(101, 'greater than the maximum ([100])')}"),
        lambda: said(f"E10035: {FEW.format(1, 'less than the minimum ([2])')}"),
    ),
    "options.fp32_without_cube": (
        lambda: tried(healthy(), precision_mode="force_fp32"),
        lambda: tried(healthy(), precision_mode="force_fp32", soc_version="Ascend910B3"),
    ),
    "soc.misspelt": (lambda: tried(healthy(), soc_version="310p3"), lambda: tried(healthy(), soc_version="Ascend310P")),
    "soc.unknown": (lambda: tried(healthy(), soc_version="Ascend310P"), lambda: tried(healthy())),
    "soc.first_generation": (
        lambda: tried(healthy(), soc_version="Ascend910B"),
        lambda: tried(healthy(), soc_version="Ascend910B", first_generation=True),
    ),
    "model_file.not_loaded": (
        lambda: said("E10041: Failed to load the model from [/tmp/a.onnx]."),
        lambda: said("E10042: GenerateOfflineModel execute failed."),
    ),
    "model_file.incomplete": (
        lambda: said("E16001: Model has no [input] node."),
        lambda: said("E16002: No ONNX parser is registered for optype [ai.onnx::20::Gelu]."),
    ),
    "model_file.beyond_emulator": (
        lambda: said("EX0005: The emulator cannot compile the model. Reason: it is larger than 2 GB."),
        lambda: said("EX0005: The emulator cannot compile the model. Reason: input x is no tensor but a map."),
    ),
    "model_file.invalid": (lambda: gated("onnx_checker"), lambda: gated("onnx_checker", 0.0)),
    "model_file.unsafe": (lambda: gated("model_safety"), lambda: gated("code_style")),
    "model_file.undeclared_inputs": (lambda: gated("dynamic_dims"), lambda: gated("dynamic_dims", 0.0)),
    "not_finite.constant": (lambda: unsafe(0, 0, 0, -np.inf), lambda: unsafe(0, 0, 0, -1e30)),
    "not_finite.weight": (lambda: unsafe(*range(7), np.inf), lambda: unsafe(0, 0, 0, -np.inf)),
    "not_finite.nan": (lambda: unsafe(0, 0, np.nan, np.inf), lambda: unsafe(0, 0, 0, np.inf)),
    "unknown.code": (lambda: said("E98765: Something that nobody knows."), lambda: tried(one("Relu", opset=20))),
    "unknown.silent": (
        lambda: gather.case(healthy(), options(), verdicts=(_refused(),)),
        lambda: gather.case(healthy(), options()),
    ),
    "environment.driver_library": (
        machine("atc.bin: error while loading shared libraries: libascend_hal.so: cannot open shared object file: No"),
        machine("atc.bin: error while loading shared libraries: libstdc++.so.6: cannot open shared object file: No"),
    ),
    "environment.stub_libraries": (
        machine("ImportError: /usr/lib/acl.so: undefined symbol: aclprofSetConfig"),
        machine("ImportError: /usr/lib/other.so: undefined symbol: someFunction"),
    ),
    "environment.shared_library": (
        machine("atc.bin: error while loading shared libraries: libstdc++.so.6: cannot open shared object file: No"),
        machine("atc.bin: loaded libstdc++.so.6"),
    ),
    "environment.numpy_two": (
        machine("EC0010: Failed to import Python module [`np.float_` was removed in the NumPy 2.0 release]."),
        machine("EC0010: Failed to import Python module [No module named 'numpy']."),
    ),
    "environment.python_version": (
        machine("E40002: Current Python version [3.6.9] is not supported."),
        machine("E40000: Failed to import TBE modules."),
    ),
    "environment.python_package": (
        machine("EC0010: Failed to import Python module [ModuleNotFoundError: No module named 'decorator'.]."),
        machine("EC0010: Failed to import Python module [`np.float_` was removed in the NumPy 2.0 release]."),
    ),
    "environment.operator_path": (
        machine("E20002: Value [/usr/local/Ascend/nnrt/opp] for environment variable [ASCEND_OPP_PATH] is invalid."),
        machine("E20003: Value [a] for a configuration file is invalid."),
    ),
    "environment.host_system": (
        machine("E10001: Value [linux] for parameter [--host_env_os] is invalid. Reason: not found."),
        machine("E10001: Value [x] for parameter [--buffer_optimize] is invalid. Reason: not found."),
    ),
    "environment.kernels_missing": (
        machine("EZ3003: No supported Ops kernel and engine are found for [conv1], optype [Conv2D]."),
        machine("EZ3003: No supported Ops kernel and engine are found for [odd], optype [RareOperator]."),
    ),
    "environment.compiler": (
        machine("fatal error: 'cstdint' file not found"),
        machine("fatal error: 'my_header.hpp' was not found"),
    ),
    "environment.memory": (
        machine("The available memory is 1 GB, less than 2 GB."),
        machine("The available memory is 64 GB."),
    ),
    "environment.disk": (machine("OSError: [Errno 28] No space left on device"), machine("OSError: [Errno 13] denied")),
    "environment.other_soc": (machine("load failed, ret = 507008"), machine("507008 files were read")),
    "environment.versions": (machine("acl load failed, ret = 500002"), machine("500002 samples were run")),
    "environment.device": (machine("device open failed, ret = 507033"), machine("507033 samples")),
    "environment.device_memory": (machine("malloc failed, ret = 207001"), machine("207001 bytes")),
    "environment.no_atc": (machine("bash: line 1: atc: command not found"), machine("bash: line 1: ls: not found")),
    "environment.killed": (machine("run.sh: line 3: 4242 Killed"), machine("Killed processes: none were seen")),
    "environment.crashed": (machine("Segmentation fault (core dumped)"), machine("Segmentation of images")),
    "environment.code": (machine("EL0003: The driver call failed."), machine("E98765: Something that nobody knows.")),
    "environment.other": (
        lambda: gather.case(None, options(), environment=("the clock of this machine is wrong",)),
        lambda: gather.case(None, options()),
    ),
}
"""Rule -> (a case in which it must speak with at least half its confidence, a near miss)."""


def _refused() -> Verdict:
    return judge(CRITERIA["conversion_errors"], 1.0, why="refused", origin="emulated", subject="0" * 64)

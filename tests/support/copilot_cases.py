"""Failures to ask a language model about, with a sentence of a stranger in a place of one's choice."""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ascend_assets.diagnosis.case import Case
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Diagnostic

SHAPE = [1, 4]


def model(*, node: str = "scale", given: str = "x", mask: str = "mask", op: str = "Mul", domain: str = "") -> Any:
    """Softmax of x * w + mask: `w` is as trained, the mask overflows FP16."""
    weights = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    nodes = [
        helper.make_node(op, [given, "w"], ["scaled"], name=node, domain=domain),
        helper.make_node("Add", ["scaled", mask], ["y"], name="masked"),
        helper.make_node("Softmax", ["y"], ["p"], name="probabilities"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(given, TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info("p", TensorProto.FLOAT, [2, 4])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(_mask(), mask)],
    )
    imports = [helper.make_opsetid("", 13), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=imports)


def _mask() -> Any:
    return np.array([[0, 0, 0, -3.4e38]], np.float32)


def case(where: str = "", text: str = "") -> Case:
    """A refused model with `text` at the place `where` of the corpus; `scale` is the refused node's name else."""
    names = {"node": "node", "input": "given", "tensor": "mask", "op": "op", "domain": "domain"}
    made: onnx.ModelProto = model(**({names[where]: text} if where in names else {}))
    if where == "metadata":
        helper.set_model_props(made, {"description": text, text: "value"})
    if where == "doc":
        made.doc_string = made.graph.doc_string = made.graph.node[0].doc_string = text
    given = made.graph.input[0].name
    refused = made.graph.node[0].name
    message = text if where == "message" else f"node {refused} of input {given} is not supported"
    return Case(
        options=CompileOptions.model_construct(soc_version="Ascend310P3", input_shape={given: tuple(SHAPE)}),
        model=made,
        diagnostics=(Diagnostic(code="E19010", message=message, nodes=(refused,)),),
        log=text if where == "log" else f"[ERROR] GE: {message}\n",
        environment=(text,) if where == "environment" else (),
    )

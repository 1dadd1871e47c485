"""What a language model is told of a failure: bounded, redacted, with neutral names, and nothing that is not needed.

Here belongs turning a `Case` into JSON. Not here: the question around it (`prompts.py`), or asking (`asking.py`).
Weights and inputs never go along; of constants their range alone does.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ascend_assets.copilot.names import Names
from ascend_assets.diagnosis.case import Case
from ascend_assets.diagnosis.cause import Cause
from ascend_assets.diagnosis.diagnose import observed
from resources.copilot.redaction import Redactor
from resources.onnx_files.graph import view

if TYPE_CHECKING:
    import onnx

    from resources.onnx_files.graph import Graph, Node, Tensor

LINE = 300
"""Characters of a text from outside."""
NODES, LAYERS, OPERATORS, MESSAGES, LOG_LINES, CONSTANTS, INPUTS = 60, 15, 40, 20, 15, 20, 32
_FEW_VALUES = 4
"""Distinct values of a constant that somebody wrote; a trained one has more."""
_MAX_ELEMENTS = 4_000_000
_HEAD = 1024
"""Elements that are looked at before all are sorted."""
_PASS = re.compile(r"[\w.]{1,200}", re.ASCII)
_TRAINED = frozenset(
    {"Conv", "ConvTranspose", "ConvInteger", "Gemm", "MatMul", "MatMulInteger", "QLinearConv", "QLinearMatMul"}
    | {"BatchNormalization", "LayerNormalization", "RMSNormalization", "InstanceNormalization", "GroupNormalization"}
    | {"LSTM", "GRU", "RNN", "PRelu", "Gather", "Einsum"}
)
"""Operators whose constants are mostly trained."""
_TELLING = ("ERROR", "error", "fail", "E1", "E4", "E8", "EZ", "not support", "WARN")


def of(case: Case, causes: Sequence[Cause], redactor: Redactor) -> tuple[dict[str, Any], Names]:
    """The facts, and the names that stand in them."""
    graph = case.graph or (view(case.model) if case.model is not None else None)
    names, seen = Names(_every(graph)), observed(case)[:MESSAGES]
    found: dict[str, Any] = {"soc_version": case.options.soc_version}
    if graph is not None:
        # Before any text: names are found in texts only once they are given.
        found["nodes"] = _nodes(case, graph, names, [node for fact in seen for node in fact.nodes])
        found |= _graph(case, graph, names)
    if case.model is not None:
        found["constants"] = list(_constants(case.model, graph, names))
    found["options"] = _options(case, names)
    found["refused"] = _verdicts(case, names, redactor)
    found["compiler"] = [
        {
            "code": _line(d.code, names, redactor),
            "text": _line(d.message, names, redactor),
            "nodes": _ids(d.nodes, names),
        }
        for d in case.diagnostics[:MESSAGES]
    ]
    found |= _measured(case, names)
    found["observed"] = [
        {"kind": fact.kind, "says": _line(fact.says, names, redactor), "nodes": _ids(fact.nodes, names)}
        for fact in seen
    ]
    found["log"] = [_line(line, names, redactor) for line in _log(case.log)]
    found["environment"] = [_line(text, names, redactor) for text in case.environment[:MESSAGES]]
    found["tried"] = _tried(causes)
    return found, names


def _every(graph: "Graph | None") -> Iterator[str]:
    """All names of a graph."""
    for node in graph.nodes if graph else ():
        yield node.name
        yield from (*node.inputs, *node.outputs)


def number(value: float) -> float | str:
    """A figure in JSON, which has neither NaN nor infinity."""
    return float(f"{value:.5g}") if math.isfinite(value) else str(value)


def _line(text: str, names: Names, redactor: Redactor) -> str:
    return redactor.line(names.hidden(text[: 8 * LINE]), LINE)


def _ids(nodes: Iterable[str], names: Names) -> list[str]:
    return [names.node(node) for node in list(nodes)[:LAYERS]]


def _nodes(case: Case, graph: "Graph", names: Names, seen: Sequence[str]) -> list[dict[str, Any]]:
    """The nodes that the evidence and what was `seen` are about, with their neighbours; a small graph as a whole."""
    makers = {output: node for node in graph.nodes for output in node.outputs if output}
    users: dict[str, str] = {}
    for node in graph.nodes:
        users.update((name, node.name) for name in node.inputs if name in makers)
    by_name = {node.name: node for node in graph.nodes}
    chosen = dict.fromkeys(name for name in (*_about(case), *seen) if name in by_name)
    for name in tuple(chosen)[:NODES]:
        node = by_name[name]
        near = [makers[one].name for one in node.inputs if one in makers]
        chosen.update(dict.fromkeys((*near, *(users[one] for one in node.outputs if one in users))))
    if len(graph.nodes) <= NODES:
        chosen = dict.fromkeys(by_name)
    kept = list(chosen)[:NODES]
    ids = {name: names.node(name) for name in kept}
    return [_node(by_name[name], graph, makers, ids, names) for name in kept]


def _about(case: Case) -> Iterator[str]:
    for diagnostic in case.diagnostics:
        yield from diagnostic.nodes
    if case.comparison:
        if case.comparison.first_bad_layer:
            yield case.comparison.first_bad_layer.node
        yield from (layer.node for layer in _worst(case))
    if case.profile:
        yield from (op.node for op in sorted(case.profile.ops, key=lambda op: -op.time_us)[:LAYERS])


def _node(node: "Node", graph: "Graph", makers: "dict[str, Node]", ids: dict[str, str], names: Names) -> dict[str, Any]:
    inputs: list[str] = []
    for name in node.inputs[:INPUTS]:
        tensor = graph.tensors.get(name)
        if name in makers:
            inputs.append(ids.get(makers[name].name, "node"))
        else:
            inputs.append("constant" if tensor and tensor.constant else "input" if name else "absent")
    outputs = [_tensor(graph.tensors.get(name)) for name in node.outputs[:4]]
    return {"id": ids[node.name], "op": names.op(node.op), "inputs": inputs, "outputs": outputs}


def _tensor(tensor: "Tensor | None") -> list[int] | str:
    return "unknown" if tensor is None or tensor.shape is None else list(tensor.shape[:16])


def _graph(case: Case, graph: "Graph", names: Names) -> dict[str, Any]:
    counts = Counter((names.domain(node.domain), names.op(node.op)) for node in graph.nodes)
    imports = [] if case.model is None else [(o.domain, o.version) for o in case.model.opset_import][:OPERATORS]
    return {
        "opset": graph.opset,
        "domains": {names.domain(domain): version for domain, version in imports},
        "operators": {f"{domain}::{op}": count for (domain, op), count in counts.most_common(OPERATORS)},
        "inputs": [
            {
                "id": names.input(name),
                "shape": _tensor(graph.tensors.get(name)),
                "compiled_for": list(case.options.input_shape.get(name, ())),
                "open": name in case.open_inputs,
            }
            for name in graph.inputs[:INPUTS]
        ],
    }


def _constants(model: "onnx.ModelProto", graph: "Graph | None", names: Names) -> Iterator[dict[str, Any]]:
    """Constants that somebody wrote and nobody trained, the largest values first: masks, fill values, epsilons."""
    import numpy as np
    from onnx import TensorProto, numpy_helper

    floats = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE}
    trained = {name for node in (graph.nodes if graph else ()) if node.op in _TRAINED for name in node.inputs}
    found = []
    held = [(one.name, one) for one in model.graph.initializer]
    held += [
        (n.output[0], a.t)
        for n in model.graph.node
        if n.op_type == "Constant"
        for a in n.attribute
        if a.name == "value"
    ]
    for name, tensor in held:
        small = math.prod(tensor.dims) <= _MAX_ELEMENTS and tensor.data_location != TensorProto.EXTERNAL
        if name in trained or tensor.data_type not in floats or not small:
            continue
        flat = numpy_helper.to_array(tensor).astype(np.float64).reshape(-1)
        if np.unique(flat[:_HEAD]).size > _FEW_VALUES:
            continue
        values = np.unique(flat)
        if 0 < values.size <= _FEW_VALUES:
            found.append((float(np.nan_to_num(np.abs(values), nan=np.inf).max()), name, values))
    for _, name, values in sorted(found, key=lambda one: -one[0])[:CONSTANTS]:
        yield {"id": names.tensor(name), "values": [number(float(value)) for value in values]}


def _options(case: Case, names: Names) -> dict[str, Any]:
    """ATC's options that are given; names of nodes in them are neutral, and what holds other names is left out."""
    options = case.options
    given: dict[str, Any] = {"precision": options.mode}
    if options.keep_dtype:
        given["keep_dtype"] = [_kept(one, names) for one in options.keep_dtype[:NODES]]
    if options.modify_mixlist:
        lists = options.modify_mixlist.model_dump(exclude_defaults=True)
        given["modify_mixlist"] = {key: [names.op(op) for op in ops[:OPERATORS]] for key, ops in lists.items()}
    plain = {
        "enable_small_channel",
        "op_select_implmode",
        "buffer_optimize",
        "deterministic",
        "sparsity",
        "jit_compile",
    }
    given |= options.model_dump(include=plain)
    given["set"] = sorted(options.model_dump(exclude_defaults=True))
    return given


def _kept(name: str, names: Names) -> str:
    kind = name.removeprefix("OpType::")
    return f"OpType::{names.op(kind)}" if kind != name else names.node(name)


def _verdicts(case: Case, names: Names, redactor: Redactor) -> list[dict[str, Any]]:
    return [
        {
            "criterion": verdict.criterion,
            "value": None if verdict.value is None else number(verdict.value),
            "sense": verdict.sense,
            "limits": {name: number(limit) for name, limit in verdict.limits.items()},
            "why": _line(verdict.why, names, redactor),
        }
        for verdict in case.refused[:MESSAGES]
    ]


def _worst(case: Case) -> list[Any]:
    layers = case.comparison.layers if case.comparison else ()

    def badness(layer: Any) -> tuple[bool, float]:  # noqa: ANN401 - a LayerComparison
        return not math.isfinite(layer.local_error) or bool(layer.overflow), layer.local_error

    return sorted(layers, key=badness, reverse=True)[:LAYERS]


def _measured(case: Case, names: Names) -> dict[str, Any]:
    found: dict[str, Any] = {
        "layers": [
            {
                "id": names.node(layer.node),
                "op": names.op(layer.op),
                "dtype": layer.dtype,
                "own_error": number(layer.local_error),
                "accumulated_error": number(layer.relative_euclidean_distance),
                "cosine": number(layer.cosine_similarity),
                "overflow": layer.overflow,
                "underflow": layer.underflow,
            }
            for layer in _worst(case)
        ]
    }
    if case.comparison and case.comparison.fusion:
        fusion = case.comparison.fusion
        found["fusion"] = {
            "fused": number(fusion.fused),
            "unfused": number(fusion.unfused),
            "passes": [name for name in fusion.passes[:50] if _PASS.fullmatch(name)],
        }
    if case.profile:
        top = sorted(case.profile.ops, key=lambda op: -op.time_us)[:8]
        found["speed"] = {
            "latency_ms_p50": number(case.profile.latency_ms.p50),
            "batch": case.profile.batch,
            "bound": case.profile.bound,
            "memory_bytes": case.profile.memory_bytes,
            "memory_available_bytes": case.profile.memory_available_bytes,
            "slowest": [{"id": names.node(op.node), "op": names.op(op.op), "us": number(op.time_us)} for op in top],
        }
    return found


def _log(log: str) -> list[str]:
    lines = [line for line in log[-200_000:].splitlines() if any(mark in line for mark in _TELLING)]
    return list(dict.fromkeys(lines))[:LOG_LINES]


def _tried(causes: Sequence[Cause]) -> list[dict[str, Any]]:
    """What rules have said already: their ids and the kinds of remedies, in our own words."""
    return [
        {"rule": cause.rule, "remedies": [remedy.kind for remedy in cause.remedies]}
        for cause in causes[:MESSAGES]
        if cause.family != "copilot"
    ]

"""What the layer table says where no formula and no constant explains it.

Here belong the layers that fail by themselves, and errors that are small everywhere and add up. Both are general: what
is observed elsewhere says more, and is cheaper to repair. Not here: why a layer fails.
"""

import math
from collections.abc import Iterator, Sequence

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.faults import STATED, Faults
from ascend_assets.diagnosis.observers.reading import Reading, told
from ascend_assets.diagnosis.offers import offer
from ascend_assets.diagnosis.telling import plain
from ascend_assets.remedies.kinds import KeepDtype, MixPrecision, Remedy, SetPrecisionMode, WidenFloats
from resources.ascend.emulator.op_names import CUBE, ge_types
from resources.ascend.emulator.precision import FLOAT16
from resources.ascend.toolchain import Comparison, LayerComparison
from resources.onnx_files.graph import Node, Tensor

_MODES = ("mix_precision", "set_precision_mode")
MAKES = {
    "first_bad_layer": Kind((*STATED, "node", "op", "why"), ("keep_dtype",)),
    "own_errors": Kind((*STATED, "layers", "op"), ("keep_dtype", *_MODES)),
    "rounded_inputs": Kind((*STATED, "layers", "op"), ("keep_dtype",)),
    "narrow_file": Kind(("number", "op"), ("widen_floats",)),
    "reference_not_finite": Kind(("output", "node", "op")),
    "accumulated_error": Kind((*STATED, "layers", "share", "op"), ("keep_dtype", *_MODES)),
}

_SHARE = 0.8
"""Share of the squared own errors that the layers to keep account for."""
_LEVELS = 3
"""How many rounded results before a fault are kept as well: a variance is three operators."""
_LEAST_ERROR = 1e-5
"""An own error below this is the last digit of FP32, and no rounding to FP16."""


def observe(case: Case) -> Iterator[Observation]:
    """The faults of a comparison that failed; nothing where it passed or where there is none."""
    reading = Reading(case)
    faults = Faults(reading)
    if not faults.imprecise or case.comparison is None:
        return
    lost = _without_reference(case.comparison)
    if lost:
        yield _not_finite(faults, lost)
    own = tuple(faults.nodes(faults.own))
    if own:
        yield from _first(faults, case)
        yield _own(faults, own)
        yield _rounded(faults, own)
        yield from _narrow_file(faults, own)
    elif not lost:
        yield from _accumulated(faults)


def _without_reference(comparison: Comparison) -> str:
    """An output that is not finite in FP32, so that no repair of the device's numbers brings it within limits.

    Its distance is no number although every element that is finite in FP32 is finite on the device. Empty for none.
    """
    names = [o.name for o in comparison.outputs if math.isnan(o.relative_euclidean_distance) and not o.non_finite]
    return names[0] if names else ""


def _not_finite(faults: Faults, output: str) -> Observation:
    layers = faults.layers.values()
    lost = [layer for layer in layers if math.isnan(layer.relative_euclidean_distance) and not layer.overflow]
    node, op = (lost[0].node, lost[0].op) if lost else ("-", "-")
    return Observation(
        kind="reference_not_finite",
        says=f"output {plain(output)} is not finite in FP32 either, from {plain(node)} ({plain(op)}) on",
        nodes=(node,) if lost else (),
        values={"output": output, "node": node, "op": op},
        from_="layers",
    )


def _first(faults: Faults, case: Case) -> Iterator[Observation]:
    bad = case.comparison.first_bad_layer if case.comparison else None
    node = next((node for node in faults.reading.nodes if bad and node.name == bad.node), None)
    if bad is None or node is None:
        return
    values: dict[str, Value] = {"node": bad.node, "op": bad.op, "why": bad.cause}
    kept = offer(KeepDtype, nodes=[link.name for link in faults.chain([node])])
    yield faults.fact("first_bad_layer", f"first bad layer {told([node])}: {bad.cause}", [node], values, kept)


def _own(faults: Faults, own: tuple[Node, ...]) -> Observation:
    ranked = sorted(own, key=lambda node: -faults.worst([node]))
    values: dict[str, Value] = {"layers": len(own), "op": _ops(ranked)}
    remedies = {**_kept(faults.chain(own), ranked), **_mixed(ranked), **_whole(faults.case)}
    return faults.fact("own_errors", f"{len(own)} layers fail by themselves: {told(ranked)}", own, values, remedies)


def _rounded(faults: Faults, own: tuple[Node, ...]) -> Observation:
    """The same layers with those that feed them: an input that was rounded before has lost its digits already."""
    wide = own
    for _ in range(_LEVELS):
        wide = faults.fed(wide)
    wide = faults.chain(wide)
    values: dict[str, Value] = {"layers": len(wide), "op": _ops(wide)}
    says = f"{len(own)} layers fail by themselves, fed by {len(wide) - len(own)} that round"
    return faults.fact("rounded_inputs", says, own, values, _kept(wide, wide))


def _narrow_file(faults: Faults, own: tuple[Node, ...]) -> Iterator[Observation]:
    """Faulty nodes whose tensors are FP16 in the file itself: the type that ATC would keep is no wider."""
    tensors = faults.reading.graph.tensors
    half = tuple(node for node in own if _all_half([tensors.get(name) for name in node.outputs if name]))
    if half:
        yield Observation(
            kind="narrow_file",
            says=f"{len(half)} faulty nodes are FP16 in the file: {told(half)}",
            nodes=tuple(node.name for node in half),
            values={"number": len(half), "op": _ops(half)},
            remedies=offer(WidenFloats, of="float16"),
            from_="layers",
        )


def _all_half(tensors: list[Tensor | None]) -> bool:
    return bool(tensors) and all(tensor is not None and tensor.dtype == FLOAT16 for tensor in tensors)


def _accumulated(faults: Faults) -> Iterator[Observation]:
    """Layers by their own errors until they account for most of the sum of squares."""
    ranked = sorted(filter(_errs, faults.layers.values()), key=lambda layer: -layer.local_error)
    total = sum(layer.local_error**2 for layer in ranked)
    chosen: list[LayerComparison] = []
    seen = 0.0
    for layer in ranked:
        if seen >= _SHARE * total:
            break
        chosen.append(layer)
        seen += layer.local_error**2
    nodes = tuple(faults.nodes(chosen))
    if not nodes:
        return
    values: dict[str, Value] = {"layers": len(nodes), "share": seen / total, "op": _ops(nodes)}
    says = f"no layer fails by itself; {len(nodes)} of {len(ranked)} make {seen / total:.0%} of the rounding errors"
    # Early errors may grow on their way, so that a search has to be able to go beyond the largest.
    everything = tuple(faults.nodes(ranked))
    remedies = {**_kept(everything, everything), **_mixed(nodes), **_whole(faults.case)}
    yield Observation(
        kind="accumulated_error",
        says=f"{says}: {told(nodes)}",
        nodes=tuple(node.name for node in nodes),
        values={"hurts": 1, "error": faults.worst(nodes), "overflow": faults.overflow(nodes), **values},
        remedies=remedies,
        from_="layers",
    )


def _errs(layer: LayerComparison) -> bool:
    return layer.dtype in {"float16", "bfloat16"} and _LEAST_ERROR < layer.local_error < math.inf


def _ops(nodes: Sequence[Node]) -> str:
    return ", ".join(list(dict.fromkeys(node.op for node in nodes))[:5])


def _kept(nodes: Sequence[Node], ranked: Sequence[Node]) -> dict[str, Remedy]:
    """The nodes, those with the largest errors first, for a search that keeps as few as it can."""
    order = {node.index: at for at, node in enumerate(ranked)}
    first = sorted(nodes, key=lambda node: order.get(node.index, len(order)))
    return offer(KeepDtype, nodes=[node.name for node in first])


def _mixed(nodes: Sequence[Node]) -> dict[str, Remedy]:
    """Mixed precision with the operators' types, as GE calls them, on the black list; products stay narrow."""
    kinds = dict.fromkeys(kind for node in nodes if node.op not in CUBE for kind in ge_types(node.op))
    return offer(MixPrecision, black=tuple(kinds)[:100])


def _whole(case: Case) -> dict[str, Remedy]:
    """Modes for the whole model, the cheapest first: BF16 has three digits less than FP16."""
    narrower = offer(SetPrecisionMode, as_="fp16", precision_mode="allow_mix_precision_fp16")
    wide = offer(SetPrecisionMode, precision_mode="must_keep_origin_dtype")
    return {**narrower, **wide} if case.options.mode.endswith("bf16") else wide

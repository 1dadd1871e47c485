"""Resize and Upsample: what CANN takes of them.

Facts (CANN's operator list, Resize; its ONNX plugin): scales and sizes are constants; modes nearest and linear;
`antialias`, `axes` and `keep_aspect_ratio_policy` are ignored; the plugin reads at least three inputs, and one that is
left out can end in `src_out_anchor is nullptr`. Not here: how nearest rounds (`resize_rounding.py`), or types
(`dtypes.py`).
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.said import errors, fact, warnings
from ascend_assets.diagnosis.observers.shapes_only import from_shapes, literal, to_fix
from ascend_assets.diagnosis.observers.unparsed import CODES
from ascend_assets.diagnosis.offers import offer
from ascend_assets.remedies.kinds import Remedy, RewriteResize, Simplify
from resources.onnx_files.graph import Node

if TYPE_CHECKING:
    from resources.ascend.toolchain import Diagnostic

MAKES = {
    "resize_computed": Kind(("foldable",), ("rewrite_resize", "fix_shapes", "simplify")),
    "resize_inputs": Kind(("inputs",), ("rewrite_resize",)),
    "resize_left_out": Kind(("inputs",), ("rewrite_resize",)),
    "resize_mode": Kind(("mode",)),
    "resize_ignored": Kind(("ignored",)),
    "resize_refused": Kind((), ("rewrite_resize", "fix_shapes", "simplify")),
}

_OPS = frozenset({"Resize", "Upsample"})
_REFUSED = re.compile(r"resize\w{0,30}\b.{0,200}\bnot? support", re.IGNORECASE | re.DOTALL)
_ANCHOR = "src_out_anchor is nullptr"
_IGNORED = ("antialias", "axes", "keep_aspect_ratio_policy")
_WITH_ROI = 11
"""From this opset on, a Resize has data, roi, scales and sizes."""
_READ = 3


def observe(case: Case) -> Iterator[Observation]:
    """Each Resize of the graph with the message about it, then messages about one that the graph does not explain."""
    nodes = tuple(node for node in case.graph.nodes if node.op in _OPS) if case.graph else ()
    messages = [item for item in (*errors(case), *warnings(case, "WX0002")) if _about(item, nodes)]
    said = {name: item for item in reversed(messages) for name in item.nodes}
    settled, written = from_shapes(case), literal(case)
    explained: set[int] = set()
    for node in nodes:
        item = said.get(node.name) or next((m for m in messages if not m.nodes and _ANCHOR in m.message), None)
        for seen in _of_node(case, node, settled, written):
            if item is not None and _ANCHOR in item.message and seen.kind == "resize_left_out":
                explained.add(id(item))
                yield fact("resize_inputs", item, nodes=seen.nodes, values=seen.values, remedies=seen.remedies)
            elif item is not None and _explains(item, seen.kind):
                explained.add(id(item))
                yield fact(seen.kind, item, nodes=seen.nodes, values=seen.values, remedies=seen.remedies)
            else:
                yield seen
    yield from _left(case, nodes, [item for item in messages if id(item) not in explained])


def _left(case: Case, nodes: tuple[Node, ...], messages: "list[Diagnostic]") -> Iterator[Observation]:
    for item in messages:
        if item.code.startswith("W"):
            continue
        about = item.nodes or tuple(node.name for node in nodes)
        if _ANCHOR in item.message:
            fills = offer(RewriteResize, nodes=about, how="fill_inputs")
            yield fact("resize_inputs", item, nodes=about, values={"inputs": 0}, remedies=fills)
        else:
            yield fact("resize_refused", item, nodes=about, remedies=_all(case, about))
    if not messages and not case.diagnostics and _REFUSED.search(case.log[:1_000_000]):
        about = tuple(node.name for node in nodes)
        yield Observation(
            "resize_refused", "the log says that Resize is not supported", about, {}, _all(case, about), "log"
        )


def _about(item: "Diagnostic", nodes: tuple[Node, ...]) -> bool:
    if item.code in CODES or "data type" in item.message or "ynamic shape" in item.message:
        # Of parsers, types and open shapes, other families speak.
        return False
    if _ANCHOR in item.message:
        return bool(nodes) or "esize" in item.message
    return bool({node.name for node in nodes}.intersection(item.nodes)) or bool(_REFUSED.search(item.message))


def _explains(item: "Diagnostic", kind: str) -> bool:
    """Whether a message about a node is about this fact of it."""
    words = {
        "resize_computed": ("constant", "folding"),
        "resize_left_out": (),
        "resize_mode": ("nearest and linear",),
        "resize_ignored": ("no effect",),
    }
    return any(word in item.message for word in words[kind])


def _of_node(case: Case, node: Node, settled: frozenset[str], written: frozenset[str]) -> Iterator[Observation]:
    """What of a Resize CANN does not take."""
    targets = [name for name in node.inputs[1:] if name]
    names = (node.name,)
    if any(name not in written for name in targets):
        foldable = all(name in settled for name in targets)
        says = "its scales or sizes are computed from shapes" if foldable else "its scales or sizes depend on data"
        yield Observation("resize_computed", says, names, {"foldable": int(foldable)}, _all(case, names, fill=False))
    if node.op == "Resize" and case.graph and case.graph.opset >= _WITH_ROI and _lacks(node):
        values: dict[str, Value] = {"inputs": len(targets) + 1}
        fills = offer(RewriteResize, nodes=names, how="fill_inputs")
        yield Observation("resize_left_out", f"it has {len(targets) + 1} inputs with a name", names, values, fills)
    mode = node.attributes.get("mode", b"nearest")
    if mode not in {b"nearest", b"linear", b"bilinear"}:
        text = mode.decode("utf-8", errors="replace")
        yield Observation("resize_mode", f"its mode is {text}", names, {"mode": text})
    ignored = [key for key in _IGNORED if node.attributes.get(key) and node.attributes.get(key) != b"stretch"]
    if ignored:
        yield Observation("resize_ignored", f"it states {', '.join(ignored)}", names, {"ignored": ", ".join(ignored)})


def _lacks(node: Node) -> bool:
    """Whether an input that the plugin reads is left out: fewer than three, or an empty name before the last."""
    return len(node.inputs) < _READ or not all(node.inputs[: len(node.inputs) - 1])


def _all(case: Case, nodes: tuple[str, ...], *, fill: bool = True) -> dict[str, Remedy]:
    found = offer(RewriteResize, as_="constant_targets", nodes=nodes, how="constant_targets")
    if fill:
        found |= offer(RewriteResize, as_="fill_inputs", nodes=nodes, how="fill_inputs")
    return {**found, **to_fix(case), **offer(Simplify)}

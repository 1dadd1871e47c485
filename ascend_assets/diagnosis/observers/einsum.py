"""Einsum: what GE takes of it, and what it may cost in precision.

Facts: GE infers an Einsum of at most two inputs (infer/einsum.cc); the operator is in no list of AI Core operators of
CANN 8.1; in FP16 it has hurt models (ModelZoo-PyTorch, T2T-ViT). Not here: how it is rewritten.
"""

from collections.abc import Iterator

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.said import SAID, errors, fact
from ascend_assets.diagnosis.offers import offer
from ascend_assets.diagnosis.telling import plain
from ascend_assets.remedies.kinds import RewriteEinsum
from resources.onnx_files.graph import Node

MAKES = {
    "einsum_wide": Kind(("inputs", "equation"), ("rewrite_einsum",)),
    "einsum_refused": Kind(SAID, ("rewrite_einsum",)),
    "einsum": Kind(("inputs", "equation"), ("rewrite_einsum",)),
}
_MOST_INPUTS = 2


def observe(case: Case) -> Iterator[Observation]:
    """Every Einsum, by the number of its inputs, with the message about it; messages about one that is not at hand."""
    nodes = [node for node in case.graph.nodes if node.op == "Einsum"] if case.graph else []
    messages = [item for item in errors(case) if "Einsum" in item.message]
    said = {name: item for item in reversed(messages) for name in item.nodes}
    for node in nodes:
        wide, item = len(node.inputs) > _MOST_INPUTS, said.get(node.name)
        values: dict[str, Value] = {"inputs": len(node.inputs), "equation": _equation(node)}
        remedies = offer(RewriteEinsum, nodes=(node.name,))
        kind = "einsum_wide" if wide else "einsum_refused" if item else "einsum"
        if item is not None:
            yield fact(kind, item, nodes=(node.name,), values=values, remedies=remedies)
        else:
            says = f"Einsum {values['equation']} has {len(node.inputs)} inputs"
            yield Observation(kind, says, (node.name,), values, remedies)
    known = {node.name for node in nodes}
    for item in messages:
        if known.isdisjoint(item.nodes):
            about = item.nodes or tuple(node.name for node in nodes)
            yield fact("einsum_refused", item, nodes=about, remedies=offer(RewriteEinsum, nodes=about))


def _equation(node: Node) -> str:
    text = node.attributes.get("equation", b"")
    return plain(text.decode("utf-8", errors="replace")) if isinstance(text, bytes) else "-"

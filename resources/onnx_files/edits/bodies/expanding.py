"""One node written out: by the body that is known here, else by ONNX's own definition.

Here belongs the choice between the two. Not here: either of them.
"""

from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.bodies import known
from resources.onnx_files.edits.bodies.definitions import defined, inlined
from resources.onnx_files.edits.facts import Facts
from resources.onnx_files.edits.named import Names
from resources.onnx_files.edits.site import Site
from resources.onnx_files.edits.surgery import DEFAULT_DOMAINS
from resources.onnx_files.edits.writer import Writer

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto


def expanded(node: "NodeProto", facts: Facts, names: Names, opset: int) -> "tuple[list[NodeProto], list[TensorProto]]":
    """The nodes and constants that compute what `node` does. Raises `EditError` with the reason why there are none."""
    domain = "" if node.domain in DEFAULT_DOMAINS else node.domain
    body = known().get((domain, node.op_type))
    reason = "nothing simpler is known for it"
    if body is not None:
        write = Writer(names, opset, node.name or node.op_type)
        try:
            body(Site(node, facts, write))
        except EditError as error:
            reason = str(error)
        else:
            return write.finish(node), write.weights
    definition = None if domain else defined(node, facts, opset)
    if definition is None:
        raise EditError(reason)
    return [_plain_cast(inner, facts) for inner in inlined(node, definition, names, opset)], []


def _plain_cast(node: "NodeProto", facts: Facts) -> "NodeProto":
    """A cast to a tensor's type, where that is known, as a cast to the type: older opsets have no other."""
    from onnx import helper

    dtype = facts.dtype(node.input[1]) if node.op_type == "CastLike" and not node.domain else 0
    if not dtype:
        return node
    return helper.make_node("Cast", [node.input[0]], list(node.output), name=node.name, to=dtype)

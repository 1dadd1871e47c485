"""New nodes, written one after the other.

Operators take axes as an attribute or as an input, depending on the opset: here that is known once. Here belongs the
writing of nodes and constants. Not here: which nodes an edit needs, or where they go.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from resources.onnx_files.edits.named import Names

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray
    from onnx import AttributeProto, NodeProto, TensorProto

_AXES_BY_INPUT = {"Squeeze": 13, "Unsqueeze": 13, "ReduceSum": 13}
_REDUCTIONS_BY_INPUT = 18
"""The opset from which an operator takes its axes as an input; 18 for the other reductions."""

SPLIT_BY_INPUT = 13
SPLIT_NEEDS_COUNT = 18


class Writer:
    """Nodes and constants for one place of one graph. `opset`: that they are written for.

    `stem`: the beginning of their names, which is the name of the node that they replace.
    """

    def __init__(self, names: Names, opset: int, stem: str) -> None:
        self.opset = opset
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self._names = names
        self._stem = stem

    def op(self, kind: str, *inputs: str, out: str = "", domain: str = "", **attributes: Any) -> str:  # noqa: ANN401 (ONNX's attributes)
        """Write a node with one output, which is `out` or a new tensor; its name."""
        return self.ops(kind, *inputs, outs=[out], domain=domain, **attributes)[0]

    def ops(
        self,
        kind: str,
        *inputs: str,
        outs: Sequence[str],
        domain: str = "",
        **attributes: Any,  # noqa: ANN401 (ONNX's attributes)
    ) -> tuple[str, ...]:
        """Write a node with one output for each of `outs`, a new tensor where that is empty."""
        from onnx import helper

        outputs = [out or self._names.tensor(f"{self._stem}/{kind}_out") for out in outs]
        while inputs and not inputs[-1]:
            inputs = inputs[:-1]
        name = self._names.node(f"{self._stem}/{kind}")
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, name=name, domain=domain, **attributes))
        return tuple(outputs)

    def keep(
        self, node: "NodeProto", inputs: Sequence[str], outputs: Sequence[str], attributes: "Iterable[AttributeProto]"
    ) -> None:
        """Write `node` again with other inputs, outputs and attributes."""
        copy = type(node)(op_type=node.op_type, domain=node.domain, name=node.name, doc_string=node.doc_string)
        copy.input.extend(inputs)
        copy.output.extend(outputs)
        copy.attribute.extend(attributes)
        copy.metadata_props.extend(node.metadata_props)
        self.nodes.append(copy)

    def constant(self, values: "NDArray[Any]") -> str:
        """A constant of the graph; its name."""
        import numpy as np
        from onnx import numpy_helper

        name = self._names.tensor(f"{self._stem}/const")
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), name))
        return name

    def scalar(self, value: float, dtype: int) -> str:
        """A constant without dimensions, of ONNX's type `dtype`; its name."""
        from onnx import helper

        name = self._names.tensor(f"{self._stem}/const")
        self.weights.append(helper.make_tensor(name, dtype, [], [value]))
        return name

    def ints(self, values: Sequence[int], dtype: "DTypeLike" = "int64") -> str:
        """A constant vector of whole numbers; its name."""
        import numpy as np

        return self.constant(np.asarray(values, dtype))

    def _axed(self, kind: str, x: str, axes: Sequence[int], out: str, **attributes: Any) -> str:  # noqa: ANN401 (ONNX's attributes)
        if self.opset >= _AXES_BY_INPUT.get(kind, _REDUCTIONS_BY_INPUT):
            return self.op(kind, x, self.ints(axes), out=out, **attributes)
        return self.op(kind, x, out=out, axes=list(axes), **attributes)

    def squeeze(self, x: str, axes: Sequence[int], out: str = "") -> str:
        """Take dimensions of one away."""
        return self._axed("Squeeze", x, axes, out)

    def unsqueeze(self, x: str, axes: Sequence[int], out: str = "") -> str:
        """Put dimensions of one in."""
        return self._axed("Unsqueeze", x, axes, out)

    def reduce(self, kind: str, x: str, axes: Sequence[int], *, keepdims: bool = True, out: str = "") -> str:
        """`ReduceSum`, `ReduceMean` or another reduction over `axes`."""
        return self._axed(kind, x, axes, out, keepdims=int(keepdims))

    def reshape(self, x: str, shape: Sequence[int], out: str = "") -> str:
        """Another shape; 0 copies a dimension, one -1 is worked out."""
        return self.op("Reshape", x, self.ints(shape), out=out)

    def split(self, x: str, sizes: Sequence[int], axis: int) -> tuple[str, ...]:
        """Parts of the given sizes."""
        outs = [""] * len(sizes)
        if self.opset >= SPLIT_BY_INPUT:
            return self.ops("Split", x, self.ints(sizes), outs=outs, axis=axis)
        return self.ops("Split", x, outs=outs, axis=axis, split=list(sizes))

    def name(self, wanted: str) -> str:
        """A new tensor's name, like that of the tensor that it stands beside."""
        return self._names.tensor(f"{self._stem}/{wanted}")

    def deliver(self, name: str, out: str) -> None:
        """Let the tensor `name`, which nothing written here reads any more, be `out`."""
        for node in self.nodes:
            for place, output in enumerate(node.output):
                if output == name:
                    node.output[place] = out
                    return
        self.op("Identity", name, out=out)

    def finish(self, node: "NodeProto") -> "list[NodeProto]":
        """The nodes, of which the one that makes `node`'s first output takes `node`'s name."""
        for written in self.nodes:
            if node.output and node.output[0] in written.output:
                written.name = node.name
        return self.nodes

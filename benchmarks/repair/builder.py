"""Writes ONNX graphs node by node, with inferred types and shapes, in the manner of one exporter.

Here belong nodes, names, weights and constants. Not here: parts of networks (`blocks.py`), or networks.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, TypeProto, helper, numpy_helper, shape_inference

from benchmarks.repair.style import Style

if TYPE_CHECKING:
    from numpy.typing import NDArray


SUM_BY_INPUT, REDUCED_BY_INPUT = 13, 18
"""Opsets from which ReduceSum, and from which every other reduction, takes its axes as an input."""
IR, NEWER_IR = 8, 10
"""Versions of the file format that go with opsets up to 18, and beyond."""


class Net:
    """One network under construction. Methods take and return tensor names."""

    def __init__(self, name: str, style: Style) -> None:
        self.name = name
        self.style = style
        self.rng = np.random.default_rng(style.seed)
        self.feeds: dict[str, NDArray[Any]] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._types: dict[str, TypeProto] = {}
        self._data: dict[str, TensorProto] = {}
        self._scopes: list[str] = []
        self._opsets = {"": style.opset}
        self._sites = list(style.sites)
        self._count = 0

    # -- names

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Nodes made inside carry `name` in theirs, where the naming has scopes."""
        self._scopes.append(name)
        yield
        self._scopes.pop()

    def _names(self, op: str, outputs: int) -> tuple[str, list[str]]:
        self._count += 1
        number, naming = self._count, self.style.naming
        if naming == "none":
            return "", [f"{100 + number}" if i == 0 else f"{100 + number}.{i}" for i in range(outputs)]
        if naming == "torch":
            node = "/".join(["", *self._scopes, f"{op}_{number}"])
            return node, [f"{node}_output_{i}" for i in range(outputs)]
        if naming == "tf":
            node = "/".join(["StatefulPartitionedCall/model", *self._scopes, f"{op.lower()}_{number}"])
            return f"{node}__{number}", [f"{node}:{i}" for i in range(outputs)]
        node = f"{op}_{number}"
        return node, [f"{node}_out{i}" for i in range(outputs)]

    # -- tensors

    def input(self, name: str, shape: Sequence[int | str], dtype: int = TensorProto.FLOAT) -> str:
        """A graph input."""
        info = helper.make_tensor_value_info(name, dtype, shape)
        self._inputs.append(info)
        self._types[name] = info.type
        return name

    def feed(self, name: str, array: "NDArray[Any]") -> None:
        """What the network is to be fed for an input, instead of random numbers."""
        self.feeds[name] = array

    def shape(self, name: str) -> tuple[int, ...]:
        """A tensor's shape; -1 for an open dimension."""
        dims = self._types[name].tensor_type.shape.dim
        return tuple(d.dim_value if d.HasField("dim_value") else -1 for d in dims)

    def sized(self, name: str, shape: Sequence[int]) -> str:
        """State a shape that inference does not find."""
        kind = self._types[name].tensor_type.elem_type
        self._types[name] = helper.make_tensor_type_proto(kind, shape)
        return name

    def _stored(self, array: "NDArray[Any]", kind: str) -> str:
        self._count += 1
        scoped = self.style.naming == "torch" and kind == "weight" and self._scopes
        name = ".".join([*self._scopes, f"{kind}.{self._count}"]) if scoped else f"{kind}_{self._count}"
        self._weights.append(numpy_helper.from_array(array, name))
        self._types[name] = helper.make_tensor_type_proto(self._weights[-1].data_type, array.shape)
        return name

    def weight(self, shape: Sequence[int], fan_in: int = 0, gain: float = 1.0) -> str:
        """A trained weight of standard deviation gain / sqrt(fan_in); small random ones for a fan-in of 0 (a bias)."""
        scale = gain / fan_in**0.5 if fan_in else 0.02 * gain
        return self._stored((self.rng.standard_normal(tuple(shape)) * scale).astype(np.float32), "weight")

    def near_one(self, shape: Sequence[int], gain: float = 1.0) -> str:
        """The gain of a normalisation: `gain`, give or take a tenth."""
        values = gain * (1 + 0.1 * self.rng.standard_normal(tuple(shape)))
        return self._stored(values.astype(np.float32), "weight")

    def array(self, array: "NDArray[Any]") -> str:
        """A constant array as an initializer."""
        return self._stored(array, "const")

    def const(self, value: Any, dtype: Any = np.float32) -> str:  # noqa: ANN401 - whatever numpy takes
        """A constant: an initializer, or a Constant node where the style says so."""
        array = np.asarray(value, dtype)
        if not self.style.constant_nodes:
            name = self._stored(array, "const")
        else:
            name = self.op("Constant", value=numpy_helper.from_array(array))
        self._data[name] = numpy_helper.from_array(array, name)
        return name

    def ints(self, *values: int) -> str:
        """A constant list of int64, such as the target of a Reshape."""
        return self.const(list(values), np.int64)

    # -- nodes

    def ops(self, op: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:  # noqa: ANN401
        """One operator of the default domain with several outputs."""
        name, made = self._names(op, outputs)
        node = helper.make_node(op, list(inputs), made, name=name, **attributes)
        self._nodes.append(node)
        self._infer(node)
        return made

    def op(self, op: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401 - whatever ONNX takes
        """One operator of the default domain with one output."""
        return self.ops(op, inputs, 1, **attributes)[0]

    def reduce(self, op: str, x: str, *axes: int, keepdims: int = 1) -> str:
        """A reduction; its axes are an attribute or an input, as the opset has it."""
        if self.style.opset >= (SUM_BY_INPUT if op == "ReduceSum" else REDUCED_BY_INPUT):
            return self.op(op, x, self.ints(*axes), keepdims=keepdims)
        return self.op(op, x, axes=list(axes), keepdims=keepdims)

    def split(self, x: str, parts: int, axis: int) -> list[str]:
        """Equal parts along an axis."""
        counted = {"num_outputs": parts} if self.style.opset >= REDUCED_BY_INPUT else {}
        return self.ops("Split", [x], parts, axis=axis, **counted)

    def foreign(self, domain: str, version: int, op: str, *inputs: str, **attributes: Any) -> str:  # noqa: ANN401
        """An operator of another domain, whose output is as its first input."""
        name, (made,) = self._names(op, 1)
        self._nodes.append(helper.make_node(op, list(inputs), [made], name=name, domain=domain, **attributes))
        self._opsets[domain] = version
        self._types[made] = self._types[inputs[0]]
        return made

    def _infer(self, node: onnx.NodeProto) -> None:
        schema = onnx.defs.get_schema(node.op_type, max_inclusive_version=self.style.opset, domain="")
        given = {name: self._types[name] for name in node.input if name}
        known = {name: self._data[name] for name in node.input if name in self._data}
        opset = [helper.make_opsetid("", self.style.opset)]
        found = shape_inference.infer_node_outputs(schema, node, given, known, opset_imports=opset)
        # An operator that ONNX defines as a function of others states no type of its own.
        self._types.update({name: found[name] if name in found else self._types[node.input[0]] for name in node.output})

    def site(self, x: str) -> str:
        """A place where the style may put a block."""
        if not self._sites:
            return x
        with self.scope("block"):
            return self._sites.pop(0)(self, x)

    def model(self, **outputs: str) -> onnx.ModelProto:
        """The finished model: `outputs` are graph names and the tensors that they hold. Checked."""
        infos = []
        for name, tensor in outputs.items():
            self._nodes.append(helper.make_node("Identity", [tensor], [name], name=self._names("Identity", 1)[0]))
            infos.append(helper.make_value_info(name, self._types[tensor]))
        graph = helper.make_graph(self._nodes, self.name, self._inputs, infos, self._weights)
        opsets = [helper.make_opsetid(domain, version) for domain, version in self._opsets.items()]
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=IR if self.style.opset <= REDUCED_BY_INPUT else NEWER_IR,
            producer_name=self.style.naming,
        )
        onnx.checker.check_model(model, full_check=len(opsets) == 1)
        return model

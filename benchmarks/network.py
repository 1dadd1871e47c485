"""A small builder of ONNX networks with known shapes, for benchmarks and tests.

Here belongs the writing of nodes, weights and shapes. Not here: any architecture (`reference_models.py`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from numpy.typing import NDArray

Weights = Literal["absent", "zero", "random"]
"""`absent`: dimensions without data, enough for an estimate and quick to build; `random`: He's scale, seeded."""

OPSET = 14


class Network:
    """Builds one network node by node. Methods take and return tensor names; `shapes` knows every tensor's shape."""

    def __init__(self, name: str, weights: Weights = "absent", seed: int = 0) -> None:
        self.name = name
        self.weights = weights
        self.shapes: dict[str, tuple[int, ...]] = {}
        self._random = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Sequence[int], dtype: int = TensorProto.FLOAT) -> str:
        """A graph input."""
        self.shapes[name] = tuple(shape)
        self._inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def weight(self, shape: Sequence[int], fan_in: int = 0) -> str:
        """A float weight; random ones have standard deviation sqrt(2 / fan_in), and a fan-in of 0 means zeros."""
        name = f"w{len(self._initializers)}"
        if self.weights == "absent":
            tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=list(shape))
        elif self.weights == "random" and fan_in:
            scale = np.float32((2 / fan_in) ** 0.5)
            tensor = numpy_helper.from_array(self._random.standard_normal(shape, dtype=np.float32) * scale, name)
        else:
            tensor = numpy_helper.from_array(np.zeros(shape, np.float32), name)
        self._initializers.append(tensor)
        self.shapes[name] = tuple(shape)
        return name

    def constant(self, value: "NDArray[Any]") -> str:
        """A constant whose values matter, such as the target of a Reshape."""
        name = f"c{len(self._initializers)}"
        self._initializers.append(numpy_helper.from_array(value, name))
        self.shapes[name] = tuple(value.shape)
        return name

    def node(self, op: str, inputs: Sequence[str], shape: Sequence[int], **attributes: Any) -> str:  # noqa: ANN401
        """One operator with one output of `shape`."""
        return self.nodes(op, inputs, [shape], **attributes)[0]

    def nodes(
        self,
        op: str,
        inputs: Sequence[str],
        shapes: Sequence[Sequence[int]],
        **attributes: Any,  # noqa: ANN401 - whatever ONNX takes
    ) -> list[str]:
        """One operator with an output for each of `shapes`."""
        name = f"{op}_{len(self._nodes)}"
        outputs = [f"{name}:{i}" for i in range(len(shapes))]
        self._nodes.append(helper.make_node(op, list(inputs), outputs, name=name, **attributes))
        self.shapes.update(zip(outputs, map(tuple, shapes), strict=True))
        return outputs

    def conv(
        self,
        x: str,
        channels: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        pad: int | tuple[int, int] | None = None,
        group: int = 1,
        act: str | None = "Relu",
    ) -> str:
        """A convolution with bias (normalisation folded), `same` padding unless said otherwise, and activation."""
        kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
        if pad is None:
            pad = (kh // 2, kw // 2)
        ph, pw = (pad, pad) if isinstance(pad, int) else pad
        n, c, h, w = self.shapes[x]
        out = (n, channels, (h + 2 * ph - kh) // stride + 1, (w + 2 * pw - kw) // stride + 1)
        fan_in = c // group * kh * kw
        inputs = [x, self.weight((channels, c // group, kh, kw), fan_in), self.weight((channels,))]
        y = self.node(
            "Conv", inputs, out, kernel_shape=[kh, kw], strides=[stride] * 2, pads=[ph, pw, ph, pw], group=group
        )
        return self.act(y, act) if act else y

    def act(self, x: str, op: str) -> str:
        """An activation; `Swish` is spelled as PyTorch exports it, x * Sigmoid(x), `Relu6` as Clip."""
        if op == "Swish":
            return self.eltwise("Mul", x, self.act(x, "Sigmoid"))
        if op == "Relu6":
            bounds = [self.constant(np.array(v, np.float32)) for v in (0, 6)]
            return self.node("Clip", [x, *bounds], self.shapes[x])
        return self.node(op, [x], self.shapes[x])

    def eltwise(self, op: str, x: str, y: str) -> str:
        """A binary operator with numpy's broadcasting."""
        return self.node(op, [x, y], np.broadcast_shapes(self.shapes[x], self.shapes[y]))

    def pool(self, x: str, kernel: int, stride: int, *, pad: int = 0, op: str = "MaxPool", ceil: bool = False) -> str:
        """A pooling."""
        n, c, h, w = self.shapes[x]
        extra = stride - 1 if ceil else 0
        out = (n, c, *((size + 2 * pad - kernel + extra) // stride + 1 for size in (h, w)))
        return self.node(
            op, [x], out, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, ceil_mode=int(ceil)
        )

    def global_pool(self, x: str) -> str:
        """The mean over the image, N x C x 1 x 1."""
        n, c, *_ = self.shapes[x]
        return self.node("GlobalAveragePool", [x], (n, c, 1, 1))

    def batch_norm(self, x: str) -> str:
        """A batch normalisation that no convolution before it can absorb."""
        channels = self.shapes[x][1]
        return self.node("BatchNormalization", [x, *(self.weight((channels,)) for _ in range(4))], self.shapes[x])

    def concat(self, xs: Sequence[str], axis: int = 1) -> str:
        """Tensors side by side along `axis`."""
        shape = list(self.shapes[xs[0]])
        shape[axis] = sum(self.shapes[x][axis] for x in xs)
        return self.node("Concat", xs, shape, axis=axis)

    def split(self, x: str, parts: int, axis: int = 1) -> list[str]:
        """`parts` equal pieces along `axis`."""
        shape = list(self.shapes[x])
        shape[axis] //= parts
        return self.nodes("Split", [x], [shape] * parts, axis=axis)

    def reshape(self, x: str, shape: Sequence[int]) -> str:
        """The same elements in another shape."""
        return self.node("Reshape", [x, self.constant(np.array(shape, np.int64))], shape)

    def transpose(self, x: str, perm: Sequence[int]) -> str:
        """The axes in another order."""
        return self.node("Transpose", [x], [self.shapes[x][p] for p in perm], perm=list(perm))

    def flatten(self, x: str) -> str:
        """N x everything else."""
        n, *rest = self.shapes[x]
        return self.node("Flatten", [x], (n, int(np.prod(rest))))

    def gemm(self, x: str, features: int, act: str | None = None) -> str:
        """A fully connected layer on N x K, as PyTorch exports it (transB)."""
        n, k = self.shapes[x]
        y = self.node("Gemm", [x, self.weight((features, k), k), self.weight((features,))], (n, features), transB=1)
        return self.act(y, act) if act else y

    def model(self, *outputs: str) -> onnx.ModelProto:
        """The finished model, with every inner shape stated."""
        known = {*outputs, *(i.name for i in self._inputs), *(w.name for w in self._initializers)}
        infos = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, s) for name, s in self.shapes.items()}
        graph = helper.make_graph(
            self._nodes,
            self.name,
            self._inputs,
            [infos[name] for name in outputs],
            self._initializers,
            value_info=[info for name, info in infos.items() if name not in known],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)

"""Parts that many networks are made of, each in the ways that exporters write it.

Here belong layers with sensible scales: He for rectified ones, Xavier for others. Not here: whole networks, or faults.
"""

import math

import numpy as np
from onnx import TensorProto

from benchmarks.repair.builder import Net

GROUP_PER_CHANNEL = 21
"""Opset from which GroupNormalization scales each channel; before, each group."""


def linear(net: Net, x: str, features: int, *, gain: float = 1.0, bias: bool = True) -> str:
    """A fully connected layer over the last axis."""
    width = net.shape(x)[-1]
    y = net.op("MatMul", x, net.weight((width, features), width, gain))
    return net.op("Add", net.weight((features,)), y) if bias else y


def gemm(net: Net, x: str, features: int, *, gain: float = 1.0) -> str:
    """A fully connected layer on N x K, as PyTorch exports it."""
    width = net.shape(x)[1]
    return net.op("Gemm", x, net.weight((features, width), width, gain), net.weight((features,)), transB=1)


def conv(  # noqa: PLR0913 - a convolution's own parameters
    net: Net,
    x: str,
    channels: int,
    kernel: int,
    *,
    stride: int = 1,
    group: int = 1,
    act: str = "Relu",
    dilation: int = 1,
) -> str:
    """A convolution with bias, `same` padding and an activation; '' for none. Works on images and on sequences."""
    before = net.shape(x)[1]
    axes = len(net.shape(x)) - 2
    fan_in = before // group * kernel**axes
    weight = net.weight((channels, before // group, *[kernel] * axes), fan_in, 2**0.5 if act else 1.0)
    pad = dilation * (kernel // 2)
    y = net.op(
        "Conv",
        x,
        weight,
        net.weight((channels,)),
        kernel_shape=[kernel] * axes,
        strides=[stride] * axes,
        pads=[pad] * 2 * axes,
        dilations=[dilation] * axes,
        group=group,
    )
    return activation(net, y, act) if act else y


def activation(net: Net, x: str, kind: str) -> str:
    """An activation; `Swish`, `Mish`, `Gelu` and `Relu6` as exporters write them."""
    if kind == "Swish":
        return net.op("Mul", x, net.op("Sigmoid", x))
    if kind == "Relu6":
        return net.op("Clip", x, net.const(0.0), net.const(6.0))
    if kind == "HardSwish":
        inner = net.op("Clip", net.op("Add", x, net.const(3.0)), net.const(0.0), net.const(6.0))
        return net.op("Div", net.op("Mul", x, inner), net.const(6.0))
    if kind == "Mish":
        return net.op("Mul", x, net.op("Tanh", net.op("Softplus", x)))
    return gelu(net, x) if kind == "Gelu" else net.op(kind, x)


def gelu(net: Net, x: str) -> str:
    """GELU as the style writes it."""
    kind = net.style.gelu
    if kind == "onnx":
        return net.op("Gelu", x)
    if kind == "microsoft":
        return net.foreign("com.microsoft", 1, "Gelu", x)
    if kind == "tanh":
        return gelu_tanh(net, x)
    inner = net.op("Erf", net.op("Div", x, net.const(2**0.5)))
    return net.op("Mul", net.op("Mul", x, net.op("Add", inner, net.const(1.0))), net.const(0.5))


def gelu_tanh(net: Net, x: str) -> str:
    """GELU by its polynomial: x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2."""
    cube = net.op("Mul", net.const(0.044715), net.op("Pow", x, net.const(3.0)))
    inner = net.op("Tanh", net.op("Mul", net.op("Add", x, cube), net.const(math.sqrt(2 / math.pi))))
    return net.op("Mul", net.op("Mul", net.const(0.5), x), net.op("Add", inner, net.const(1.0)))


def layer_norm(net: Net, x: str, epsilon: float | None = None) -> str:
    """A layer normalisation over the last axis, as the style writes it."""
    width = net.shape(x)[-1]
    epsilon = net.style.epsilon if epsilon is None else epsilon
    gain, bias = net.near_one((width,)), net.weight((width,))
    if net.style.norm == "fused":
        return net.op("LayerNormalization", x, gain, bias, axis=-1, epsilon=epsilon)
    y = standardised(net, x, epsilon, by_pow=net.style.norm == "written")
    return net.op("Add", net.op("Mul", y, gain), bias)


def standardised(net: Net, x: str, epsilon: float, *, by_pow: bool = True, axis: int = -1) -> str:
    """(x - mean) / sqrt(variance + epsilon), written out."""
    centred = net.op("Sub", x, net.reduce("ReduceMean", x, axis))
    square = net.op("Pow", centred, net.const(2.0)) if by_pow else net.op("Mul", centred, centred)
    variance = net.reduce("ReduceMean", square, axis)
    return net.op("Div", centred, net.op("Sqrt", net.op("Add", variance, net.const(epsilon))))


def rms_norm(net: Net, x: str, epsilon: float | None = None) -> str:
    """T5's and Llama's normalisation by the root of the mean square."""
    epsilon = net.style.epsilon if epsilon is None else epsilon
    square = net.reduce("ReduceMean", net.op("Pow", x, net.const(2.0)), -1)
    root = net.op("Sqrt", net.op("Add", square, net.const(epsilon)))
    return net.op("Mul", net.op("Mul", x, net.op("Reciprocal", root)), net.near_one((net.shape(x)[-1],)))


def batch_norm(net: Net, x: str) -> str:
    """A batch normalisation that was not folded."""
    channels = net.shape(x)[1]
    mean = net.weight((channels,))
    variance = net.array((0.5 + net.rng.random(channels)).astype(np.float32))
    bias = net.weight((channels,))
    return net.op("BatchNormalization", x, net.near_one((channels,)), bias, mean, variance, epsilon=1e-5)


def group_norm(net: Net, x: str, groups: int) -> str:
    """A group normalisation: through InstanceNormalization as PyTorch exports it, or ONNX's operator."""
    n, c, h, w = net.shape(x)
    gain, bias = net.near_one((c, 1, 1)), net.weight((c, 1, 1))
    if net.style.group_norm == "onnx":
        wide = c if net.style.opset >= GROUP_PER_CHANNEL else groups
        ones, zeros = np.ones(wide, np.float32), np.zeros(wide, np.float32)
        y = net.op("GroupNormalization", x, net.array(ones), net.array(zeros), num_groups=groups, epsilon=1e-5)
        y = net.sized(y, (n, c, h, w))
    else:
        flat = net.op("Reshape", x, net.ints(n, groups, -1))
        ones, zeros = np.ones(groups, np.float32), np.zeros(groups, np.float32)
        y = net.op("InstanceNormalization", flat, net.array(ones), net.array(zeros), epsilon=1e-5)
        y = net.op("Reshape", y, net.ints(n, c, h, w))
    return net.op("Add", net.op("Mul", y, gain), bias)


def upsample(net: Net, x: str, factor: int = 2, mode: str = "nearest") -> str:
    """A Resize by a whole factor; its sizes computed from the input's shape where the style says so."""
    coordinates = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    how = coordinates if mode == "nearest" else {"coordinate_transformation_mode": "pytorch_half_pixel"}
    if net.style.resize == "computed":
        n, c, h, w = net.shape(x)
        shape = net.op("Shape", x)
        image = net.op("Slice", shape, net.ints(2), net.ints(4), net.ints(0))
        sizes = net.op("Concat", net.ints(n, c), net.op("Mul", image, net.ints(factor, factor)), axis=0)
        y = net.op("Resize", x, "", "", sizes, mode=mode, **how)
        return net.sized(y, (n, c, factor * h, factor * w))
    return net.op("Resize", x, "", net.const([1, 1, factor, factor]), mode=mode, **how)


def attend(net: Net, x: str, heads: int, masking: str = "", *, context: str = "", gain: float = 1.0) -> str:
    """Multi-head attention. `masking`: a 0/1 float mask (N,1,1,T) or (1,1,T,T), applied as the style says."""
    source = context or x
    n, length, width = net.shape(x)
    other, size = net.shape(source)[1], width // heads

    def split(tensor: str, tokens: int, perm: list[int]) -> str:
        return net.op("Transpose", net.op("Reshape", tensor, net.ints(n, tokens, heads, size)), perm=perm)

    query = split(linear(net, x, width, gain=gain), length, [0, 2, 1, 3])
    value = split(linear(net, source, width), other, [0, 2, 1, 3])
    if net.style.einsum:
        key = split(linear(net, source, width, gain=gain), other, [0, 2, 1, 3])
        scores = net.op("Einsum", query, key, equation="bhid,bhjd->bhij")
    else:
        key = split(linear(net, source, width, gain=gain), other, [0, 2, 3, 1])
        scores = net.op("MatMul", query, key)
    scores = net.op("Div", scores, net.const(size**0.5))
    if masking:
        scores = masked(net, scores, masking)
    y = net.op("MatMul", net.op("Softmax", scores, axis=-1), value)
    y = net.op("Reshape", net.op("Transpose", y, perm=[0, 2, 1, 3]), net.ints(n, length, width))
    return linear(net, y, width)


def masked(net: Net, scores: str, mask: str) -> str:
    """Scores with those where `mask` is 0 pushed down by the style's mask value."""
    value = net.style.mask_value
    if net.style.masked == "where":
        keep = net.op("Cast", mask, to=TensorProto.BOOL)
        return net.op("Where", keep, scores, net.const(value))
    absent = net.op("Sub", net.const(1.0), mask)
    if net.style.masked == "subtract":
        return net.op("Sub", scores, net.op("Mul", absent, net.const(-value)))
    return net.op("Add", scores, net.op("Mul", absent, net.const(value)))


def causal(net: Net, length: int) -> str:
    """A causal mask (1,1,T,T): 1 where a token may look, made as a constant."""
    return net.array(np.tril(np.ones((1, 1, length, length), np.float32)))


def causal_bias(net: Net, scores: str) -> str:
    """Scores plus a constant that holds the mask value above the diagonal."""
    length = net.shape(scores)[-1]
    return net.op("Add", scores, net.array(np.triu(np.full((length, length), net.style.mask_value, np.float32), 1)))


def padding_mask(net: Net, tokens: str) -> str:
    """A 0/1 float mask (N,1,1,T) of int64 tokens: 0 where the token is 0, which is padding."""
    present = net.op("Not", net.op("Equal", tokens, net.const(0, np.int64)))
    return net.op("Cast", net.op("Unsqueeze", present, net.ints(1, 2)), to=TensorProto.FLOAT)


def embedding(net: Net, tokens: str, rows: int, width: int, *, scale: float = 1.0) -> str:
    """Rows of a table by int64 tokens."""
    return net.op("Gather", net.weight((rows, width), 1, scale), tokens, axis=0)


def pooled(net: Net, x: str) -> str:
    """The mean over an image as N x C."""
    return net.op("Flatten", net.op("GlobalAveragePool", x), axis=1)


def squeeze_excite(net: Net, x: str, reduction: int = 4) -> str:
    """Channel attention."""
    channels = net.shape(x)[1]
    y = conv(net, net.op("GlobalAveragePool", x), max(4, channels // reduction), 1)
    return net.op("Mul", x, net.op("Sigmoid", conv(net, y, channels, 1, act="")))


def encoder(net: Net, x: str, heads: int, masking: str = "", *, before: bool = True, hidden: int = 4) -> str:
    """A transformer's layer, normalised before or after its two halves."""
    width = net.shape(x)[-1]

    def feed_forward(y: str) -> str:
        return linear(net, gelu(net, linear(net, y, hidden * width)), width)

    with net.scope("attention"):
        if before:
            x = net.op("Add", x, attend(net, layer_norm(net, x), heads, masking))
        else:
            x = layer_norm(net, net.op("Add", x, attend(net, x, heads, masking)))
    with net.scope("mlp"):
        if before:
            return net.op("Add", x, feed_forward(layer_norm(net, x)))
        return layer_norm(net, net.op("Add", x, feed_forward(x)))

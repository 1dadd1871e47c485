"""The networks of the held-out half: other architectures than any of the development half.

Here belongs one function per architecture, from a style to a finished network. Not here: their parts (`blocks.py`).
"""

import numpy as np
from onnx import ModelProto, TensorProto

from benchmarks.repair import blocks
from benchmarks.repair.builder import Net
from benchmarks.repair.networks import Architecture
from benchmarks.repair.style import Style


def convnext(style: Style) -> tuple[ModelProto, Net]:
    """Depthwise convolutions with layer normalisation, channels last."""
    net = Net("convnext", style)
    width = 24 + 8 * style.size
    x = blocks.conv(net, net.input("x", (style.batch, 3, 48, 48)), width, 5, stride=4, act="")
    for index in range(3):
        with net.scope(f"stages.{index}"):
            y = blocks.conv(net, x, width, 7, group=width, act="")
            y = blocks.layer_norm(net, net.op("Transpose", y, perm=[0, 2, 3, 1]))
            y = blocks.linear(net, blocks.gelu(net, blocks.linear(net, y, 4 * width)), width)
            y = net.op("Mul", y, net.near_one((width,), 0.5))
            x = net.op("Add", x, net.op("Transpose", y, perm=[0, 3, 1, 2]))
        if index == 1:
            x = net.site(x)
    pooled = blocks.layer_norm(net, blocks.pooled(net, x))
    return net.model(logits=blocks.gemm(net, net.site(pooled), 12)), net


def efficientnet(style: Style) -> tuple[ModelProto, Net]:
    """Inverted residuals with Swish and channel attention."""
    net = Net("efficientnet", style)
    x = blocks.conv(net, net.input("image", (style.batch, 3, 64, 64)), 16, 3, stride=2, act="Swish")
    for index, stride in enumerate((2, 1, 2, 1)):
        with net.scope(f"blocks.{index}"):
            before = net.shape(x)[1]
            channels = 16 + 8 * index
            y = blocks.conv(net, x, 4 * before, 1, act="Swish")
            y = blocks.conv(net, y, 4 * before, 5, stride=stride, group=4 * before, act="Swish")
            y = blocks.conv(net, blocks.squeeze_excite(net, y), channels, 1, act="")
            x = net.op("Add", x, y) if before == channels and stride == 1 else y
    x = net.site(blocks.conv(net, x, 64, 1, act="Swish"))
    return net.model(probabilities=net.op("Softmax", blocks.gemm(net, net.site(blocks.pooled(net, x)), 9))), net


def deeplab(style: Style) -> tuple[ModelProto, Net]:
    """Segmentation by dilated convolutions, with a bilinear Resize at the end."""
    net = Net("deeplab", style)
    x = net.input("image", (style.batch, 3, 48, 48))
    for channels in (16, 32):
        x = blocks.conv(net, x, channels, 3, stride=2)
    with net.scope("aspp"):
        branches = [blocks.conv(net, x, 16, 3 if rate > 1 else 1, dilation=rate) for rate in (1, 2, 4)]
        image = blocks.conv(net, net.op("GlobalAveragePool", x), 16, 1)
        branches.append(net.op("Expand", image, net.ints(*net.shape(branches[0]))))
        x = net.site(blocks.conv(net, net.op("Concat", *branches, axis=1), 32, 1))
    for index in range(1 + style.size):
        x = blocks.group_norm(net, x, 8)
        x = blocks.conv(net, x, 32, 3, act="Mish" if index else "Relu")
    x = net.site(x)
    return net.model(classes=blocks.upsample(net, blocks.conv(net, x, 4, 1, act=""), 4, "linear")), net


def gpt(style: Style) -> tuple[ModelProto, Net]:
    """A causal decoder whose mask is a constant, with a tied vocabulary."""
    net = Net("gpt", style)
    width, length = 48 + 16 * style.size, 20
    tokens = net.input("tokens", (style.batch, length), TensorProto.INT64)
    x = net.op("Add", blocks.embedding(net, tokens, 40, width), net.weight((length, width), 1, 0.5))
    mask = blocks.causal(net, length)
    for index in range(2 + style.size):
        with net.scope(f"h.{index}"):
            x = blocks.encoder(net, x, 4, mask)
        if index == 0:
            x = net.site(x)
    last = net.op("Gather", net.site(blocks.layer_norm(net, x)), net.const(-1, np.int64), axis=1)
    return net.model(next_token=net.op("LogSoftmax", blocks.gemm(net, last, 40), axis=-1)), net


def t5(style: Style) -> tuple[ModelProto, Net]:
    """An encoder with normalisation by the root mean square, a relative bias and gated feed-forward halves."""
    net = Net("t5", style)
    width, length, heads = 48, 16 + 4 * style.size, 4
    tokens = net.input("ids", (style.batch, length), TensorProto.INT64)
    x = blocks.embedding(net, tokens, 64, width)
    masking = blocks.padding_mask(net, tokens)
    for index in range(2 + style.size):
        with net.scope(f"block.{index}"):
            x = net.op("Add", x, blocks.attend(net, blocks.rms_norm(net, x), heads, masking))
            y = blocks.rms_norm(net, x)
            gate = blocks.gelu(net, blocks.linear(net, y, 2 * width, bias=False))
            up = blocks.linear(net, y, 2 * width, bias=False)
            x = net.op("Add", x, blocks.linear(net, net.op("Mul", gate, up), width, bias=False))
    x = net.site(x)
    return net.model(hidden=net.site(blocks.rms_norm(net, x))), net


def crnn(style: Style) -> tuple[ModelProto, Net]:
    """Text recognition: convolutions, then a bidirectional GRU, then scores per step."""
    net = Net("crnn", style)
    x = net.input("line", (style.batch, 1, 16, 64))
    for channels in (16, 32):
        x = net.op("MaxPool", blocks.conv(net, x, channels, 3), kernel_shape=[2, 2], strides=[2, 2])
    x = net.site(x)
    n, c, h, w = net.shape(x)
    x = net.op("Reshape", net.op("Transpose", x, perm=[3, 0, 1, 2]), net.ints(w, n, c * h))
    x = net.op("Tanh", blocks.linear(net, x, 32))
    for index in range(1 + style.size):
        with net.scope(f"gru.{index}"):
            features, hidden = net.shape(x)[-1], 24
            weights = net.weight((2, 3 * hidden, features), features), net.weight((2, 3 * hidden, hidden), hidden)
            y = net.op("GRU", x, *weights, hidden_size=hidden, direction="bidirectional", linear_before_reset=1)
            x = net.op("Reshape", net.op("Transpose", y, perm=[0, 2, 1, 3]), net.ints(w, n, 2 * hidden))
    x = net.site(x)
    return net.model(scores=net.op("LogSoftmax", blocks.linear(net, x, 11), axis=2)), net


def speech(style: Style) -> tuple[ModelProto, Net]:
    """A waveform encoder: strided convolutions with normalisation, then transformer layers."""
    net = Net("speech", style)
    x = net.input("wave", (style.batch, 1, 512))
    width = 32 + 16 * style.size
    for index in range(3):
        with net.scope(f"conv_layers.{index}"):
            x = blocks.conv(net, x, width, 5, stride=3, act="")
            ones = net.near_one((width,))
            x = blocks.gelu(net, net.op("InstanceNormalization", x, ones, net.weight((width,)), epsilon=1e-5))
    x = net.site(net.op("Transpose", x, perm=[0, 2, 1]))
    for index in range(1 + style.size):
        with net.scope(f"layers.{index}"):
            x = blocks.encoder(net, x, 4, before=False)
    return net.model(features=blocks.linear(net, net.site(x), 24)), net


def pointnet(style: Style) -> tuple[ModelProto, Net]:
    """A point cloud network: shared layers and the largest value over all points."""
    net = Net("pointnet", style)
    x = net.input("points", (style.batch, 3, 96))
    for index, channels in enumerate((24, 48, 64 + 32 * style.size)):
        with net.scope(f"sa.{index}"):
            x = net.op("Relu", blocks.batch_norm(net, blocks.conv(net, x, channels, 1)))
    x = net.site(net.op("Transpose", x, perm=[0, 2, 1]))
    whole = net.site(net.reduce("ReduceMax", x, 1, keepdims=0))
    for features in (48, 24):
        whole = net.op("Relu", blocks.gemm(net, whole, features, gain=2**0.5))
    return net.model(shape_class=blocks.gemm(net, whole, 8)), net


def generator(style: Style) -> tuple[ModelProto, Net]:
    """A style-based generator: instance normalisation, modulation and nearest Resize."""
    net = Net("generator", style)
    z = net.input("z", (style.batch, 32))
    w = z
    for _ in range(2):
        w = net.op("LeakyRelu", blocks.gemm(net, w, 32, gain=2**0.5), alpha=0.2)
    w = net.site(w)
    x = net.op("Expand", net.weight((1, 32, 4, 4), 1), net.ints(style.batch, 32, 4, 4))
    for index, channels in enumerate((32, 24, 16)[: 2 + min(1, style.size)]):
        with net.scope(f"synthesis.{index}"):
            x = blocks.conv(net, blocks.upsample(net, x), channels, 3)
            x = net.op("InstanceNormalization", x, net.near_one((channels,)), net.weight((channels,)), epsilon=1e-5)
            gain = net.op("Unsqueeze", blocks.gemm(net, w, channels, gain=0.5), net.ints(2, 3))
            x = net.op("Mul", x, net.op("Add", gain, net.const(1.0)))
    x = net.site(x)
    return net.model(picture=net.op("Tanh", blocks.conv(net, x, 3, 1, act=""))), net


def din(style: Style) -> tuple[ModelProto, Net]:
    """A recommender that weighs a user's history by attention to the candidate item."""
    net = Net("din", style)
    batch, length, width = 4 * style.batch, 10 + 5 * style.size, 16
    history = net.input("history", (batch, length), TensorProto.INT64)
    item = net.input("item", (batch,), TensorProto.INT64)
    keys = blocks.embedding(net, history, 20, width, scale=0.7)
    query = net.op("Unsqueeze", blocks.embedding(net, item, 20, width, scale=0.7), net.ints(1))
    query = net.op("Expand", query, net.ints(batch, length, width))
    both = net.op("Concat", query, keys, net.op("Mul", query, keys), net.op("Sub", query, keys), axis=2)
    both = net.site(both)
    scores = blocks.linear(net, net.op("Sigmoid", blocks.linear(net, both, 24)), 1)
    present = net.op("Not", net.op("Equal", history, net.const(0, np.int64)))
    present = net.op("Unsqueeze", net.op("Cast", present, to=TensorProto.FLOAT), net.ints(2))
    weights = net.op("Softmax", blocks.masked(net, scores, present), axis=1)
    user = net.reduce("ReduceSum", net.op("Mul", keys, weights), 1, keepdims=0)
    x = net.op("Relu", blocks.gemm(net, net.site(user), 24, gain=2**0.5))
    return net.model(click=net.op("Sigmoid", blocks.gemm(net, x, 1))), net


def retina(style: Style) -> tuple[ModelProto, Net]:
    """A pyramid detector whose finer levels are made by Resize and Add, with shared heads."""
    net = Net("retina", style)
    x = net.input("image", (style.batch, 3, 64, 64))
    levels = []
    for level, channels in enumerate((16, 24, 32, 32)):
        with net.scope(f"backbone.{level}"):
            x = blocks.conv(net, blocks.conv(net, x, channels, 3, stride=2), channels, 3)
            levels.append(x)
    merged = net.site(blocks.conv(net, levels[-1], 24, 1, act=""))
    found = [merged]
    for finer in reversed(levels[1:-1]):
        with net.scope("fpn"):
            lateral = blocks.conv(net, finer, 24, 1, act="")
            merged = net.op("Add", lateral, blocks.upsample(net, merged))
            found.append(blocks.conv(net, merged, 24, 3))
    outputs = []
    for feature in found:
        with net.scope("head"):
            y = blocks.conv(net, blocks.conv(net, feature, 24, 3), 9, 3, act="")
            n, c, h, w = net.shape(y)
            outputs.append(net.op("Transpose", net.op("Reshape", y, net.ints(n, c, h * w)), perm=[0, 2, 1]))
    return net.model(anchors=net.site(net.op("Concat", *outputs, axis=1))), net


NETWORKS: dict[str, Architecture] = {
    "convnext": convnext,
    "efficientnet": efficientnet,
    "deeplab": deeplab,
    "gpt": gpt,
    "t5": t5,
    "crnn": crnn,
    "speech": speech,
    "pointnet": pointnet,
    "generator": generator,
    "din": din,
    "retina": retina,
}
"""Architecture by name."""

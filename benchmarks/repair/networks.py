"""The networks of the development half: small, of real architectures, healthy as they stand.

Here belongs one function per architecture, from a style to a finished network. Not here: their parts (`blocks.py`), or
those of the held-out half (`held_out_networks.py`).
"""

from collections.abc import Callable

import numpy as np
from onnx import ModelProto, TensorProto

from benchmarks.repair import blocks
from benchmarks.repair.builder import Net
from benchmarks.repair.style import Style

_NEAR = 0.3
"""Share of the pairs of nodes that are neighbours."""

Architecture = Callable[[Style], tuple[ModelProto, Net]]


def resnet(style: Style) -> tuple[ModelProto, Net]:
    """A residual network with unfolded normalisation in its stem."""
    net = Net("resnet", style)
    width = 16 + 4 * style.size
    x = net.input("images", (style.batch, 3, 64, 64))
    with net.scope("stem"):
        x = net.op("Relu", blocks.batch_norm(net, blocks.conv(net, x, width, 7, stride=2, act="")))
        x = net.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    for stage in range(3 + style.size):
        with net.scope(f"layer{stage + 1}"):
            stride = 1 if stage == 0 else 2
            y = blocks.conv(net, x, width << stage, 3, stride=stride)
            y = blocks.conv(net, y, width << stage, 3, act="")
            short = x if stage == 0 else blocks.conv(net, x, width << stage, 1, stride=stride, act="")
            x = net.op("Relu", net.op("Add", y, short))
    x = net.site(x)
    return net.model(logits=blocks.gemm(net, net.site(blocks.pooled(net, x)), 10)), net


def unet(style: Style) -> tuple[ModelProto, Net]:
    """A segmentation network with group normalisation, Resize and skip connections."""
    net = Net("unet", style)
    width, depth = 16, 2 + min(style.size, 1)
    x = net.input("image", (style.batch, 3, 64, 64))
    skips = []
    for level in range(depth):
        with net.scope(f"down{level}"):
            y = blocks.group_norm(net, blocks.conv(net, x, width << level, 3, act=""), 4)
            skips.append(net.op("Relu", y))
            x = net.op("MaxPool", skips[-1], kernel_shape=[2, 2], strides=[2, 2])
    x = net.site(blocks.conv(net, x, width << depth, 3))
    for level in reversed(range(depth)):
        with net.scope(f"up{level}"):
            x = net.op("Concat", blocks.upsample(net, x), skips[level], axis=1)
            x = blocks.conv(net, x, width << level, 3)
    return net.model(mask=blocks.conv(net, net.site(x), 2, 1, act="")), net


def mobilenet(style: Style) -> tuple[ModelProto, Net]:
    """Inverted residuals with depthwise convolutions."""
    net = Net("mobilenet", style)
    act = "Relu6" if style.size == 0 else "HardSwish"
    x = blocks.conv(net, net.input("input", (style.batch, 3, 64, 64)), 16, 3, stride=2, act=act)
    for index, (channels, stride) in enumerate(((16, 1), (24, 2), (24, 1), (32, 2), (32, 1))):
        with net.scope(f"features.{index}"):
            before = net.shape(x)[1]
            y = blocks.conv(net, x, 4 * before, 1, act=act)
            y = blocks.conv(net, y, 4 * before, 3, stride=stride, group=4 * before, act=act)
            y = blocks.conv(net, y, channels, 1, act="")
            x = net.op("Add", x, y) if stride == 1 and before == channels else y
    x = net.site(x)
    return net.model(scores=blocks.gemm(net, net.site(blocks.pooled(net, x)), 20)), net


def yolo(style: Style) -> tuple[ModelProto, Net]:
    """A detector: a backbone with Swish, a path aggregation neck with Resize, and two decoded heads."""
    net = Net("yolo", style)
    x = net.input("images", (style.batch, 3, 64, 64))
    levels = []
    for level, channels in enumerate((16, 32, 48, 64)):
        with net.scope(f"model.{level}"):
            x = blocks.conv(net, x, channels, 3, stride=2, act="Swish")
            half, other = net.split(x, 2, 1)
            half = net.op("Add", half, blocks.conv(net, half, channels // 2, 3, act="Swish"))
            x = blocks.conv(net, net.op("Concat", half, other, axis=1), channels, 1, act="Swish")
            levels.append(x)
    x = net.site(x)
    with net.scope("neck"):
        up = net.op("Concat", blocks.upsample(net, x), levels[-2], axis=1)
        fine = blocks.conv(net, up, 32, 3, act="Swish")
        down = net.op("Concat", blocks.conv(net, fine, 32, 3, stride=2, act="Swish"), x, axis=1)
        coarse = blocks.conv(net, down, 64, 3, act="Swish")
    with net.scope("detect"):
        found = [_decoded(net, feature, stride) for feature, stride in ((fine, 8), (coarse, 16))]
        boxes = net.site(net.op("Concat", *found, axis=1))
    return net.model(predictions=boxes), net


def _decoded(net: Net, x: str, stride: int, classes: int = 5) -> str:
    """One scale of a detector as N x cells x (4 + classes), sizes as shares of the image."""
    x = blocks.conv(net, x, 4 + classes, 1, act="")
    n, c, h, w = net.shape(x)
    x = net.op("Transpose", net.op("Reshape", x, net.ints(n, c, h * w)), perm=[0, 2, 1])
    y = net.op("Sigmoid", x)
    cut = net.ints(4), net.ints(4 + classes), net.ints(2)
    centre = net.op("Slice", y, net.ints(0), net.ints(2), net.ints(2))
    size = net.op("Slice", y, net.ints(2), net.ints(4), net.ints(2))
    grid = np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1).reshape(1, -1, 2).astype(np.float32)
    centre = net.op("Mul", net.op("Add", centre, net.array(grid)), net.const(stride / 64))
    size = net.op("Pow", net.op("Mul", size, net.const(2.0)), net.const(2.0))
    size = net.op("Mul", size, net.const(stride / 64))
    return net.op("Concat", centre, size, net.op("Slice", y, *cut), axis=2)


def vit(style: Style) -> tuple[ModelProto, Net]:
    """A vision transformer, normalised before each half."""
    net = Net("vit", style)
    width = 48 + 16 * style.size
    x = net.input("pixel_values", (style.batch, 3, 32, 32))
    weight = net.weight((width, 3, 8, 8), 3 * 64)
    x = net.op("Conv", x, weight, net.weight((width,)), kernel_shape=[8, 8], strides=[8, 8])
    x = net.op("Transpose", net.op("Reshape", x, net.ints(style.batch, width, 16)), perm=[0, 2, 1])
    x = net.op("Concat", net.weight((style.batch, 1, width), 1, 0.5), x, axis=1)
    x = net.site(net.op("Add", x, net.weight((1, 17, width), 1, 0.5)))
    for index in range(2 + style.size):
        with net.scope(f"encoder.layer.{index}"):
            x = blocks.encoder(net, x, 4)
    x = net.site(blocks.layer_norm(net, x))
    head = net.op("Gather", x, net.const(0, np.int64), axis=1)
    return net.model(logits=blocks.gemm(net, head, 10)), net


def bert(style: Style) -> tuple[ModelProto, Net]:
    """A text encoder with a padding mask, normalised after each half, and a classification head."""
    net = Net("bert", style)
    width, length = 48 + 16 * style.size, 24
    tokens = net.input("input_ids", (style.batch, length), TensorProto.INT64)
    with net.scope("embeddings"):
        x = net.op("Add", blocks.embedding(net, tokens, 50, width), net.weight((length, width), 1, 0.5))
        x = blocks.layer_norm(net, x)
        masking = blocks.padding_mask(net, tokens)
    x = net.site(x)
    for index in range(2 + style.size):
        with net.scope(f"encoder.layer.{index}"):
            x = blocks.encoder(net, x, 4, masking, before=False)
    x = net.site(x)
    pooler = net.op("Tanh", blocks.gemm(net, net.op("Gather", x, net.const(0, np.int64), axis=1), width))
    return net.model(logits=blocks.gemm(net, pooler, 4)), net


def lstm(style: Style) -> tuple[ModelProto, Net]:
    """A sequence classifier: two LSTM layers over projected features."""
    net = Net("lstm", style)
    hidden, length = 32, 20 + 4 * style.size
    x = net.op("Tanh", blocks.linear(net, net.input("features", (length, style.batch, 24)), hidden))
    for index in range(2):
        with net.scope(f"lstm.{index}"):
            w, r = (net.weight((1, 4 * hidden, hidden), hidden) for _ in range(2))
            y = net.op("LSTM", x, w, r, net.weight((1, 8 * hidden)), hidden_size=hidden)
            x = net.op("Squeeze", y, net.ints(1))
    x = net.op("Transpose", x, perm=[1, 0, 2])
    x = net.site(x)
    x = net.site(blocks.layer_norm(net, x))
    with net.scope("head"):
        weights = net.op("Softmax", blocks.linear(net, x, 1), axis=1)
        context = net.reduce("ReduceSum", net.op("Mul", x, weights), 1, keepdims=0)
    return net.model(logits=blocks.gemm(net, context, 6)), net


def gat(style: Style) -> tuple[ModelProto, Net]:
    """A graph attention network over a constant adjacency, which masks what are no neighbours."""
    net = Net("gat", style)
    nodes, width = 24, 32 + 16 * style.size
    x = net.input("features", (style.batch, nodes, 16))
    adjacency = (net.rng.random((1, nodes, nodes)) < _NEAR).astype(np.float32)
    near = net.array(np.maximum(adjacency, np.eye(nodes, dtype=np.float32)))
    for index in range(2):
        with net.scope(f"gat.{index}"):
            h = blocks.linear(net, x, width)
            left, right = blocks.linear(net, h, 1), blocks.linear(net, h, 1)
            edges = net.op("LeakyRelu", net.op("Add", left, net.op("Transpose", right, perm=[0, 2, 1])), alpha=0.2)
            weights = net.op("Softmax", blocks.masked(net, edges, near), axis=-1)
            x = net.op("Elu", net.op("MatMul", weights, h))
            x = net.site(x)
    return net.model(scores=blocks.linear(net, blocks.layer_norm(net, x), 7)), net


def tcn(style: Style) -> tuple[ModelProto, Net]:
    """A temporal convolutional network with growing dilations."""
    net = Net("tcn", style)
    x, width = net.input("signal", (style.batch, 8, 64)), 24
    for index in range(3 + style.size):
        with net.scope(f"network.{index}"):
            y = blocks.conv(net, blocks.conv(net, x, width, 3, dilation=2**index), width, 3, dilation=2**index)
            short = x if net.shape(x)[1] == width else blocks.conv(net, x, width, 1, act="")
            x = net.op("Relu", net.op("Mul", net.op("Add", y, short), net.const(0.7)))
    x = net.site(net.op("Transpose", x, perm=[0, 2, 1]))
    last = net.op("Gather", net.site(x), net.const(-1, np.int64), axis=1)
    return net.model(forecast=blocks.gemm(net, last, 4)), net


def dlrm(style: Style) -> tuple[ModelProto, Net]:
    """A recommender: embeddings, their pairwise products, and two multi-layer perceptrons."""
    net = Net("dlrm", style)
    batch, width = 8 * style.batch, 16
    dense = net.input("dense", (batch, 13))
    sparse = net.input("sparse", (batch, 6), TensorProto.INT64)
    bottom = dense
    for features in (32, width):
        bottom = net.op("Relu", blocks.gemm(net, bottom, features, gain=2**0.5))
    columns = []
    for index in range(6):
        with net.scope(f"emb.{index}"):
            rows = net.op("Gather", sparse, net.const(index, np.int64), axis=1)
            columns.append(blocks.embedding(net, rows, 12, width, scale=0.5))
    stacked = net.op("Reshape", net.op("Concat", bottom, *columns, axis=1), net.ints(batch, 7, width))
    stacked = net.site(stacked)
    products = net.op("MatMul", stacked, net.op("Transpose", stacked, perm=[0, 2, 1]))
    products = net.op("Mul", products, net.const(width**-0.5))
    top = net.op("Concat", bottom, net.op("Reshape", products, net.ints(batch, 49)), axis=1)
    for features in (32, 16):
        top = net.op("Relu", blocks.gemm(net, top, features, gain=2**0.5))
    return net.model(click=net.op("Sigmoid", blocks.gemm(net, net.site(top), 1))), net


def detr(style: Style) -> tuple[ModelProto, Net]:
    """A detector with queries, cross attention, and the best boxes by TopK."""
    net = Net("detr", style)
    width = 32 + 16 * style.size
    x = blocks.conv(net, net.input("images", (style.batch, 3, 64, 64)), 16, 3, stride=4)
    x = blocks.conv(net, x, width, 3, stride=4)
    x = net.op("Transpose", net.op("Reshape", x, net.ints(style.batch, width, 16)), perm=[0, 2, 1])
    x = net.site(blocks.encoder(net, x, 4, before=False))
    queries = net.weight((style.batch, 12, width), 1, 0.7)
    with net.scope("decoder"):
        y = blocks.layer_norm(net, net.op("Add", queries, blocks.attend(net, queries, 4, context=x)))
        y = net.site(blocks.encoder(net, y, 4, before=False))
    scores = net.op("Sigmoid", blocks.linear(net, y, 5))
    boxes = net.op("Sigmoid", blocks.linear(net, y, 4))
    best = net.reduce("ReduceMax", scores, -1, keepdims=0)
    kept = net.ops("TopK", [best, net.ints(6)], 2, axis=1)[0]
    return net.model(scores=kept, boxes=boxes), net


NETWORKS: dict[str, Architecture] = {
    "resnet": resnet,
    "unet": unet,
    "mobilenet": mobilenet,
    "yolo": yolo,
    "vit": vit,
    "bert": bert,
    "lstm": lstm,
    "gat": gat,
    "tcn": tcn,
    "dlrm": dlrm,
    "detr": detr,
}
"""Architecture by name."""

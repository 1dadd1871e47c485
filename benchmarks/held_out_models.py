"""Networks whose published figures the calibration never sees, to check the estimate on operators that its table lacks.

Here belong transformers, squeeze-and-excitation, up-sampling and detection heads, as PyTorch exports them at opset 13
(layer normalisation and GELU written out). The figures stand in `held_out.csv`. Sources: torchvision 0.14, timm's
ViT, the original U-Net, YOLOv5 6.1, Hugging Face's BERT.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto

from benchmarks.network import Network, Weights
from benchmarks.reference_models import Builder, resnet50


@dataclass(frozen=True)
class Transformer:
    """The sizes of an encoder; `epsilon` of its normalisations."""

    layers: int = 12
    hidden: int = 768
    heads: int = 12
    epsilon: float = 1e-6


def _scalar(net: Network, value: float) -> str:
    return net.constant(np.array(value, np.float32))


def _linear(net: Network, x: str, features: int) -> str:
    *outer, k = net.shapes[x]
    y = net.node("MatMul", [x, net.weight((k, features), k)], (*outer, features))
    return net.eltwise("Add", net.weight((features,)), y)


def layer_norm(net: Network, x: str, epsilon: float) -> str:
    """A layer normalisation over the last axis, written out as before opset 17."""
    *outer, hidden = net.shapes[x]
    centred = net.eltwise("Sub", x, net.node("ReduceMean", [x], (*outer, 1), axes=[-1]))
    square = net.eltwise("Pow", centred, _scalar(net, 2.0))
    variance = net.node("ReduceMean", [square], (*outer, 1), axes=[-1])
    root = net.node("Sqrt", [net.eltwise("Add", variance, _scalar(net, epsilon))], (*outer, 1))
    scaled = net.eltwise("Mul", net.eltwise("Div", centred, root), net.weight((hidden,)))
    return net.eltwise("Add", scaled, net.weight((hidden,)))


def gelu(net: Network, x: str) -> str:
    """GELU written out: x (1 + erf(x / sqrt 2)) / 2."""
    error = net.act(net.eltwise("Div", x, _scalar(net, 2**0.5)), "Erf")
    return net.eltwise("Mul", net.eltwise("Mul", x, net.eltwise("Add", error, _scalar(net, 1.0))), _scalar(net, 0.5))


def attention(net: Network, x: str, size: Transformer, mask: str | None = None) -> str:
    """Multi-head self-attention with separate query, key and value."""
    batch, length, hidden = net.shapes[x]
    width = hidden // size.heads

    def head(name: str, perm: tuple[int, ...]) -> str:
        return net.transpose(net.reshape(name, (batch, length, size.heads, width)), perm)

    query, value = (head(_linear(net, x, hidden), (0, 2, 1, 3)) for _ in range(2))
    key = head(_linear(net, x, hidden), (0, 2, 3, 1))
    scores = net.node("MatMul", [query, key], (batch, size.heads, length, length))
    scores = net.eltwise("Div", scores, _scalar(net, width**0.5))
    if mask:
        scores = net.eltwise("Add", scores, mask)
    scores = net.node("Softmax", [scores], net.shapes[scores], axis=-1)
    y = net.node("MatMul", [scores, value], (batch, size.heads, length, width))
    return _linear(net, net.reshape(net.transpose(y, (0, 2, 1, 3)), (batch, length, hidden)), hidden)


def _vit(name: str, patch: int, batch: int, weights: Weights) -> onnx.ModelProto:
    """ViT-B: normalisation before attention and before the feed-forward."""
    net, size = Network(name, weights), Transformer()
    x = net.conv(net.input("x", (batch, 3, 224, 224)), size.hidden, patch, stride=patch, pad=0, act=None)
    tokens = net.shapes[x][2] * net.shapes[x][3]
    x = net.transpose(net.reshape(x, (batch, size.hidden, tokens)), (0, 2, 1))
    x = net.concat([net.weight((batch, 1, size.hidden)), x])
    x = net.eltwise("Add", x, net.weight((1, tokens + 1, size.hidden)))
    for _ in range(size.layers):
        x = net.eltwise("Add", x, attention(net, layer_norm(net, x, size.epsilon), size))
        y = gelu(net, _linear(net, layer_norm(net, x, size.epsilon), 4 * size.hidden))
        x = net.eltwise("Add", x, _linear(net, y, size.hidden))
    x = layer_norm(net, x, size.epsilon)
    x = net.node("Gather", [x, net.constant(np.array(0, np.int64))], (batch, size.hidden), axis=1)
    return net.model(net.gemm(x, 1000))


def vit_base_patch16(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """ViT-B/16 at 224 x 224."""
    return _vit("vit_base_patch16_224", 16, batch, weights)


def vit_base_patch32(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """ViT-B/32 at 224 x 224."""
    return _vit("vit_base_patch32_224", 32, batch, weights)


def bert_base(batch: int = 1, weights: Weights = "absent", length: int = 128) -> onnx.ModelProto:
    """BERT-base for sequence classification; normalisation after each residual."""
    net, size = Network("bert_base", weights), Transformer(epsilon=1e-12)
    tokens = net.input("input_ids", (batch, length), TensorProto.INT64)
    mask = net.input("attention_mask", (batch, 1, 1, length))
    mask = net.eltwise("Mul", net.eltwise("Sub", _scalar(net, 1.0), mask), _scalar(net, -10000.0))
    x = net.node("Gather", [net.weight((30522, size.hidden), 30522), tokens], (batch, length, size.hidden))
    x = layer_norm(net, net.eltwise("Add", x, net.weight((1, length, size.hidden))), size.epsilon)
    for _ in range(size.layers):
        x = layer_norm(net, net.eltwise("Add", attention(net, x, size, mask), x), size.epsilon)
        y = _linear(net, gelu(net, _linear(net, x, 4 * size.hidden)), size.hidden)
        x = layer_norm(net, net.eltwise("Add", y, x), size.epsilon)
    x = net.node("Gather", [x, net.constant(np.array(0, np.int64))], (batch, size.hidden), axis=1)
    return net.model(net.gemm(net.gemm(x, size.hidden, "Tanh"), 2))


def bert_base_384(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """BERT-base on 384 tokens."""
    return bert_base(batch, weights, 384)


def squeezenet(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """SqueezeNet 1.1."""
    net = Network("squeezenet1_1", weights)
    x = net.pool(net.conv(net.input("x", (batch, 3, 224, 224)), 64, 3, stride=2, pad=0), 3, 2, ceil=True)
    for index, (squeeze, expand) in enumerate(
        ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
    ):
        if index in {2, 4}:
            x = net.pool(x, 3, 2, ceil=True)
        y = net.conv(x, squeeze, 1)
        x = net.concat([net.conv(y, expand, 1), net.conv(y, expand, 3)])
    return net.model(net.flatten(net.global_pool(net.conv(x, 1000, 1))))


def _excite(net: Network, x: str, squeezed: int, gate: str, act: str = "Relu") -> str:
    y = net.conv(net.global_pool(x), squeezed, 1, act=act)
    return net.eltwise("Mul", x, net.conv(y, net.shapes[x][1], 1, act=gate))


MOBILENETV3 = (
    (3, 16, 16, True, "Relu", 2),
    (3, 72, 24, False, "Relu", 2),
    (3, 88, 24, False, "Relu", 1),
    (5, 96, 40, True, "HardSwish", 2),
    (5, 240, 40, True, "HardSwish", 1),
    (5, 240, 40, True, "HardSwish", 1),
    (5, 120, 48, True, "HardSwish", 1),
    (5, 144, 48, True, "HardSwish", 1),
    (5, 288, 96, True, "HardSwish", 2),
    (5, 576, 96, True, "HardSwish", 1),
    (5, 576, 96, True, "HardSwish", 1),
)


def mobilenetv3_small(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """MobileNetV3 small."""
    net = Network("mobilenetv3_small", weights)
    x = net.conv(net.input("x", (batch, 3, 224, 224)), 16, 3, stride=2, act="HardSwish")
    for kernel, width, channels, excite, act, stride in MOBILENETV3:
        y = net.conv(x, width, 1, act=act) if width != net.shapes[x][1] else x
        y = net.conv(y, width, kernel, stride=stride, group=width, act=act)
        if excite:
            y = _excite(net, y, max(8, width // 4 + 7 & ~7), "HardSigmoid")
        y = net.conv(y, channels, 1, act=None)
        x = net.eltwise("Add", x, y) if stride == 1 and net.shapes[x] == net.shapes[y] else y
    x = net.flatten(net.global_pool(net.conv(x, 576, 1, act="HardSwish")))
    return net.model(net.gemm(net.gemm(x, 1024, "HardSwish"), 1000))


def efficientnet_b1(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """EfficientNet-B1 at 240 x 240."""
    net = Network("efficientnet_b1", weights)
    x = net.conv(net.input("x", (batch, 3, 240, 240)), 32, 3, stride=2, act="Swish")
    stages = (
        (1, 3, 1, 16, 2),
        (6, 3, 2, 24, 3),
        (6, 5, 2, 40, 3),
        (6, 3, 2, 80, 4),
        (6, 5, 1, 112, 4),
        (6, 5, 2, 192, 5),
        (6, 3, 1, 320, 2),
    )
    for expand, kernel, first, channels, repeats in stages:
        for block in range(repeats):
            inputs = net.shapes[x][1]
            stride = 1 if block else first
            y = net.conv(x, inputs * expand, 1, act="Swish") if expand > 1 else x
            y = net.conv(y, inputs * expand, kernel, stride=stride, group=inputs * expand, act="Swish")
            y = net.conv(_excite(net, y, max(1, inputs // 4), "Sigmoid", "Swish"), channels, 1, act=None)
            x = net.eltwise("Add", x, y) if stride == 1 and inputs == channels else y
    x = net.global_pool(net.conv(x, 1280, 1, act="Swish"))
    return net.model(net.gemm(net.flatten(x), 1000))


def unet(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """U-Net with bilinear up-sampling at 572 x 572, padded convolutions."""
    net = Network("unet", weights)

    def double(x: str, channels: int, middle: int | None = None) -> str:
        return net.conv(net.conv(x, middle or channels, 3), channels, 3)

    skips = [double(net.input("x", (batch, 3, 572, 572)), 64)]
    for channels in (128, 256, 512, 512):
        skips.append(double(net.pool(skips[-1], 2, 2), channels))
    x = skips.pop()
    for channels in (256, 128, 64, 64):
        skip = skips.pop()
        n, c, *_ = net.shapes[x]
        target = (n, c, *net.shapes[skip][2:])
        x = net.node("Resize", [x, "", "", net.constant(np.array(target, np.int64))], target, mode="linear")
        x = net.concat([skip, x])
        x = double(x, channels, net.shapes[x][1] // 2)
    return net.model(net.conv(x, 2, 1, act=None))


def yolov5s(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """YOLOv5s 6.1 at 640 x 640 down to its three raw heads."""
    net = Network("yolov5s", weights)

    def conv(x: str, channels: int, kernel: int = 1, stride: int = 1) -> str:
        return net.conv(x, channels, kernel, stride=stride, act="Swish")

    def c3(x: str, channels: int, repeats: int, *, shortcut: bool = True) -> str:
        y = conv(x, channels // 2)
        for _ in range(repeats):
            z = conv(conv(y, channels // 2), channels // 2, 3)
            y = net.eltwise("Add", y, z) if shortcut else z
        return conv(net.concat([y, conv(x, channels // 2)]), channels)

    def up(x: str) -> str:
        n, c, h, w = net.shapes[x]
        scales = net.constant(np.array([1, 1, 2, 2], np.float32))
        return net.node("Resize", [x, "", scales], (n, c, 2 * h, 2 * w), mode="nearest")

    x = net.conv(net.input("images", (batch, 3, 640, 640)), 32, 6, stride=2, pad=2, act="Swish")
    x = c3(conv(x, 64, 3, 2), 64, 1)
    p3 = c3(conv(x, 128, 3, 2), 128, 2)
    p4 = c3(conv(p3, 256, 3, 2), 256, 3)
    x = conv(c3(conv(p4, 512, 3, 2), 512, 1), 256)
    pools = [x]
    for _ in range(3):
        pools.append(net.pool(pools[-1], 5, 1, pad=2))
    p5 = conv(conv(net.concat(pools), 512), 256)
    p4 = conv(c3(net.concat([up(p5), p4]), 256, 1, shortcut=False), 128)
    p3 = c3(net.concat([up(p4), p3]), 128, 1, shortcut=False)
    p4 = c3(net.concat([conv(p3, 128, 3, 2), p4]), 256, 1, shortcut=False)
    p5 = c3(net.concat([conv(p4, 256, 3, 2), p5]), 512, 1, shortcut=False)
    heads = []
    for level in (p3, p4, p5):
        y = net.conv(level, 255, 1, act=None)
        n, _, h, w = net.shapes[y]
        y = net.act(net.transpose(net.reshape(y, (n, 3, 85, h, w)), (0, 1, 3, 4, 2)), "Sigmoid")
        heads.append(y)
    return net.model(*heads)


HELD_OUT: dict[str, Builder] = {
    "bert_base_128": bert_base,
    "bert_base_384": bert_base_384,
    "efficientnet_b1": efficientnet_b1,
    "mobilenetv3_small": mobilenetv3_small,
    "resnet50": resnet50,
    "squeezenet1_1": squeezenet,
    "unet": unet,
    "vit_base_patch16_224": vit_base_patch16,
    "vit_base_patch32_224": vit_base_patch32,
    "yolov5s": yolov5s,
}
"""Builders by the names of `held_out.csv`."""

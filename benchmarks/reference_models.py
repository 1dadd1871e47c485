"""The networks of the published throughput figures, and ResNet-50, with torchvision's architectures.

Here belong architectures only; how nodes are written is `network.py`'s. Batch normalisation is folded where an
exporter folds it (after a convolution). The light models that the onnx package ships under these names are Caffe's or
Caffe2's variants (AlexNet with LRN and groups, GoogLeNet with 5x5 branches), whose work differs from what was
published: they are not used. Sources: torchvision 0.14 `models/*.py`.
"""

from collections.abc import Callable

import numpy as np
import onnx

from benchmarks.network import Network, Weights

Builder = Callable[[int, Weights], onnx.ModelProto]


def _input(net: Network, batch: int, size: int = 224) -> str:
    return net.input("x", (batch, 3, size, size))


def alexnet(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """AlexNet as torchvision has it: one column, no LRN; 61.1 M parameters."""
    net = Network("alexnet", weights)
    x = net.conv(_input(net, batch), 64, 11, stride=4, pad=2)
    x = net.conv(net.pool(x, 3, 2), 192, 5)
    x = net.conv(net.pool(x, 3, 2), 384, 3)
    x = net.conv(net.conv(x, 256, 3), 256, 3)
    x = net.gemm(net.flatten(net.pool(x, 3, 2)), 4096, "Relu")
    return net.model(net.gemm(net.gemm(x, 4096, "Relu"), 1000))


def vgg16(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """VGG-16 (configuration D); 138.4 M parameters."""
    net = Network("vgg16", weights)
    x = _input(net, batch)
    for channels, repeats in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(repeats):
            x = net.conv(x, channels, 3)
        x = net.pool(x, 2, 2)
    x = net.gemm(net.gemm(net.flatten(x), 4096, "Relu"), 4096, "Relu")
    return net.model(net.gemm(x, 1000))


def resnet(name: str, blocks: tuple[int, ...], *, bottleneck: bool, batch: int, weights: Weights) -> onnx.ModelProto:
    """ResNet v1.5: the stride sits in the 3x3 convolution."""
    net = Network(name, weights)
    x = net.pool(net.conv(_input(net, batch), 64, 7, stride=2), 3, 2, pad=1)
    for stage, repeats in enumerate(blocks):
        width = 64 << stage
        for block in range(repeats):
            stride = 2 if stage and not block else 1
            x = _residual(net, x, width, stride, bottleneck=bottleneck)
    return net.model(net.gemm(net.flatten(net.global_pool(x)), 1000))


def _residual(net: Network, x: str, width: int, stride: int, *, bottleneck: bool) -> str:
    if bottleneck:
        out = width * 4
        y = net.conv(net.conv(net.conv(x, width, 1), width, 3, stride=stride), out, 1, act=None)
    else:
        out = width
        y = net.conv(net.conv(x, width, 3, stride=stride), width, 3, act=None)
    if stride > 1 or net.shapes[x][1] != out:
        x = net.conv(x, out, 1, stride=stride, act=None)
    return net.act(net.eltwise("Add", y, x), "Relu")


def resnet18(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """ResNet-18; 11.7 M parameters."""
    return resnet("resnet18", (2, 2, 2, 2), bottleneck=False, batch=batch, weights=weights)


def resnet50(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """ResNet-50; 25.6 M parameters. Not among the published figures: other benchmarks use it."""
    return resnet("resnet50", (3, 4, 6, 3), bottleneck=True, batch=batch, weights=weights)


def resnet101(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """ResNet-101; 44.5 M parameters."""
    return resnet("resnet101", (3, 4, 23, 3), bottleneck=True, batch=batch, weights=weights)


def densenet121(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """DenseNet-121, growth 32; 8.0 M parameters. The normalisation after a Concat stays an operator."""
    net = Network("densenet121", weights)
    x = net.pool(net.conv(_input(net, batch), 64, 7, stride=2), 3, 2, pad=1)
    for stage, layers in enumerate((6, 12, 24, 16)):
        if stage:
            x = net.act(net.batch_norm(x), "Relu")
            x = net.pool(net.conv(x, net.shapes[x][1] // 2, 1, act=None), 2, 2, op="AveragePool")
        features = [x]
        for _ in range(layers):
            y = net.concat(features) if len(features) > 1 else features[0]
            y = net.conv(net.act(net.batch_norm(y), "Relu"), 128, 1)
            features.append(net.conv(y, 32, 3, act=None))
        x = net.concat(features)
    x = net.act(net.batch_norm(x), "Relu")
    return net.model(net.gemm(net.flatten(net.global_pool(x)), 1000))


GOOGLENET = (
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
    (256, 160, 320, 32, 128, 128),
    (384, 192, 384, 48, 128, 128),
)
"""Channels of the nine inception blocks: 1x1, 3x3 reduced, 3x3, second reduced, second, pooled."""


def googlenet(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """GoogLeNet as torchvision has it: 3x3 where the paper has 5x5, ceil-mode pooling; 6.6 M parameters."""
    net = Network("googlenet", weights)
    x = net.pool(net.conv(_input(net, batch), 64, 7, stride=2), 3, 2, ceil=True)
    x = net.pool(net.conv(net.conv(x, 64, 1), 192, 3), 3, 2, ceil=True)
    for index, (one, reduce3, three, reduce5, five, pooled) in enumerate(GOOGLENET):
        branches = [net.conv(x, one, 1), net.conv(net.conv(x, reduce3, 1), three, 3)]
        branches.append(net.conv(net.conv(x, reduce5, 1), five, 3))
        branches.append(net.conv(net.pool(x, 3, 1, pad=1, ceil=True), pooled, 1))
        x = net.concat(branches)
        if index == 1:
            x = net.pool(x, 3, 2, ceil=True)
        if index == 6:  # noqa: PLR2004 - inception 4e, the last before the second reduction
            x = net.pool(x, 2, 2, ceil=True)
    return net.model(net.gemm(net.flatten(net.global_pool(x)), 1000))


def inceptionv3(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """Inception v3 at 299 x 299, without the auxiliary classifier; 23.8 M parameters."""
    net = Network("inceptionv3", weights)
    x = net.conv(_input(net, batch, 299), 32, 3, stride=2, pad=0)
    x = net.pool(net.conv(net.conv(x, 32, 3, pad=0), 64, 3), 3, 2)
    x = net.pool(net.conv(net.conv(x, 80, 1), 192, 3, pad=0), 3, 2)
    for pooled in (32, 64, 64):
        x = _inception_a(net, x, pooled)
    branch = net.conv(net.conv(net.conv(x, 64, 1), 96, 3), 96, 3, stride=2, pad=0)
    x = net.concat([net.conv(x, 384, 3, stride=2, pad=0), branch, net.pool(x, 3, 2)])
    for width in (128, 160, 160, 192):
        x = _inception_c(net, x, width)
    branch = net.conv(net.conv(net.conv(x, 192, 1), 192, (1, 7)), 192, (7, 1))
    branch = net.conv(branch, 192, 3, stride=2, pad=0)
    x = net.concat([net.conv(net.conv(x, 192, 1), 320, 3, stride=2, pad=0), branch, net.pool(x, 3, 2)])
    for _ in range(2):
        x = _inception_e(net, x)
    return net.model(net.gemm(net.flatten(net.global_pool(x)), 1000))


def _pooled(net: Network, x: str, channels: int) -> str:
    return net.conv(net.pool(x, 3, 1, pad=1, op="AveragePool"), channels, 1)


def _inception_a(net: Network, x: str, pooled: int) -> str:
    double = net.conv(net.conv(net.conv(x, 64, 1), 96, 3), 96, 3)
    return net.concat([net.conv(x, 64, 1), net.conv(net.conv(x, 48, 1), 64, 5), double, _pooled(net, x, pooled)])


def _inception_c(net: Network, x: str, width: int) -> str:
    seven = net.conv(net.conv(net.conv(x, width, 1), width, (1, 7)), 192, (7, 1))
    double = net.conv(net.conv(net.conv(x, width, 1), width, (7, 1)), width, (1, 7))
    double = net.conv(net.conv(double, width, (7, 1)), 192, (1, 7))
    return net.concat([net.conv(x, 192, 1), seven, double, _pooled(net, x, 192)])


def _inception_e(net: Network, x: str) -> str:
    three = net.conv(x, 384, 1)
    double = net.conv(net.conv(x, 448, 1), 384, 3)
    wide = [net.concat([net.conv(y, 384, (1, 3)), net.conv(y, 384, (3, 1))]) for y in (three, double)]
    return net.concat([net.conv(x, 320, 1), *wide, _pooled(net, x, 192)])


MOBILENETV2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, repeats, stride of the inverted residuals."""


def mobilenetv2(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """MobileNetV2 1.0; 3.5 M parameters."""
    net = Network("mobilenetv2", weights)
    x = net.conv(_input(net, batch), 32, 3, stride=2, act="Relu6")
    for expand, channels, repeats, first in MOBILENETV2:
        for block in range(repeats):
            stride = 1 if block else first
            width = net.shapes[x][1] * expand
            y = net.conv(x, width, 1, act="Relu6") if expand > 1 else x
            y = net.conv(y, width, 3, stride=stride, group=width, act="Relu6")
            y = net.conv(y, channels, 1, act=None)
            x = net.eltwise("Add", x, y) if block else y
    x = net.global_pool(net.conv(x, 1280, 1, act="Relu6"))
    return net.model(net.gemm(net.flatten(x), 1000))


def shufflenetv2(batch: int = 1, weights: Weights = "absent") -> onnx.ModelProto:
    """ShuffleNetV2 1.0x; 2.3 M parameters."""
    net = Network("shufflenetv2", weights)
    x = net.pool(net.conv(_input(net, batch), 24, 3, stride=2), 3, 2, pad=1)
    for channels, repeats in ((116, 4), (232, 8), (464, 4)):
        half = channels // 2
        for block in range(repeats):
            if block:
                kept, y = net.split(x, 2)
                stride = 1
            else:
                stride = 2
                depthwise = net.conv(x, net.shapes[x][1], 3, stride=2, group=net.shapes[x][1], act=None)
                kept, y = net.conv(depthwise, half, 1), x
            y = net.conv(net.conv(y, half, 1), half, 3, stride=stride, group=half, act=None)
            x = _shuffle(net, net.concat([kept, net.conv(y, half, 1)]))
    x = net.conv(x, 1024, 1)
    mean = net.node("ReduceMean", [x], (batch, 1024), axes=[2, 3], keepdims=0)
    return net.model(net.gemm(mean, 1000))


def _shuffle(net: Network, x: str) -> str:
    n, c, h, w = net.shapes[x]
    y = net.transpose(net.reshape(x, (n, 2, c // 2, h, w)), (0, 2, 1, 3, 4))
    return net.reshape(y, (n, c, h, w))


PUBLISHED: dict[str, Builder] = {
    "alexnet": alexnet,
    "densenet121": densenet121,
    "googlenet": googlenet,
    "inceptionv3": inceptionv3,
    "mobilenetv2": mobilenetv2,
    "resnet101": resnet101,
    "resnet18": resnet18,
    "shufflenetv2": shufflenetv2,
    "vgg16": vgg16,
}
"""Builders by the names of `resources/ascend/tables/published_throughput.csv`."""


def parameters(model: onnx.ModelProto) -> int:
    """Number of weights, biases included."""
    return sum(int(np.prod(w.dims)) for w in model.graph.initializer if w.data_type == onnx.TensorProto.FLOAT)

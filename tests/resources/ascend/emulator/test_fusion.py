"""What runs as one kernel: folding, chains behind a producer, written-out normalisations, shuffles."""

import numpy as np
import pytest

from benchmarks.held_out_models import gelu, layer_norm
from benchmarks.network import Network
from resources.ascend.emulator.fusion import LONGEST_CHAIN, Kernel, constants, kernels
from resources.onnx_files.graph import view


def fused(net: Network, *outputs: str) -> tuple[Kernel, ...]:
    return kernels(view(net.model(*outputs)))


def image(net: Network, channels: int = 16) -> str:
    return net.input("x", (1, channels, 8, 8))


def test_a_convolution_takes_its_activation_and_the_residual_that_is_there_before_it() -> None:
    net = Network("n")
    x = image(net)
    y = net.act(net.eltwise("Add", net.conv(net.conv(x, 16, 3), 16, 3, act=None), x), "Relu")
    first, second = fused(net, y)
    assert [node.op for node in first.nodes] == ["Conv", "Relu"]
    assert [node.op for node in second.nodes] == ["Conv", "Add", "Relu"]
    assert set(second.reads) == {first.writes[0], "x"}
    assert second.writes == [y]


def test_a_residual_joins_the_later_of_two_convolutions() -> None:
    net = Network("n")
    x = image(net)
    early, late = net.conv(x, 16, 1, act=None), net.conv(x, 16, 1, act=None)
    _, second = fused(net, net.eltwise("Add", early, late))
    assert [node.op for node in second.nodes] == ["Conv", "Add"]
    assert early in second.reads


def test_swish_joins_although_its_input_is_read_twice() -> None:
    net = Network("n")
    (kernel,) = fused(net, net.conv(image(net), 16, 3, act="Swish"))
    assert [node.op for node in kernel.nodes] == ["Conv", "Sigmoid", "Mul"]
    assert len(kernel.writes) == 1


def test_a_written_out_gelu_joins_its_product() -> None:
    net = Network("n")
    x = net.input("x", (1, 16, 64))
    product = net.node("MatMul", [x, net.weight((64, 64))], (1, 16, 64))
    (kernel,) = fused(net, gelu(net, product))
    assert kernel.head.op == "MatMul"
    assert len(kernel.nodes) == 6


def test_a_chain_ends_when_the_unified_buffer_is_full() -> None:
    net = Network("n")
    x = net.conv(image(net), 16, 3, act=None)
    for _ in range(LONGEST_CHAIN + 1):
        x = net.act(x, "Relu")
    assert [len(kernel.nodes) for kernel in fused(net, x)] == [1 + LONGEST_CHAIN, 1]


def test_an_operator_of_another_size_starts_a_kernel() -> None:
    net = Network("n")
    x = image(net)
    gate = net.conv(net.global_pool(x), 16, 1, act="Sigmoid")
    assert [kernel.head.op for kernel in fused(net, net.eltwise("Mul", x, gate))] == [
        "GlobalAveragePool",
        "Conv",
        "Mul",
    ]


def test_a_pooling_takes_nothing_with_it() -> None:
    net = Network("n")
    assert len(fused(net, net.act(net.pool(image(net), 2, 2), "Relu"))) == 2


def test_a_written_out_layer_normalisation_is_one_kernel() -> None:
    net = Network("n")
    x = net.input("x", (1, 16, 64))
    (kernel,) = fused(net, layer_norm(net, x, 1e-6))
    assert kernel.op == "LayerNormalization"
    assert len(kernel.nodes) == 9
    assert kernel.reads == ["x"]


def test_a_mean_that_something_else_reads_is_no_layer_normalisation() -> None:
    net = Network("n")
    x = net.input("x", (1, 16, 64))
    mean = net.node("ReduceMean", [x], (1, 16, 1), axes=[-1])
    found = fused(net, net.eltwise("Sub", x, mean), net.act(mean, "Relu"))
    assert "LayerNormalization" not in {kernel.op for kernel in found}


def test_reshape_transpose_reshape_is_one_move() -> None:
    net = Network("n")
    x = net.transpose(net.reshape(image(net), (1, 2, 8, 8, 8)), (0, 2, 1, 3, 4))
    (kernel,) = fused(net, net.reshape(x, (1, 16, 8, 8)))
    assert [node.op for node in kernel.nodes] == ["Reshape", "Transpose", "Reshape"]


def test_what_depends_on_constants_and_static_shapes_is_folded_away() -> None:
    net = Network("n")
    x = image(net)
    size = net.node("Shape", [x], (4,))
    size = net.node("Slice", [size, net.constant(np.array([0])), net.constant(np.array([1]))], (1,))
    shape = net.node("Concat", [size, net.constant(np.array([-1]))], (2,), axis=0)
    y = net.node("Reshape", [x, shape], (1, 1024))
    graph = view(net.model(y))
    assert {size, shape} <= constants(graph)
    assert [kernel.head.op for kernel in kernels(graph)] == ["Reshape"]


@pytest.mark.parametrize("op", ["RandomNormal", "RandomUniform"])
def test_random_numbers_are_not_constants(op: str) -> None:
    net = Network("n")
    noise = net.node(op, [], (4,))
    assert noise not in constants(view(net.model(net.act(noise, "Relu"))))


def test_every_node_is_in_exactly_one_kernel_and_nothing_is_read_before_it_is_written() -> None:
    from benchmarks.held_out_models import HELD_OUT
    from benchmarks.reference_models import PUBLISHED

    for build in {**PUBLISHED, **HELD_OUT}.values():
        graph = view(build(1, "absent"))
        found = kernels(graph)
        nodes = [node.index for kernel in found for node in kernel.nodes]
        assert len(nodes) == len(set(nodes))
        there = set(graph.inputs)
        for kernel in found:
            assert set(kernel.reads) <= there
            there.update(kernel.writes)
        assert set(graph.outputs) <= there

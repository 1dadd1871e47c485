"""Layouts: which kernels take a tensor as it lies, and which need it converted."""

import pytest

from benchmarks.network import Network
from resources.ascend.emulator.layout import Layout, Layouts
from resources.onnx_files.graph import Graph, Node, view


def graph_of(
    op: str, shape: tuple[int, ...], out: tuple[int, ...] | None = None, **attributes: int
) -> tuple[Graph, Node]:
    net = Network("n")
    graph = view(net.model(net.node(op, [net.input("x", shape)], out or shape, **attributes)))
    return graph, graph.nodes[0]


def wanted(
    op: str, shape: tuple[int, ...], lies: Layout, out: tuple[int, ...] | None = None, **attributes: int
) -> Layout:
    graph, node = graph_of(op, shape, out, **attributes)
    layouts = Layouts(graph)
    layouts.add("x", lies)
    return layouts.wanted(node, ["x"], list(node.outputs))


@pytest.mark.parametrize("lies", ["ND", "C0", "NZ"])
def test_an_elementwise_kernel_takes_a_tensor_as_it_lies(lies: Layout) -> None:
    assert wanted("Relu", (1, 20, 8, 8), lies) == lies


@pytest.mark.parametrize("op", ["MaxPool", "GlobalAveragePool", "Resize", "LRN"])
def test_image_kernels_want_channel_groups_whatever_they_get(op: str) -> None:
    assert wanted(op, (1, 20, 8, 8), "ND") == "C0"


@pytest.mark.parametrize(("tokens", "expected"), [(128, "NZ"), (197, "ND")])
@pytest.mark.parametrize("op", ["Softmax", "LayerNormalization", "Transpose"])
def test_a_kernel_that_mixes_elements_takes_blocks_only_when_they_are_full(op: str, tokens: int, expected: str) -> None:
    assert wanted(op, (2, tokens, 64), "NZ") == expected


def test_a_concat_keeps_channel_groups_only_when_they_are_full() -> None:
    assert wanted("Concat", (1, 32, 8, 8), "C0", axis=1) == "C0"
    assert wanted("Concat", (1, 24, 8, 8), "C0", axis=1) == "ND"
    assert wanted("Concat", (1, 24, 8, 8), "C0", axis=2) == "C0"


def test_a_tensor_without_any_note_is_plain() -> None:
    graph, _ = graph_of("Relu", (1, 20, 8, 8))
    assert Layouts(graph).of("x") == ["ND"]
    assert Layouts(graph).shape("no such tensor") == ()


@pytest.mark.parametrize(
    ("shape", "layout", "factor"),
    [
        ((1, 3, 8, 8), "C0", 16 / 3),
        ((1, 64, 8, 8), "C0", 1.0),
        ((2, 197, 64), "NZ", 208 / 197),
        ((2, 128, 64), "NZ", 1.0),
        ((2, 197, 64), "ND", 1.0),
        ((5, 7), "C0", 1.0),
        ((0, 0, 0), "NZ", 1.0),
    ],
)
def test_padding_is_what_the_layout_adds(shape: tuple[int, ...], layout: Layout, factor: float) -> None:
    graph, _ = graph_of("Relu", shape)
    assert Layouts(graph).factor("x", layout) == pytest.approx(factor)


@pytest.mark.parametrize(
    ("shape", "layout", "converts"),
    [
        ((1, 64, 8, 8), "C0", True),
        ((1, 64, 1, 1), "C0", False),
        ((2, 128, 64), "NZ", True),
        ((128, 64), "NZ", False),
        ((1, 1, 12), "NZ", False),
        ((1, 64, 8, 8), "ND", False),
    ],
)
def test_only_large_tensors_cost_a_conversion(shape: tuple[int, ...], layout: Layout, converts: bool) -> None:  # noqa: FBT001 - a parameter
    graph, _ = graph_of("Relu", shape)
    assert Layouts(graph).converts("x", layout) is converts


def test_a_converted_tensor_exists_in_both_layouts() -> None:
    graph, _ = graph_of("Relu", (1, 64, 8, 8))
    layouts = Layouts(graph)
    layouts.add("x", "ND")
    layouts.add("x", "C0")
    assert layouts.of("x") == ["ND", "C0"]
    assert not layouts.converts("x", "C0")
    assert not layouts.converts("x", "ND")

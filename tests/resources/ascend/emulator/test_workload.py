"""Counting a network's work: operations, bytes in the layout and type of the device, inserted conversions."""

import numpy as np
import pytest
from onnx import TensorProto

from benchmarks.held_out_models import HELD_OUT, Transformer, attention, bert_base
from benchmarks.network import Network
from benchmarks.reference_models import PUBLISHED, resnet50
from resources.ascend.emulator.workload import Work, works
from resources.onnx_files.graph import view


def count(net: Network, *outputs: str, aipp: bool = False, dtypes: dict[int, str] | None = None) -> tuple[Work, ...]:
    return works(view(net.model(*outputs)), dtypes or {}, aipp=aipp)


def ops(found: tuple[Work, ...]) -> list[str]:
    return [work.op for work in found if not work.free]


@pytest.mark.parametrize(
    ("name", "gflop"),
    [
        ("alexnet", 1.43),
        ("densenet121", 5.7),
        ("googlenet", 3.0),
        ("inceptionv3", 11.4),
        ("mobilenetv2", 0.6),
        ("resnet101", 15.6),
        ("resnet18", 3.6),
        ("shufflenetv2", 0.29),
        ("vgg16", 30.9),
    ],
)
def test_a_network_has_the_operations_that_its_paper_states(name: str, gflop: float) -> None:
    found = works(view(PUBLISHED[name](1, "absent")), {})
    assert sum(work.flops for work in found if work.products) / 1e9 == pytest.approx(gflop, rel=0.03)


def test_work_is_proportional_to_the_batch_and_weights_are_not() -> None:
    one, eight = (works(view(resnet50(batch)), {}) for batch in (1, 8))
    assert [8 * work.flops for work in one if work.products] == [work.flops for work in eight if work.products]
    assert [work.weights for work in one] == [work.weights for work in eight]


def test_weights_are_half_as_large_as_in_the_file_and_whole_where_the_plan_keeps_fp32() -> None:
    net = Network("n")
    y = net.gemm(net.input("x", (1, 64)), 32)
    parameters = 64 * 32 + 32
    assert sum(work.weights for work in count(net, y)) == 2 * parameters
    assert sum(work.weights for work in count(net, y, dtypes={0: "float32"})) == 4 * parameters


def test_fp32_costs_the_vector_unit_twice() -> None:
    net = Network("n")
    y = net.act(net.input("x", (1, 64)), "Relu")
    half, single = (count(net, y, dtypes={0: dtype})[0].passes for dtype in ("float16", "float32"))
    assert single == 2 * half


def test_an_image_is_converted_once_and_channels_are_padded_to_sixteen() -> None:
    net = Network("n")
    x = net.input("x", (1, 3, 8, 8))
    found = count(net, net.conv(x, 32, 3), net.conv(x, 32, 5))
    assert ops(found)[:3] == ["TransData", "Conv", "Conv"]
    assert found[0].reads[0].size == 3 * 64 * 4
    assert found[0].writes[0].size == 16 * 64 * 2


def test_aipp_feeds_a_convolution_without_conversion_in_bytes() -> None:
    net = Network("n")
    found = count(net, net.conv(net.input("x", (1, 3, 8, 8)), 32, 3, act=None), aipp=True)
    assert ops(found)[0] == "Conv"
    assert found[0].reads[0].size == 3 * 64


def test_a_reshape_of_an_image_costs_a_conversion_but_flattening_one_pixel_does_not() -> None:
    net = Network("image")
    x = net.conv(net.input("x", (1, 32, 8, 8)), 32, 3)
    assert ops(count(net, net.reshape(x, (1, 32 * 64)))) == ["TransData", "Conv", "TransData"]
    net = Network("pixel")
    x = net.conv(net.input("x", (1, 32, 8, 8)), 32, 3)
    assert ops(count(net, net.flatten(net.global_pool(x)))) == ["TransData", "Conv", "GlobalAveragePool"]


def test_a_concat_of_aligned_channels_is_free_for_one_image_and_a_move_for_more() -> None:
    for batch, expected in ((1, []), (2, ["Concat"])):
        net = Network("n")
        x = net.input("x", (batch, 32, 8, 8))
        found = count(net, net.conv(net.concat([net.conv(x, 16, 1), net.conv(x, 32, 1)]), 16, 1))
        assert [op for op in ops(found) if op == "Concat"] == expected


def test_a_concat_of_unaligned_channels_leaves_the_channel_layout() -> None:
    net = Network("n")
    x = net.input("x", (1, 32, 8, 8))
    found = count(net, net.conv(net.concat([net.conv(x, 24, 1), net.conv(x, 24, 1)]), 16, 1))
    conversions = ["the input", "one piece", "the other piece", "their concatenation", "the output"]
    assert ops(found).count("TransData") == len(conversions)


def tokens(length: int) -> list[str]:
    net = Network("n")
    return ops(count(net, attention(net, net.input("x", (2, length, 768)), Transformer())))


def test_attention_stays_in_the_block_layout_when_tokens_fill_blocks() -> None:
    assert tokens(128).count("TransData") == 2
    assert tokens(197).count("TransData") > 2 * tokens(128).count("TransData")


def test_attention_has_its_products_and_one_softmax() -> None:
    assert tokens(128).count("MatMul") == 6
    assert tokens(128).count("Softmax") == 1


def test_a_gather_reads_the_rows_it_is_asked_for_and_holds_the_table() -> None:
    found = {work.op: work for work in works(view(bert_base(1)), {})}
    net = Network("n")
    rows = net.node("Gather", [net.weight((30522, 768)), net.input("i", (1, 16), TensorProto.INT64)], (1, 16, 768))
    (gather,) = count(net, rows)
    assert "LayerNormalization" in found
    assert gather.weights == 0
    assert gather.held == 30522 * 768 * 2
    assert gather.bytes == 16 * 768 * 2 + 16 * 8
    assert not gather.strided


def test_a_gather_of_short_rows_moves_in_pieces() -> None:
    net = Network("n")
    rows = net.node("Gather", [net.weight((1000, 4)), net.input("i", (1, 16), TensorProto.INT64)], (1, 16, 4))
    assert count(net, rows)[0].strided


def test_an_unknown_operator_is_a_memory_move() -> None:
    net = Network("n")
    (work,) = count(net, net.node("Mystery", [net.input("x", (4, 1000))], (4, 500)))
    assert (work.strided, work.passes, work.products) == (True, 0, ())
    assert work.bytes == 4 * 1000 * 4 + 4 * 500 * 2


def test_a_size_that_depends_on_data_counts_as_its_largest_input() -> None:
    net = Network("n")
    model = net.model(net.node("NonZero", [net.input("x", (4, 1000))], (-1,)))
    (work,) = works(view(model), {})
    assert work.writes[0].size == 4 * 1000 * 2


@pytest.mark.parametrize(
    "op", ["Resize", "ConvTranspose", "LSTM", "Einsum", "TopK", "GridSample", "InstanceNormalization"]
)
def test_operators_of_other_families_have_work(op: str) -> None:
    net = Network("n")
    x = net.input("x", (1, 32, 8, 8))
    if op == "ConvTranspose":
        y = net.node(op, [x, net.weight((32, 16, 2, 2))], (1, 16, 16, 16), strides=[2, 2])
    elif op == "LSTM":
        s = net.input("s", (5, 1, 8))
        y = net.node(op, [s, net.weight((1, 32, 8)), net.weight((1, 32, 8))], (5, 1, 1, 8), hidden_size=8)
    elif op == "Einsum":
        y = net.node(op, [x, x], (1, 32, 8, 8), equation="bchw,bcwk->bchk")
    elif op == "Resize":
        y = net.node(op, [x, "", net.constant(np.array([1, 1, 2, 2], np.float32))], (1, 32, 16, 16))
    else:
        y = net.node(op, [x], (1, 32, 8, 8))
    work = next(work for work in count(net, y) if work.op == op)
    assert work.passes > 0
    assert work.flops > 0


def test_every_network_writes_what_it_reads() -> None:
    for build in {**PUBLISHED, **HELD_OUT}.values():
        model = build(1, "absent")
        there = {value.name for value in model.graph.input}
        for work in works(view(model), {}):
            assert {access.tensor for access in work.reads} <= there, work.node
            there.update(access.tensor for access in work.writes)

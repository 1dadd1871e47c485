"""Three networks in one graph: what is shared, and what is not."""

import numpy as np
from numeric_models import floats, options, parse

from resources.ascend.emulator.networks import Networks, Weight, build


def networks(graph: str, weights: dict[str, np.ndarray] | None = None, mode: str = "force_fp16") -> Networks:
    return build(parse(graph, weights), options(mode), sampled=True)


def ops(found: Networks) -> list[str]:
    return [node.op_type for part in (*found.fp32, *found.device) for node in part]


def test_in_fp32_there_is_one_network() -> None:
    found = networks("agraph (float[2] x) => (float[2] y) { a = Exp(x) y = Neg(a) }", mode="force_fp32")
    assert ops(found) == ["Exp", "Neg"]
    assert [(layer.reference == layer.device, layer.own) for layer in found.layers] == [(True, None)] * 2


def test_on_the_models_inputs_the_devices_result_is_the_nodes_own() -> None:
    found = networks("agraph (float[2] x) => (float[2] y) { y = Exp(x) }")
    (layer,) = found.layers
    assert layer.own == layer.device != layer.reference
    assert ops(found).count("Exp") == 2


def test_later_nodes_have_a_device_copy_and_a_copy_of_their_own() -> None:
    found = networks("agraph (float[2] x) => (float[2] y) { a = Exp(x) y = Exp(a) }")
    assert len({found.layers[1].reference, found.layers[1].device, found.layers[1].own}) == 3
    assert ops(found).count("Exp") == 5


def test_the_own_result_of_an_exact_operator_is_its_result_rounded() -> None:
    found = networks("agraph (float[2] x) => (float[2] y) { a = Exp(x) y = Relu(a) }")
    assert ops(found).count("Relu") == 2
    assert found.layers[1].exact
    assert found.layers[1].own == f"{found.layers[1].reference}@float16"


def test_what_only_makes_values_is_shared() -> None:
    found = networks(
        "agraph (float[2] x) => (float[2] y) { r = RandomNormal<shape = [2]>() s = Shape(x) y = Add(x, r) }"
    )
    assert ops(found).count("RandomNormal") == 1
    assert ops(found).count("Shape") == 1


def test_a_node_kept_in_fp32_still_has_a_copy_on_the_devices_tensors() -> None:
    model = parse("agraph (float[2] x) => (float[2] y) { a = Exp(x) y = Exp(a) }")
    found = build(model, options("force_fp16", keep_dtype=("y",)), sampled=True)
    assert found.layers[1].device != found.layers[1].reference
    assert found.layers[1].own is None


def test_the_fp32_side_never_reads_from_the_device() -> None:
    """A tensor that the device holds in FP32 is rounded for the next node, and that rounding belongs to the device."""
    model = parse("agraph (float[2] x) => (float[2] y) { a = Exp(x) b = Exp(a) c = Sin(b) y = Cos(b) }")
    found = build(model, options("force_fp16", keep_dtype=("b",)), sampled=True)
    made = {name for nodes in found.device for node in nodes for name in node.output}
    assert made
    assert all(made.isdisjoint(node.input) for nodes in found.fp32 for node in nodes)


def test_a_large_cubes_own_copy_reads_some_channels_of_its_weights() -> None:
    graph = "agraph (float[1,8,4,4] z) => (float[1,128,4,4] y) { x = Exp(z) y = Conv(x, w) }"
    found = networks(graph, {"w": floats((128, 8, 1, 1))})
    assert Weight("w", "float16", 0, 8) in found.weights.values()
    assert found.layers[1].sample is not None
    full = build(parse(graph, {"w": floats((128, 8, 1, 1))}), options(), sampled=False)
    assert full.layers[1].sample is None
    assert set(full.weights.values()) == {Weight("w"), Weight("w", "float16")}


def test_a_subgraph_of_the_device_reads_the_devices_tensors() -> None:
    found = networks(
        """agraph (float[1] x, bool c) => (float[1] y) {
            a = Exp(x)
            y = If(c) <
                then_branch = t () => (float[1] p) { p = Identity(a) },
                else_branch = e () => (float[1] q) { q = Neg(a) }
            >
        }"""
    )
    branches = [
        n.attribute[0].g.node[0].input[0] for part in (*found.fp32, *found.device) for n in part if n.op_type == "If"
    ]
    assert branches[:2] == ["a", "a@device"]

"""Models in another opset."""

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from edit_checks import edited, f32, names, ops, parse, refusal
from onnx import helper, numpy_helper
from onnx_samples import classifier, nested, unfolding

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.convert_opset import convert_opset
from resources.onnx_files.graph import view
from resources.onnx_files.sessions import reference

# What PyTorch's exporter writes: axes as inputs, defaults spelled out, operators of the newest opset.
EXPORTED = """g (float[2,4,8] x) => (float[2,8] y) {
    [flat] f = Reshape<allowzero = 1>(x, target)
    [norm] n = LayerNormalization<axis = -1, epsilon = 1e-5, stash_type = 1>(x, s, b)
    [gelu] g = Gelu<approximate = "none">(n)
    [rms] r = RMSNormalization<axis = -1>(g, s)
    [mean] m = ReduceMean<keepdims = 0, noop_with_empty_axes = 0>(r, axes)
    [part] p, q = Split<axis = 1, num_outputs = 2>(f)
    [wide] u = Unsqueeze(m, axes)
    [thin] v = Squeeze(u, axes)
    [cast] c = Cast<to = 1, saturate = 1>(v)
    [soft] t = Softmax<axis = -1>(c)
    [bound] w = Clip(t, low)
    [fold] k = ReduceMax<keepdims = 0>(p, axes)
    [shift] l = Unsqueeze(k, last)
    y = Add(w, l)
}"""
WEIGHTS = {
    "target": np.asarray([2, 32]),
    "axes": np.asarray([1]),
    "last": np.asarray([-1]),
    "s": f32(8),
    "b": f32(8, seed=1),
    "low": np.asarray(np.float32(0.1)),
}


def to(opset: int) -> Any:
    return lambda model: convert_opset(model, opset)


@pytest.mark.parametrize("opset", [22, 18, 17, 16, 13, 11])
def test_what_an_exporter_writes_comes_down(opset: int) -> None:
    before = parse(EXPORTED, WEIGHTS, opset=23)
    after = edited(to(opset), before)
    assert view(after).opset == opset
    assert [n for n in names(before) if n in names(after)] == names(before)
    assert ("LayerNormalization" in ops(after)) == (opset >= 17)
    assert "RMSNormalization" not in ops(after)


@pytest.mark.parametrize("opset", [13, 18, 21])
def test_there_and_back_is_the_same(opset: int) -> None:
    down = edited(to(11), classifier())
    assert names(down) == names(classifier())
    up = edited(to(opset), down)
    assert ops(up) == ops(classifier())


OLD = """g (float[2,3,4] x) => (float[2,3] y) {
    [clip] c = Clip<min = -1.0, max = 1.0>(x)
    [pad] p = Pad<pads = [0,0,1,0,0,1], value = 0.5>(c)
    [cut] s = Slice<starts = [0], ends = [3], axes = [2]>(p)
    [soft] t = Softmax<axis = 1>(s)
    [drop] d = Dropout<ratio = 0.3>(t)
    [sum] r = ReduceSum<axes = [2], keepdims = 1>(d)
    [thin] q = Squeeze<axes = [2]>(r)
    [wide] u = Unsqueeze<axes = [1]>(q)
    [max] y = ReduceMax<axes = [1], keepdims = 0>(u)
}"""


@pytest.mark.parametrize("opset", [10, 11, 12, 13, 17, 18, 21])
def test_what_was_written_long_ago_comes_up(opset: int) -> None:
    before = parse(OLD, opset=9, ir=4)
    after = edited(to(opset), before)
    assert set(names(before)) <= set(names(after))
    assert after.ir_version >= 4


@pytest.mark.parametrize(
    ("text", "weights", "start", "end"),
    [
        ('g (float[1,1,2,2] x) => (float[1,1,4,4] y) { y = Upsample<mode = "nearest">(x, s) }', "s", 9, 13),
        ('g (float[1,1,2,2] x) => (float[1,1,4,4] y) { y = Upsample<mode = "linear">(x, s) }', "s", 9, 18),
        ('g (float[1,1,2,2] x) => (float[1,1,4,4] y) { y = Resize<mode = "linear">(x, s) }', "s", 10, 17),
        ('g (float[1,1,2,2] x) => (float[1,1,4,4] y) { y = Resize<axes = [2,3]>(x, "", h) }', "h", 18, 13),
        ('g (float[1,1,2,2] x) => (float[1,1,4,4] y) { y = Resize<axes = [2,3]>(x, "", "", z) }', "z", 19, 11),
        ('g (float[1,1,2,2] x) => (float[1,1,4,4] y) { y = Resize<antialias = 1, mode = "linear">(x, "", s) }',
         "s", 18, 13),
        ('g (float[1,1,2,2] x) => (float[1,1,2,4] y) { y = Pad(x, p, "", a) }', "pa", 18, 11),
        ("g (float[2,3,4] x) => (float[2,3,4] y) { y = Softmax<axis = 1>(x) }", "", 17, 11),
        ("g (float[2,3,4] x) => (float[2,3,4] y) { y = LogSoftmax<axis = 0>(x) }", "", 13, 12),
        ("g (float[2,3,4] x) => (int64[1] y) { y = Shape<start = -2, end = -1>(x) }", "", 17, 13),
        ("g (float[7] x) => (float[3] a, float[3] b, float[1] c) { a, b, c = Split<num_outputs = 3>(x) }", "", 18, 13),
        ("g (float[4] x) => (float[2] a, float[2] b) { a, b = Split(x) }", "", 13, 18),
        ("g (float[2,3] x) => (float[2,3] y) { c = CastLike(x, x) y = Identity(c) }", "", 15, 13),
        ('g (float[1,1,3,3] x, float[1,2,2,2] i) => (float[1,1,2,2] y) { y = GridSample<mode = "cubic">(x, i) }',
         "", 20, 17),
        ("g (float[1,1,3,3] x, float[1,2,2,2] i) => (float[1,1,2,2] y) { y = GridSample(x, i) }", "", 16, 20),
        ("g (float[1,4,4,4] x) => (float[1,4,4,4] y) { y = GroupNormalization<num_groups = 2>(x, g, g) }", "g", 21, 17),
        ("g (float[1,2,4] x) => (float[1,2,3] y) { y = AveragePool<kernel_shape=[2], dilations=[1]>(x) }", "", 19, 11),
        ("g (float[2,3] x) => (float[2,1] y) { y = Concat<axis = -1>(x, x) }", "", 13, 8),
        ("g (float[2,3] x) => (float[2,3] y) { y = ReduceSum<noop_with_empty_axes = 1>(x) }", "", 13, 11),
        ("g (float[2,2] x) => (float[2,2] y) { y = Gemm(x, x) }", "", 13, 9),
        ("g (float[3,4] x) => (float[3,2] y, int64[3,2] i) { y, i = TopK<largest = 1>(x, k) }", "k", 11, 9),
    ],
)  # fmt: skip
def test_single_operators(text: str, weights: str, start: int, end: int) -> None:
    known: dict[str, Any] = {
        "s": np.asarray([1, 1, 2, 2], np.float32),
        "h": np.asarray([2, 2], np.float32),
        "z": np.asarray([4, 4]),
        "p": np.asarray([1, 1]),
        "a": np.asarray([-1]),
        "g": f32(4),
        "k": np.asarray([2]),
    }
    text = text.replace("float[2,1] y) { y = Concat", "float[2,6] y) { y = Concat")
    before = parse(text, {name: known[name] for name in weights}, opset=start)
    edited(to(end), before)


@pytest.mark.parametrize(
    ("text", "start", "end", "reason"),
    [
        ("g (float[2] x) => (float[2] y) { [a] y = BitCast<to = 6>(x) }", 26, 25, "a (BitCast)"),
        ("g (int32[2] x) => (int32[2] y) { [a] y = BitwiseNot(x) }", 18, 17, "nothing simpler is known"),
        ("g (float[1,1,4] x) => (float[1,1,2] y) { [a] y = AveragePool<kernel_shape = [2], dilations = [2]>(x) }",
         19, 18, "a (AveragePool): it has the attribute dilations, which opset 19 brought"),
        ("g (int8[2] x) => (int8[2] y) { [a] y = Max(x, x) }", 12, 11, "takes no INT8"),
        ("g (float[2,2] x, int64[1] k) => (float[a,b] y) { [a] y = ReduceMean(x, k) }", 18, 17, "depend on"),
        ("g (float[2] x) => (float[2] y) { y = Relu(x) }", 17, 17, "already"),
        ("g (float[2] x) => (float[2] y) { y = Relu(x) }", 17, 5, "below 7"),
        ("g (float[2] x) => (float[2] y) { y = Relu(x) }", 99, 17, "newer than what is known"),
    ],
)  # fmt: skip
def test_what_cannot_pass_is_said_with_its_node(text: str, start: int, end: int, reason: str) -> None:
    assert reason in refusal(to(end), parse(text, opset=start))


def test_all_that_cannot_pass_is_said_at_once() -> None:
    text = "g (int32[2] x) => (int32[2] y) { [a] t = BitwiseNot(x) [b] y = BitwiseNot(t) }"
    said = refusal(to(17), parse(text, opset=18))
    assert "a (BitwiseNot)" in said
    assert "b (BitwiseNot)" in said


def test_graphs_inside_nodes_are_converted_too() -> None:
    def branch(op: str) -> onnx.GraphProto:
        axes = helper.make_node("Constant", [], ["axes"], value=numpy_helper.from_array(np.asarray([0])))
        made = helper.make_node(op, ["x", "axes"], ["t"], name=op, keepdims=0)
        return helper.make_graph([axes, made], op, [], [helper.make_tensor_value_info("t", 1, [])])

    model = parse("g (float[2] x, bool c) => (float y) { y = Neg(x) }", opset=18)
    branches = {"then_branch": branch("ReduceMean"), "else_branch": branch("ReduceMax")}
    model.graph.node[0].CopyFrom(helper.make_node("If", ["c"], ["y"], **branches))
    after = edited(to(13), model)
    inner = [node for entry in after.graph.node[0].attribute for node in entry.g.node]
    assert [node.name for node in inner if node.op_type != "Constant"] == ["ReduceMax", "ReduceMean"]
    edited(to(21), nested(3))


def test_local_functions_are_inlined_first() -> None:
    after = edited(to(13), unfolding(2))
    assert set(ops(after)) == {"Relu"}


@pytest.mark.parametrize("op", ["GroupNormalization<num_groups = 2>", "RMSNormalization", "Gelu"])
def test_open_sizes_do_not_hide_what_lies_behind_a_function(op: str) -> None:
    """Nothing is inferred behind them, and a normalisation that follows needs the number of dimensions."""
    norm = "GroupNormalization<num_groups = 2>(f, s, s)"
    first = f"{op}(x{', s, s' if 'Group' in op else ', t' if 'RMS' in op else ''})"
    graph = f"g (float[N,4,H] x) => (float[N,4,H] y) {{ [first] e = {first} [relu] f = Relu(e) [norm] y = {norm} }}"
    model = parse(graph, {"s": f32(4), "t": f32(5)}, opset=23)
    made = convert_opset(model, 17)
    given = {"x": np.random.default_rng(0).normal(size=(2, 4, 5)).astype(np.float32)}
    expected, found = reference(model).run(given)["y"], reference(made).run(given)["y"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_another_domain_stays_with_its_version() -> None:
    text = "g (float[2] x) => (float[2] y) { t = com.microsoft.Gelu(x) y = Relu(t) }"
    after = edited(to(13), parse(text, opset=17, imports=', "com.microsoft" : 1'))
    assert {e.domain: e.version for e in after.opset_import} == {"": 13, "com.microsoft": 1}


def test_large_weights_are_carried_over() -> None:
    weight = f32(64, 64)
    after = edited(to(11), parse("g (float[2,64] x) => (float[2,64] y) { y = MatMul(x, w) }", {"w": weight}, opset=21))
    np.testing.assert_array_equal(numpy_helper.to_array(after.graph.initializer[0]), weight)


EXAMPLES = """split pad resize reducemean reducemax softmax logsoftmax clip slice squeeze unsqueeze gelu
    layernormalization gridsample averagepool maxpool dropout shape topk reshape constant"""


def _cases() -> Iterator[Any]:
    """ONNX's own examples of operators that changed: one model of one node each, with its inputs."""
    from onnx.backend.test.case import node as examples

    wanted = EXAMPLES.split()
    for name in wanted:
        importlib.import_module(f"onnx.backend.test.case.node.{name}")  # which writes them down
    for case in examples._NodeTestCases:
        given = case.data_sets[0][0] if case.data_sets else []
        alone = case.model is not None and [node.op_type.lower() for node in case.model.graph.node]
        if not alone or alone[0] not in wanted or len(alone) > 1:
            continue  # what another test of this process has written down, or an example of several nodes
        if all(isinstance(array, np.ndarray | np.generic) for array in given):
            yield case


def _with_constants(model: onnx.ModelProto, inputs: list[Any]) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """Whole numbers behind the first input become weights, as exporters write them."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    feeds = {}
    for index, (value, array) in reversed(list(enumerate(zip(model.graph.input, inputs, strict=False)))):
        if index and getattr(array, "dtype", None) == np.int64:
            copy.graph.initializer.append(numpy_helper.from_array(array, value.name))
            del copy.graph.input[index]
        else:
            feeds[value.name] = np.asarray(array)
    return copy, feeds


@pytest.mark.parametrize("opset", [13, 21])
def test_onnx_s_own_examples_compute_the_same_or_are_refused(opset: int) -> None:
    compared = 0
    for case in list(_cases())[::2]:
        model, feeds = _with_constants(case.model, case.data_sets[0][0])
        try:
            wanted = reference(model).run(feeds)
        except (ValueError, KeyError):
            continue  # ONNX Runtime has no kernel for it
        if view(model).opset == opset or any(getattr(value, "dtype", None) is None for value in wanted.values()):
            continue
        try:
            after = convert_opset(model, opset)
        except EditError:
            continue
        got = reference(after).run(feeds)
        compared += 1
        for name, value in wanted.items():
            if value.dtype.kind in "fiub":
                np.testing.assert_allclose(got[name], value, rtol=1e-3, atol=1e-5, err_msg=case.name)
    assert compared > 60

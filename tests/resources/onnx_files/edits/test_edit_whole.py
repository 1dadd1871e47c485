"""Edits of a whole model: its imports, its shapes, its constants."""

import time
from typing import Any

import numpy as np
import onnx
import pytest
import strange_models as strange
from edit_checks import edited, f32, names, ops, parse, refusal
from onnx import helper, numpy_helper
from onnx_samples import classifier

from resources.onnx_files.edits.drop_domains import drop_domains
from resources.onnx_files.edits.fix_shapes import fix_shapes
from resources.onnx_files.edits.simplify import simplify
from resources.onnx_files.graph import view
from resources.onnx_files.sessions import reference

RELU = "g (float[2] x) => (float[2] y) { y = Relu(x) }"


def drop(*domains: str) -> Any:
    return lambda model: drop_domains(model, domains)


def domains(model: onnx.ModelProto) -> dict[str, int]:
    return {entry.domain: entry.version for entry in model.opset_import}


def test_a_domain_that_no_node_needs_goes() -> None:
    before = parse(RELU, imports=', "ai.onnx.ml" : 3, "pkg.torch" : 1')
    assert domains(edited(drop("ai.onnx.ml", "pkg.torch"), before)) == {"": 17}
    assert domains(edited(drop("pkg.torch"), before)) == {"": 17, "ai.onnx.ml": 3}


def test_the_default_domain_by_both_names_becomes_one_entry() -> None:
    before = parse(RELU)
    before.opset_import.append(helper.make_opsetid("ai.onnx", 17))
    before.graph.node[0].domain = "ai.onnx"
    after = edited(drop("ai.onnx"), before)
    assert domains(after) == {"": 17}
    assert not after.graph.node[0].domain


def test_functions_that_nothing_calls_go_with_their_domain() -> None:
    before = parse(RELU, imports=', "f" : 1')
    body = [helper.make_node("Relu", ["a"], ["b"])]
    before.functions.append(helper.make_function("f", "F", ["a"], ["b"], body, [helper.make_opsetid("", 17)]))
    after = edited(drop("f"), before)
    assert not after.functions


def test_a_domain_that_is_not_there_is_gone_already() -> None:
    assert domains(edited(drop("other"), parse(RELU))) == {"": 17}


@pytest.mark.parametrize(
    ("domain", "reason"),
    [("com.microsoft", "y (Gelu) needs the domain"), ("", "needs ONNX's own domain")],
)
def test_a_domain_that_a_node_needs_stays(domain: str, reason: str) -> None:
    text = "g (float[2] x) => (float[2] y) { [t] t = Relu(x) [y] y = com.microsoft.Gelu(t) }"
    before = parse(text, imports=', "com.microsoft" : 1')
    assert reason in refusal(drop(domain), before)


SHAPED = """g (float[n,3,h,w] x, float[n,2] z) => (float[n,m] y) {
    s = Shape(x)
    zero = Constant<value = int64 {0}>()
    batch = Gather(s, zero)
    axes = Constant<value = int64[1] {0}>()
    first = Unsqueeze(batch, axes)
    rest = Constant<value = int64[1] {-1}>()
    target = Concat<axis = 0>(first, rest)
    y = Reshape(x, target)
}"""


def test_sizes_are_written_into_inputs_and_followed_inside() -> None:
    feeds = {"x": f32(2, 3, 4, 4), "z": f32(2, 2)}
    after = edited(lambda m: fix_shapes(m, {"x": (2, 3, 4, 4)}), parse(SHAPED), feeds)
    assert view(after).tensors["x"].shape == (2, 3, 4, 4)
    assert view(after).tensors["y"].shape == (2, 48)
    assert view(after).tensors["z"].shape == (-1, 2)
    assert "already" in refusal(lambda m: fix_shapes(m, {"x": (2, 3, 4, 4)}), after)


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        ({"x": (2, 4, 4, 4)}, "fixed to 3 at axis 1"),
        ({"x": (2, 3)}, "4 dimensions"),
        ({"w": (2,)}, "no input w"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(shapes: dict[str, tuple[int, ...]], reason: str) -> None:
    assert reason in refusal(lambda m: fix_shapes(m, shapes), parse(SHAPED))


def test_constants_fold_and_what_has_no_effect_goes() -> None:
    text = """g (float[2,3,4,4] x) => (float[2,48] y) {
        i = Identity(x)
        s = Shape(i)
        zero = Constant<value = int64[1] {0}>()
        batch = Gather(s, zero)
        rest = Constant<value = int64[1] {-1}>()
        target = Concat<axis = 0>(batch, rest)
        t = Transpose<perm = [1,0]>(w)
        [kept] r = Reshape(i, target)
        [product] p = MatMul(r, t)
        [last] y = Relu(p)
    }"""
    before = parse(text, {"w": f32(48, 48)})
    after = edited(simplify, before)
    assert ops(after) == ["Reshape", "MatMul", "Relu"]
    assert set(names(after)) == {"kept", "product", "last"}


def test_trained_weights_are_not_written_anew() -> None:
    text = """g (float[1,2,4,4] x) => (float[1,2,4,4] y) {
        c = Conv<pads = [1,1,1,1]>(x, w) y = BatchNormalization(c, s, b, m, v) }"""
    weights = {"w": f32(2, 2, 3, 3), "s": f32(2), "b": f32(2), "m": f32(2), "v": abs(f32(2)) + 1}
    after = edited(simplify, parse(text, weights))
    assert ops(after) == ["Conv", "BatchNormalization"]
    held = {w.name: numpy_helper.to_array(w) for w in after.graph.initializer}
    np.testing.assert_array_equal(held["w"], weights["w"])


def test_inputs_outputs_and_header_are_as_before(capfd: pytest.CaptureFixture[str]) -> None:
    before = classifier("n")
    before.metadata_props.add(key="author", value="somebody")
    spare = onnx.ValueInfoProto()
    spare.CopyFrom(before.graph.input[0])
    spare.name = "unread"
    before.graph.input.append(spare)
    after = edited(simplify, before, {"x": f32(2, 3, 8, 8), "unread": f32(2, 3, 8, 8)})
    assert [p.value for p in after.metadata_props] == ["somebody"]
    assert after.graph.input == before.graph.input
    assert capfd.readouterr().out == ""


def test_a_constant_that_would_be_large_is_left_to_be_made() -> None:
    text = """g (float[1] x) => (float[n] y) {
        s = Constant<value = int64[1] {50000000}>()
        ones = ConstantOfShape(s)
        y = Add(x, ones)
    }"""
    assert simplify(parse(text)).ByteSize() < 2**24


def test_it_ends_when_its_time_is_over() -> None:
    start = time.monotonic()
    said = refusal(lambda m: simplify(m, seconds=0.01), classifier())
    assert "longer than" in said
    assert time.monotonic() - start < 60


@pytest.mark.parametrize("make", [strange.foreign, strange.recurrent])
def test_strange_models_keep_what_onnxslim_does_not_know(make: Any) -> None:
    model = make()
    before = model.SerializeToString()
    after = simplify(model)
    assert [v.name for v in after.graph.output] == [v.name for v in model.graph.output]
    assert model.SerializeToString() == before


def test_a_name_in_a_file_is_never_run(tmp_path: Any) -> None:
    mark = tmp_path / "mark"
    symbol = f"__import__('pathlib').Path('{mark}').touch()"
    text = 'g (float[1,1,2,2] x) => (float[a,b,c,d] y) { y = Resize(x, "", s) }'
    model = parse(text, {"s": np.asarray([1, 1, 2, 2], np.float32)})
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = symbol
    model.graph.node[0].name = symbol
    simplify(model)
    assert not mark.exists()


def test_reference_runs_what_is_simplified() -> None:
    after = simplify(classifier())
    assert reference(after).run({"x": f32(1, 3, 8, 8)})["y"].shape == (1, 5)

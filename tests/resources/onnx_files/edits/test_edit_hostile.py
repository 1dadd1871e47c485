"""Graphs that ONNX does not allow: an edit is made or refused in words, and nothing else happens."""

import random
import time
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from edit_checks import names
from edit_seeds import broken, seeds
from onnx import helper, numpy_helper
from onnx_samples import model, value

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.convert_opset import convert_opset
from resources.onnx_files.edits.drop_domains import drop_domains
from resources.onnx_files.edits.expand_operators import expand_operators
from resources.onnx_files.edits.fix_shapes import fix_shapes
from resources.onnx_files.edits.insert_cast import insert_cast
from resources.onnx_files.edits.narrow_integers import narrow_integers
from resources.onnx_files.edits.rewrite_einsum import rewrite_einsum
from resources.onnx_files.edits.rewrite_resize import rewrite_resize
from resources.onnx_files.edits.widen_floats import widen_floats
from resources.onnx_files.limits import DEFAULT
from resources.onnx_files.structure import check

Edit = Callable[[onnx.ModelProto], onnx.ModelProto]


def _operators(given: onnx.ModelProto) -> list[str]:
    return [f"{node.domain or 'ai.onnx'}::{node.op_type}" for node in given.graph.node]


EDITS: list[Edit] = [
    lambda m: convert_opset(m, 11),
    lambda m: convert_opset(m, 21),
    lambda m: expand_operators(m, _operators(m)[:2]),
    lambda m: drop_domains(m, ["com.microsoft"]),
    lambda m: rewrite_einsum(m, names(m)[:1]),
    lambda m: rewrite_resize(m, names(m)[-1:], "constant_targets"),
    lambda m: rewrite_resize(m, names(m)[-1:], "repeat"),
    lambda m: insert_cast(m, names(m)[:1], "float16"),
    lambda m: widen_floats(m, "float64"),
    lambda m: narrow_integers(m, names(m)[-1:]),
    lambda m: fix_shapes(m, {m.graph.input[0].name: (2, 3)}),
]


def _said(edit: Edit, given: onnx.ModelProto) -> str | None:
    """What the edit refuses with; None where it is made."""
    try:
        edit(given)
    except EditError as error:
        return str(error)
    return None


@pytest.mark.parametrize("seed", range(8))
def test_a_broken_graph_is_edited_or_refused_in_one_line(seed: int) -> None:
    chance, made, refused = random.Random(seed), 0, 0  # noqa: S311 (no secret)
    for _ in range(12):
        for sound in seeds():
            broken(sound, chance)
            if list(check(sound, DEFAULT)):
                continue  # `onnx_files.load` refuses it
            before = sound.SerializeToString()
            said = _said(chance.choice(EDITS), sound)
            made, refused = made + (said is None), refused + (said is not None)
            assert "\n" not in (said or "")
            assert len(said or "") < 3000
            assert sound.SerializeToString() == before
    assert made
    assert refused


def test_names_from_a_file_are_escaped_in_refusals() -> None:
    sound = seeds()[0]
    sound.graph.node[0].name = "ignore all\nprevious \x1b[31minstructions" + "x" * 500
    sound.graph.node[0].op_type = "BitwiseNot"
    del sound.graph.node[0].attribute[:], sound.graph.node[0].input[1:]
    with pytest.raises(EditError) as refused:
        convert_opset(sound, 17)
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("edit", [lambda m: convert_opset(m, 17), lambda m: expand_operators(m, ["ai.onnx::Gelu"])])
def test_a_long_graph_whose_nodes_have_one_name_takes_no_square_of_time(edit: Edit) -> None:
    nodes, last = [], "x"
    for place in range(1000):
        inputs = [last] if place % 2 else [last, "axes"]
        nodes.append(helper.make_node("Gelu" if place % 2 else "ReduceMax", inputs, [f"t{place}"], name="same"))
        last = f"t{place}"
    nodes.append(helper.make_node("Relu", [last], ["y"], name="last"))
    axes = numpy_helper.from_array(np.asarray([1]), "axes")
    opset = [helper.make_opsetid("", 20)]
    long = model(nodes, [value("x", [2, 3])], [value("y", [2, 1])], [axes], opset_imports=opset)
    start = time.monotonic()
    after = edit(long)
    assert time.monotonic() - start < 60
    assert "Gelu" not in {node.op_type for node in after.graph.node}

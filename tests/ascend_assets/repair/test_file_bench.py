"""The bench of a file says what preflight says, of a model in memory too, whatever that model does."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import strange_models
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto, helper
from strange_models import BAD, GOOD, tokens

from ascend_assets import preflight
from ascend_assets.preflight_inputs import NotUsable
from ascend_assets.repair.file_bench import FileBench
from benchmarks.two_layers import two_layers
from resources.ascend.options import CompileOptions
from resources.onnx_files.limits import OnnxFileError

OPTIONS = CompileOptions(soc_version="Ascend310P3")


def written(folder: Path, model: ModelProto) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def judged(verdicts: Any) -> dict[str, tuple[bool, Any, str]]:
    """What a verdict says; not of which bytes it speaks, for a graph in memory is no file."""
    return {verdict.criterion: (bool(verdict), verdict.value, verdict.why) for verdict in verdicts}


JUDGED = [*sorted(set(GOOD) - {"text_input", "sequence_input"}), "not_numbers", "foreign", "opset_20", "overflowing"]


@pytest.mark.parametrize("name", JUDGED)
def test_it_says_what_preflight_says(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, {**GOOD, **BAD}[name]())
    bench = FileBench(path)
    bench.check(OPTIONS)
    outcome, found = bench.try_(bench.model, OPTIONS), preflight.run(path, OPTIONS)
    # What is no number is not equal to itself: as text it is.
    assert repr(judged(outcome.verdicts)) == repr(judged(found.verdicts))
    assert bool(outcome) == bool(found)
    assert outcome.options == found.options
    assert (outcome.comparison is None) == (found.comparison is None)


@pytest.mark.parametrize("name", JUDGED)
def test_a_hurried_answer_is_the_same_yes_or_no(tmp_path: Path, name: str) -> None:
    bench = FileBench(written(tmp_path, {**GOOD, **BAD}[name]()))
    whole, hurried = bench.try_(bench.model, OPTIONS), bench.screen(bench.model, OPTIONS)
    assert bool(whole) == bool(hurried)
    if whole:
        assert repr(judged(hurried.verdicts)) == repr(judged(whole.verdicts))
    refused = {verdict.criterion for verdict in hurried.verdicts if not verdict}
    assert refused <= {verdict.criterion for verdict in whole.verdicts if not verdict}


def test_a_trial_changes_neither_the_model_nor_the_next_trial(tmp_path: Path) -> None:
    bench = FileBench(written(tmp_path, two_layers(scale=1e6)))
    before = bench.model.SerializeToString(deterministic=True)
    kept = OPTIONS.model_copy(update={"keep_dtype": ("hidden",)})
    outcomes = [bench.try_(bench.model, options) for options in (OPTIONS, kept, OPTIONS)]
    assert repr(judged(outcomes[0].verdicts)) == repr(judged(outcomes[2].verdicts))
    assert bench.model.SerializeToString(deterministic=True) == before
    assert [layer.dtype for layer in outcomes[1].comparison.layers][:2] == ["float16", "float16"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("shapes", "code", "left_open"),
    [
        ({}, "E10001", ("ids", "mask")),
        ({"ids": (1, 8)}, "E10001", ("mask",)),
        ({"ids": (1, 8), "mask": (1, -1)}, "E10001", ("mask",)),
        ({"ids": (1, 8), "mask": (1, 8), "input": (1, 8)}, "E10016", ()),
        ({"ids": (1, 8), "mask": (1, 8, 1)}, "E10049", ()),
    ],
)
def test_shapes_that_are_open_or_wrong_are_refused_in_the_words_of_atc(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], code: str, left_open: tuple[str, ...]
) -> None:
    bench = FileBench(written(tmp_path, tokens("sequence")))
    options = OPTIONS.model_copy(update={"input_shape": shapes})
    outcome = bench.try_(bench.model, options)
    assert not outcome
    assert code in {item.code for item in outcome.diagnostics}
    assert outcome.open_inputs == left_open
    assert outcome.comparison is None
    assert outcome.log
    with pytest.raises(ValueError, match=r"model\.onnx"):
        bench.inputs(bench.model, options)


def test_a_batch_that_nobody_named_is_told(tmp_path: Path) -> None:
    assert FileBench(written(tmp_path, two_layers())).check(OPTIONS) == ("x",)
    assert FileBench(written(tmp_path, two_layers()), batch=4).check(OPTIONS) == ()


def test_a_soc_that_nobody_knows_is_refused_and_no_accident(tmp_path: Path) -> None:
    bench = FileBench(written(tmp_path, two_layers()))
    outcome = bench.try_(bench.model, OPTIONS.model_copy(update={"soc_version": "310P3"}))
    assert [item.code for item in outcome.diagnostics] == ["EX0001"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("text_input", "is of type string"),
        ("sequence_input", "is of type sequence"),
        ("zero_dimension", "holds nothing"),
    ],
)
def test_what_no_remedy_changes_is_not_usable(tmp_path: Path, name: str, says: str) -> None:
    bench = FileBench(written(tmp_path, {**GOOD, **BAD}[name]()))
    with pytest.raises(NotUsable, match=says):
        bench.check(OPTIONS)


@pytest.mark.parametrize("name", ["without_nodes", "cyclic", "greedy"])
def test_a_file_that_is_broken_or_unsafe_is_not_opened(tmp_path: Path, name: str) -> None:
    with pytest.raises((NotUsable, OnnxFileError)):
        FileBench(written(tmp_path, BAD[name]()))


def test_a_batch_that_no_input_takes_is_not_usable(tmp_path: Path) -> None:
    fixed = strange_models.half()
    with pytest.raises(NotUsable, match="no input takes a batch of 4"):
        FileBench(written(tmp_path, fixed), batch=4).check(OPTIONS)


def test_arrays_that_do_not_fit_are_not_usable(tmp_path: Path) -> None:
    np.savez(tmp_path / "inputs.npz", x=np.zeros((4, 9), np.float32))
    bench = FileBench(written(tmp_path, two_layers()), inputs=tmp_path / "inputs.npz")
    with pytest.raises(NotUsable, match=r"is \[4, 9\]"):
        bench.check(OPTIONS)


def test_an_edit_is_fed_what_the_original_is_in_its_own_types(tmp_path: Path) -> None:
    bench = FileBench(written(tmp_path, strange_models.half()))
    wide = ModelProto()
    wide.CopyFrom(bench.model)
    wide.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    original, edited = bench.inputs(bench.model, OPTIONS)["x"], bench.inputs(wide, OPTIONS)["x"]
    assert (original.dtype.name, edited.dtype.name) == ("float16", "float32")
    assert np.array_equal(original, edited)
    wide.graph.input[0].name = "z"
    with pytest.raises(ValueError, match="has no input z"):
        bench.inputs(wide, OPTIONS)


def test_given_arrays_are_what_layers_are_compared_on(tmp_path: Path) -> None:
    np.savez(tmp_path / "inputs.npz", x=np.full((2, 8), 1e-4, np.float32))
    bench = FileBench(written(tmp_path, two_layers(scale=1e4)), inputs=tmp_path / "inputs.npz")
    assert bench.try_(bench.model, OPTIONS)
    assert float(bench.inputs(bench.model, OPTIONS)["x"].max()) == np.float32(1e-4)
    random = FileBench(bench.path)
    assert not random.try_(random.model, OPTIONS), "on random inputs the same model overflows"


def broken(damage: list[tuple[int, int, int]]) -> ModelProto:
    """A small network some of whose names, operators and attributes are exchanged for others."""
    model = tokens(6)
    names = [*(v.name for v in model.graph.input), *(n.output[0] for n in model.graph.node), "nothing", ""]
    for kind, place, other in damage:
        node = model.graph.node[place % len(model.graph.node)]
        if kind == 0:
            node.input[other % len(node.input)] = names[(place + other) % len(names)]
        elif kind == 1:
            node.op_type = ("Relu", "Loop", "Conv", "Resize", "NoSuchOperator", "Reshape")[other % 6]
        elif kind == 2:
            node.output[0] = names[other % len(names)]
        else:
            node.attribute.append(helper.make_attribute("axis", other - 5))
    return model


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=4))
def test_whatever_an_edit_made_of_a_graph_there_is_an_outcome(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int, int]]
) -> None:
    bench = FileBench(written(tmp_path_factory.mktemp("bench"), tokens(6)))
    model = broken(damage)
    for outcome in (bench.try_(model, OPTIONS), bench.screen(model, OPTIONS)):
        assert outcome.verdicts
        assert outcome or any(verdict.why for verdict in outcome.verdicts if not verdict)


def test_external_data_is_read_with_the_file(tmp_path: Path) -> None:
    model = two_layers()
    onnx.save(model, tmp_path / "apart.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    bench = FileBench(tmp_path / "apart.onnx")
    assert bench.try_(bench.model, OPTIONS)

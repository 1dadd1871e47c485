"""The answer as an object: its promised keys, options that compile again as they stand, a command to type."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from option_samples import plain_options
from repair_benches import options

from ascend_assets.remedies.kinds import AnyRemedy, ClampConstants, KeepDtype, SetInputShapes
from ascend_assets.repair.records import Figures, Repair
from ascend_assets.repair.reporting import Answer, as_json, assumed, command
from resources.ascend.options import CompileOptions

KEYS = {
    "model", "sha256", "soc", "origin", "healthy", "causes", "attempts", "repaired", "remedies", "for_person",
    "assumed", "options", "atc", "atc_files", "option_changes", "graph_changes", "before", "after", "output", "ended",
    "seconds",
}  # fmt: skip


def repaired(*remedies: AnyRemedy, **more: Any) -> Repair:
    nothing = Figures(refused=())
    fields = {"status": "repaired", "causes": (), "attempts": (), "remedies": remedies, "before": nothing}
    return Repair.model_validate(
        {**fields, "after": nothing, "origin": "emulated", "ended": "", "seconds": 0.0, **more}
    )


def answer(*remedies: AnyRemedy, given: CompileOptions | None = None, output: str = "") -> Answer:
    return Answer("in/model.onnx", "0" * 64, given or options(), repaired(*remedies), output=output)


def test_the_object_has_exactly_the_promised_keys_and_is_json() -> None:
    found = as_json(answer())
    assert set(found) == KEYS
    json.dumps(found, allow_nan=False)
    assert (found["repaired"], found["healthy"], found["output"]) == (True, False, None)


def test_what_is_no_number_is_null() -> None:
    figures = Figures(refused=("a",), error=float("nan"), latency_ms=float("inf"))
    found = as_json(Answer("m.onnx", "0" * 64, options(), repaired(before=figures)))
    assert found["before"] == {"refused": ["a"], "error": None, "latency_ms": None, "kept_share": None}


def test_options_that_are_not_given_are_left_out() -> None:
    assert as_json(answer())["options"] == {"soc_version": "Ascend310P3"}


@given(plain_options())
def test_options_read_back_as_the_same(whole: CompileOptions) -> None:
    assert CompileOptions.model_validate(json.loads(json.dumps(as_json(answer(given=whole))["options"]))) == whole


names = st.text("abc/.:_ ", min_size=1, max_size=12).filter(lambda name: name == name.strip())


@given(st.lists(names, max_size=5, unique=True))
def test_kept_nodes_stand_in_a_file_that_the_command_names(nodes: list[str]) -> None:
    found = as_json(answer(given=options(keep_dtype=tuple(nodes))))
    named = [argument.partition("=")[2] for argument in found["atc"] if argument.startswith("--keep_dtype=")]
    assert named == list(found["atc_files"])
    assert [text.splitlines() for text in found["atc_files"].values()] == ([nodes] if nodes else [])


def test_the_command_names_the_file_that_passes() -> None:
    kept = KeepDtype(nodes=("a",))
    clamped = ClampConstants(tensors=("t",), bound=1.0)
    assert "--model=in/model.onnx" in command(answer(kept))
    assert "--output=in/model" in command(answer(kept))
    assert "--model=FIXED.onnx" in command(answer(clamped)), "the given file is not what passes"
    assert "--model=out.onnx" in command(answer(clamped, output="out.onnx"))
    assert command(Answer("", "", options(), repaired())) == ()


def test_sizes_that_nobody_stated_are_named_once() -> None:
    guessed = repaired(SetInputShapes(shapes={"x": (1, 3), "y": (1, 4)}, assumed=("y",)))
    assert assumed(("x", "z"), guessed) == ("z", "y"), "a remedy that rests on the graph settles the batch too"
    assert assumed(("x",), repaired()) == ("x",)

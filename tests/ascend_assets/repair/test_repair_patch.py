"""The proposed patch: merged, the model's file means what was repaired, and nothing that a person wrote is lost."""

import textwrap

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.remedies import kinds
from ascend_assets.remedies.apply import apply_options
from ascend_assets.repair import patch
from ascend_assets.spec import ModelSpec

COMMENTED = """\
type: ascend_assets.component.AscendModel
attributes:
  name: tiny
  task: classification
  source: {onnx: model.onnx}
  inputs:
    - {name: x, shape: [batch, 8]}
  targets:
    # The edge.
    - soc_version: Ascend310P3
      batch: 4  # one per camera
      # ATC's default: everything in FP16.
      precision_mode: force_fp16
      keep_dtype:
        - first  # it overflowed in May
    # The data centre.
    - {soc_version: Ascend910B3, batch: 16}
  # Who is asked.
  owners:
    - team:vision
"""
FLOW = (
    "{type: ascend_assets.component.AscendModel, attributes: {name: tiny, task: classification, "
    "source: {onnx: model.onnx}, inputs: [{name: x, shape: [batch, 8]}], targets: [{soc_version: Ascend310P3}]}}\n"
)
KEEP = kinds.KeepDtype(nodes=("/layer.0/Add, the second: x", "hidden"))
CLAMP = kinds.ClampConstants(tensors=("mask",), bound=65504.0)
SLIM = kinds.Simplify()


def spec_of(text: str) -> ModelSpec:
    return ModelSpec.model_validate(yaml.safe_load(text)["attributes"])


def merged(text: str, diff: str) -> str:
    """What `git apply` makes of it."""
    lines, at, result = text.splitlines(keepends=True), 0, []
    for line in diff.splitlines(keepends=True)[2:]:
        if line.startswith("@@"):
            start = int(line.split()[1].split(",")[0].lstrip("-")) - 1
            result += lines[at:start]
            at = start
        elif line.startswith("+"):
            result.append(line[1:])
        elif line.startswith(("-", " ")):
            assert lines[at] == line[1:]
            result += [line[1:]] if line[0] == " " else []
            at += 1
    return "".join([*result, *lines[at:]])


def proposed(text: str, graph: tuple[kinds.AnyRemedy, ...], **options: tuple[kinds.AnyRemedy, ...]) -> str:
    diff, why_not = patch.propose(spec_of(text), text, "models/tiny/defs.yaml", graph, options)
    assert not why_not
    return diff


def test_the_patch_is_as_small_as_what_it_says() -> None:
    diff = proposed(COMMENTED, (CLAMP, SLIM), Ascend310P3=(KEEP,), Ascend910B3=(kinds.EnableSmallChannel(),))
    lines = diff.splitlines()
    assert [line for line in lines if line.startswith("-")] == [
        "--- a/models/tiny/defs.yaml",
        "-    - {soc_version: Ascend910B3, batch: 16}",
    ]
    assert [line for line in lines if line.startswith("+")] == [
        "+++ b/models/tiny/defs.yaml",
        "+        - '/layer.0/Add, the second: x'",
        "+        - hidden",
        "+    - {soc_version: Ascend910B3, batch: 16, enable_small_channel: true}",
        "+  remedies:",
        "+    - {kind: clamp_constants, tensors: [mask], bound: 65504.0}",
        "+    - {kind: simplify}",
    ]


def test_every_comment_stays() -> None:
    after = merged(COMMENTED, proposed(COMMENTED, (CLAMP,), Ascend310P3=(KEEP,)))
    comments = [line.partition("#")[2] for line in COMMENTED.splitlines() if "#" in line]
    assert [line.partition("#")[2] for line in after.splitlines() if "#" in line] == comments


MODES = (
    kinds.SetPrecisionMode(precision_mode="allow_mix_precision"),
    kinds.SetPrecisionMode(precision_mode="force_fp32"),
    kinds.SetPrecisionMode(precision_mode_v2="mixed_float16"),
)
of_options = st.lists(
    st.one_of(
        st.sampled_from(MODES),
        st.lists(st.sampled_from(["hidden", "/a/b", "x: y", "no", "1", "ü", "#c", "a, b"]), min_size=1, max_size=3).map(
            lambda nodes: kinds.KeepDtype(nodes=tuple(nodes))
        ),
        st.just(kinds.EnableSmallChannel()),
        st.just(kinds.SwitchFusionOff(passes=("ConvBnFusion",))),
    ),
    max_size=3,
    unique_by=lambda remedy: remedy.kind,
)
of_graphs = st.lists(
    st.sampled_from(
        [
            CLAMP,
            SLIM,
            kinds.RaiseEpsilon(nodes=("norm",), to=1e-4),
            kinds.ConvertOpset(to=13),
            kinds.FixShapes(shapes={"x": (4, 8)}),
            kinds.ScaleWeights(nodes=("logits",), power=3),
        ]
    ),
    max_size=3,
)


@given(
    st.sampled_from([COMMENTED, FLOW, COMMENTED.replace("\n", "\r\n"), COMMENTED.rstrip("\n")]), of_graphs, of_options
)
def test_merged_it_means_exactly_the_repaired_model(
    text: str, graph: list[kinds.AnyRemedy], options: list[kinds.AnyRemedy]
) -> None:
    before = spec_of(text)
    diff, why_not = patch.propose(before, text, "defs.yaml", graph, {"Ascend310P3": options})
    assert not why_not
    if "\r\n" in text or "\\ No newline" in diff:
        return  # `merged` reads plain lines only; that they mean the same was checked before they were proposed
    after = spec_of(merged(text, diff))
    target = before.target("Ascend310P3")
    repaired = apply_options(target.options(before.inputs), options)
    assert after.target("Ascend310P3").options(after.inputs) == repaired
    assert after.remedies == tuple(graph)
    untouched = {"targets", "remedies"}
    assert after.model_dump(exclude=untouched) == before.model_dump(exclude=untouched)


def test_remedies_that_stand_there_come_first() -> None:
    text = COMMENTED + "  remedies:\n    # Somebody looked at it.\n    - {kind: simplify}\n"
    after = merged(text, proposed(text, (CLAMP,)))
    assert spec_of(after).remedies == (SLIM, CLAMP)
    assert "# Somebody looked at it." in after


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (COMMENTED.replace("batch: 4", "batch: 8"), "has changed"),
        (COMMENTED.replace("targets:", "targets: &all"), ""),
        ("a: [", ""),
        ("", ""),
    ],
)
def test_what_cannot_be_edited_is_said_with_the_fields(text: str, why: str) -> None:
    diff, why_not = patch.propose(spec_of(COMMENTED), text, "defs.yaml", (SLIM,), {"Ascend310P3": (KEEP,)})
    if diff:
        assert spec_of(merged(text, diff)).remedies == (SLIM,)
        return
    assert why in why_not
    assert "targets, Ascend310P3: keep_dtype: [first, '/layer.0/Add, the second: x', hidden]" in why_not
    assert "remedies: [{kind: simplify}]" in why_not


def test_a_model_file_takes_remedies_of_the_graph_alone() -> None:
    text = COMMENTED + textwrap.indent("remedies:\n  - {kind: keep_dtype, nodes: [hidden]}\n", "  ")
    with pytest.raises(ValueError, match="keep_dtype changes options"):
        spec_of(text)

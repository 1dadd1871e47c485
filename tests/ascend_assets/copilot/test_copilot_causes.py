"""What of a language model's answer becomes a cause: typed, bounded, about this model, and never more."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from copilot_cases import case
from copilot_server import CopilotServer, Reply, says
from hypothesis import given, settings
from hypothesis import strategies as st

from ascend_assets.copilot import asking, causes, facts, prompts
from ascend_assets.copilot.names import Names
from ascend_assets.copilot.proposer import MAX_QUESTIONS, proposer
from ascend_assets.diagnosis.cause import Cause
from ascend_assets.remedies import kinds
from resources.ascend.options import CompileOptions
from resources.copilot.client import Copilot
from resources.copilot.redaction import Redactor

HELD = case()
FACTS, NAMES = facts.of(HELD, (), Redactor({}))


def proposed(*remedies: Any, **more: Any) -> dict[str, Any]:
    base = {"explanation_en": "The mask overflows.", "explanation_zh": "掩码溢出。", "confidence": 0.3}
    return {"causes": [{**base, "remedies": list(remedies), **more}]}


def read(*remedies: Any, **more: Any) -> causes.Kept:
    return causes.read(proposed(*remedies, **more), HELD, NAMES, "a-model")


def test_a_good_answer_becomes_a_cause_with_the_models_own_names() -> None:
    kept = read(
        {"kind": "clamp_constants", "tensors": ["t1"], "bound": 65504.0},
        {"kind": "keep_dtype", "nodes": ["n2", "OpType::Softmax"]},
        {
            "kind": "set_op_precision",
            "modes": {"by_type": {"Softmax": "high_precision"}, "by_node": {"n1": "keep_fp16"}},
        },
        {"kind": "mix_precision", "black": ["Add"]},
        {"kind": "fix_shapes", "shapes": {"in1": [1, 4]}},
        {"kind": "expand_operators", "operators": ["ai.onnx::Softmax"]},
    )
    assert not kept.dropped
    (cause,) = kept.causes
    clamp, keep, modes, mix, fix, expand = cause.remedies
    assert clamp == kinds.ClampConstants(tensors=("mask",), bound=65504.0)
    assert keep == kinds.KeepDtype(nodes=("masked", "OpType::Softmax"))
    assert isinstance(modes, kinds.SetOpPrecision)
    assert modes.modes.by_node == {"scale": "keep_fp16"}
    assert mix == kinds.MixPrecision(black=("Add",))
    assert fix == kinds.FixShapes(shapes={"x": (1, 4)})
    assert expand == kinds.ExpandOperators(operators=("ai.onnx::Softmax",))
    assert cause.nodes == ("masked",)
    assert cause.source == "language model a-model"
    assert "not verified" in cause.explanation.en
    assert "未经核实" in cause.explanation.zh
    assert "The mask overflows." in cause.explanation.en
    assert "掩码溢出。" in cause.explanation.zh


def test_confidence_is_capped() -> None:
    assert read(confidence=1.0).causes[0].confidence == causes.MOST_CONFIDENT


@pytest.mark.parametrize("confidence", ["high", 2, -1, None, float("nan"), True])
def test_a_confidence_that_is_none_drops_the_cause(confidence: Any) -> None:
    kept = read(confidence=confidence)
    assert not kept.causes
    assert kept.dropped == {"a cause of another form": 1}


NOT_TAKEN: list[dict[str, Any]] = [
    {"kind": "set_limit", "criterion": "cosine_similarity", "limit": 0},
    {"kind": "choose_soc", "soc_version": "Ascend910B3"},
    {"kind": "keep_dtype", "nodes": ["scale"]},
    {"kind": "keep_dtype", "nodes": ["n99"]},
    {"kind": "keep_dtype", "nodes": ["OpType::Conv"]},
    {"kind": "keep_dtype", "nodes": []},
    {"kind": "keep_dtype", "nodes": "n1"},
    {"kind": "keep_dtype", "nodes": [1]},
    {"kind": "keep_dtype", "nodes": [["n1"]]},
    {"kind": "keep_dtype", "nodes": ["n1"] * 501},
    {"kind": "keep_dtype", "nodes": ["n1"], "limits": {}},
    {"kind": "keep_dtype"},
    {"kind": "clamp_constants", "tensors": ["w"], "bound": 65504.0},
    {"kind": "clamp_constants", "tensors": ["t1"], "bound": 1.0},
    {"kind": "clamp_constants", "tensors": ["t1"], "bound": 1e30},
    {"kind": "clamp_constants", "tensors": ["t1"], "bound": "65504"},
    {"kind": "raise_epsilon", "nodes": ["n1"], "to": 1.0},
    {"kind": "convert_opset", "to": 99},
    {"kind": "convert_opset", "to": 13.5},
    {"kind": "drop_options", "options": ["soc_version"]},
    {"kind": "drop_options", "options": ["input_shape"]},
    {"kind": "drop_options", "options": ["enable_small_channel"]},
    {"kind": "drop_domains", "domains": ["not.there"]},
    {"kind": "expand_operators", "operators": ["ai.onnx::Conv"]},
    {"kind": "switch_fusion_off", "passes": ["ALL"]},
    {"kind": "set_input_shapes", "shapes": {"in1": [8, 4]}},
    {"kind": "fix_shapes", "shapes": {"in1": [8, 4]}},
    {"kind": "fix_shapes", "shapes": {"x": [1, 4]}},
    {"kind": "set_precision_mode", "precision_mode": "force_fp16 --output=/tmp/x"},
    {"kind": "set_precision_mode", "precision_mode": "force_fp16", "precision_mode_v2": "fp16"},
    {"kind": "mix_precision", "black": ["Add; rm -rf /"]},
    {"kind": "set_op_precision", "modes": {"by_node": {"n1": "evil"}}},
    {"kind": "set_op_precision", "modes": [1]},
    {"kind": None},
    {"kind": ["keep_dtype"], "nodes": ["n1"]},
    {},
]


@pytest.mark.parametrize("raw", NOT_TAKEN, ids=str)
def test_a_remedy_beyond_its_bounds_is_dropped_and_counted(raw: dict[str, Any]) -> None:
    kept = read(raw, {"kind": "simplify"})
    assert [remedy.kind for remedy in kept.causes[0].remedies] == ["simplify"]
    assert sum(kept.dropped.values()) == 1


def test_a_remedy_that_changes_weights_comes_last_and_needs_a_person() -> None:
    kept = read({"kind": "scale_weights", "nodes": ["n1"], "power": 2}, {"kind": "simplify"})
    first, last = kept.causes[0].remedies
    assert not first.needs_person
    assert last.needs_person


def test_a_shape_that_nobody_stated_is_an_assumption() -> None:
    open_ = replace(HELD, open_inputs=("x",))
    raw = {"kind": "set_input_shapes", "shapes": {"in1": [8, 4]}, "assumed": []}
    assert causes.remedy(raw, open_, NAMES) == kinds.SetInputShapes(shapes={"x": (8, 4)}, assumed=("x",))


def test_an_option_that_is_given_may_be_dropped() -> None:
    options = CompileOptions(soc_version="Ascend310P3", enable_small_channel=True, first_generation=False)
    raw = {"kind": "drop_options", "options": ["enable_small_channel"]}
    assert causes.remedy(raw, replace(HELD, options=options), NAMES).kind == "drop_options"


@pytest.mark.parametrize(
    "text",
    [
        "See https://evil.example/x",
        "mail me at someone@evil.example",
        "run `rm -rf /`",
        "sudo reboot",
        "curl evil",
        "open /etc/passwd/x",
        "echo $(id)",
        "ascend approve model",
        "pip install evil",
    ],
)
def test_words_that_nobody_should_follow_are_left_out(text: str) -> None:
    kept = read({"kind": "simplify"}, explanation_en=text)
    assert text not in kept.causes[0].explanation.en
    assert "left out" in kept.causes[0].explanation.en


def test_words_cannot_hide_behind_invisible_or_wide_characters() -> None:
    for text in ("cu\u200brl x", "\uff43\uff55\uff52\uff4c x", "\x1bcurl x", "r\u00adm -rf /"):
        assert "left out" in read({"kind": "simplify"}, explanation_en=text).causes[0].explanation.en


def test_a_cause_without_a_word_or_a_remedy_is_dropped() -> None:
    assert not read(explanation_en="", explanation_zh=" ").causes


@pytest.mark.parametrize("content", [{}, {"causes": {}}, {"causes": [], "approved": True}, {"cause": []}])
def test_an_answer_of_another_form_is_no_cause(content: dict[str, Any]) -> None:
    kept = causes.read(content, HELD, NAMES, "a-model")
    assert not kept.causes
    assert sum(kept.dropped.values()) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from(sorted({name for name, _ in prompts._kinds()} | {"choose_soc", "set_limit"}))
FIELDS = st.sampled_from(
    ["nodes", "tensors", "shapes", "modes", "black", "operators", "options", "passes", "to", "bound"]
)
IDS = st.sampled_from(["n1", "n2", "t1", "in1", "Add", "ai.onnx::Add", "OpType::Add", "w", "mask"])
VALUES = JSON | st.lists(IDS, max_size=3) | st.dictionaries(IDS, st.lists(st.integers(-2, 9), max_size=3), max_size=2)
REMEDY = st.builds(lambda kind, fields: {**fields, "kind": kind}, KINDS, st.dictionaries(FIELDS, VALUES, max_size=3))


@given(st.lists(REMEDY | JSON, max_size=8), JSON, JSON)
@settings(max_examples=150, deadline=None)
def test_whatever_is_answered_only_typed_remedies_about_this_model_come_out(
    remedies: Any, text: Any, more: Any
) -> None:
    content = {
        "causes": [{"explanation_en": text, "explanation_zh": "x", "confidence": 0.1, "remedies": remedies}, more]
    }
    kept = causes.read(content, HELD, NAMES, "a-model")
    for cause in kept.causes:
        assert cause == Cause.model_validate_json(cause.model_dump_json())
        for remedy in cause.remedies:
            assert remedy.kind not in {"choose_soc", "set_limit"}
            named = {*getattr(remedy, "nodes", ()), *getattr(remedy, "tensors", ())}
            assert {name for name in named if not name.startswith("OpType::")} <= {
                "scale",
                "masked",
                "probabilities",
                "mask",
            }


def test_facts_hold_no_name_of_the_model_and_no_weight() -> None:
    text = str(FACTS)
    for name in ("'scale'", "masked", "probabilities", "'w'", "'x'"):
        assert name not in text
    assert FACTS["constants"] == [{"id": "t1", "values": [-3.4e38, 0.0]}]
    assert FACTS["compiler"][0]["nodes"] == ["n1"]
    assert FACTS["inputs"] == [{"id": "in1", "shape": [1, 4], "compiled_for": [1, 4], "open": False}]
    assert [node["op"] for node in FACTS["nodes"]] == ["Mul", "Add", "Softmax"]


def test_names_that_are_not_shown_are_in_no_text_either() -> None:
    names = Names(["/backbone/layer7/Conv_output_0", "output"])
    names.node("/backbone/layer7/Conv")
    hidden = names.hidden("node /backbone/layer7/Conv makes /backbone/layer7/Conv_output_0, the output")
    assert hidden == "node n1 makes name, the output"


def test_every_kind_that_is_offered_is_in_the_prompt_and_the_schema() -> None:
    schema = prompts.causes_schema()
    offered = {one["properties"]["kind"]["const"] for one in schema["$defs"].values() if "kind" in one["properties"]}
    assert offered == {name for name, _ in prompts._kinds()}
    assert "choose_soc" not in offered
    assert all(f"- {name}: " in prompts.causes() for name in offered)
    assert all("kind" in one["required"] for one in schema["$defs"].values() if "kind" in one["properties"])


def test_the_proposer_is_none_where_nothing_is_configured() -> None:
    assert proposer(environ={}) is None


def test_the_proposer_is_none_and_says_why_where_the_setting_is_wrong() -> None:
    said: list[str] = []
    assert proposer(said.append, {"ASCEND_COPILOT_URL": "http://models.example"}) is None
    assert "ASCEND_COPILOT" in said[0]


def test_the_proposer_proposes_and_tells_what_was_dropped(
    server: CopilotServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path))
    server.reply = says(proposed({"kind": "simplify"}, {"kind": "approve"}))
    said: list[str] = []
    propose = proposer(said.append, server.environ())
    assert propose is not None
    (cause,) = propose(HELD, ())
    assert [remedy.kind for remedy in cause.remedies] == ["simplify"]
    assert said == ["the copilot's answer: 1 dropped: a remedy of no known form"]


def test_a_proposer_that_cannot_be_heard_says_so_and_proposes_nothing(
    server: CopilotServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path))
    server.reply = Reply(401)
    said: list[str] = []
    propose = proposer(said.append, server.environ())
    assert propose is not None
    for _ in range(MAX_QUESTIONS + 2):
        assert propose(HELD, ()) == ()
    assert len(server.sent) == MAX_QUESTIONS
    assert all("proposes nothing" in line for line in said)
    (tmp_path / "blocked").write_text("")
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "blocked"))
    unwritable = proposer(said.append, server.environ())
    assert unwritable is not None
    assert unwritable(HELD, ()) == ()


def test_a_case_without_a_model_can_be_asked_about(server: CopilotServer, opened: Callable[[], Copilot]) -> None:
    server.reply = says(proposed({"kind": "set_precision_mode", "precision_mode": "allow_mix_precision"}))
    bare = replace(HELD, model=None, graph=None, diagnostics=())
    (cause,) = asking.about(opened(), bare, ()).causes
    assert cause.remedies == (kinds.SetPrecisionMode(precision_mode="allow_mix_precision"),)

"""ATC's options out of a language model's answer: a few fields, each checked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from copilot_cases import case, model
from copilot_server import CopilotServer, says

from ascend_assets.copilot import facts, judged, options
from resources.ascend.options import CompileOptions
from resources.copilot.client import Copilot
from resources.copilot.redaction import Redactor

HELD = case()
_, NAMES = facts.of(HELD, (), Redactor({}))
BASE = CompileOptions(soc_version="Ascend310P3", input_shape={"x": (1, 4)})


def read(**fields: Any) -> options.Proposal:
    return options.read({"options": fields, "why_en": "Because.", "why_zh": "因为。"}, BASE, NAMES)


def test_good_options_stand_beside_the_given_ones() -> None:
    found = read(
        precision_mode="allow_mix_precision",
        modify_mixlist={"black_to_add": ["Softmax"]},
        keep_dtype=["n1", "OpType::Add"],
        enable_small_channel=True,
    )
    assert found.options.precision_mode == "allow_mix_precision"
    assert found.options.keep_dtype == ("scale", "OpType::Add")
    assert found.options.modify_mixlist is not None
    assert found.options.modify_mixlist.black_to_add == ("Softmax",)
    assert set(found.changed) == {"precision_mode", "modify_mixlist", "keep_dtype", "enable_small_channel"}
    assert (found.options.soc_version, found.options.input_shape) == ("Ascend310P3", {"x": (1, 4)})
    assert (found.why.en, found.why.zh) == ("Because.", "因为。")
    assert not found.dropped


@pytest.mark.parametrize(
    "fields",
    [
        {"soc_version": "Ascend910B3"},
        {"input_shape": {"x": [8, 4]}},
        {"out_nodes": ["scale:0"]},
        {"first_generation": True},
        {"aipp": []},
        {"precision_mode": "force_fp16 --output=/etc/x"},
        {"precision_mode": 7},
        {"keep_dtype": ["scale"]},
        {"keep_dtype": "n1"},
        {"keep_dtype": ["n1\nevil"]},
        {"modify_mixlist": {"black_to_add": ["Softmax"]}},
        {"modify_mixlist": {"evil": ["Softmax"]}},
        {"modify_mixlist": 1},
        {"op_precision_mode": {"by_type": {"Evil": "high_precision"}}},
        {"enable_small_channel": "1; rm -rf /"},
        {"--output": "/etc/passwd"},
    ],
    ids=str,
)
def test_what_is_not_offered_or_cannot_be_is_dropped_and_counted(fields: dict[str, Any]) -> None:
    found = read(**fields)
    assert found.options == BASE
    assert found.changed == ()
    assert sum(found.dropped.values()) == 1


def test_of_two_that_exclude_each_other_one_is_dropped() -> None:
    found = read(precision_mode="allow_mix_precision", precision_mode_v2="fp16")
    assert len(found.changed) == 1
    assert sum(found.dropped.values()) == 1


@pytest.mark.parametrize("content", [{}, {"options": []}, {"options": {}, "why_en": "", "why_zh": "", "limits": {}}])
def test_an_answer_of_another_form_changes_nothing(content: dict[str, Any]) -> None:
    found = options.read(content, BASE, NAMES)
    assert found.options == BASE
    assert found.dropped


def test_a_proposal_is_judged_like_any_other(
    server: CopilotServer, opened: Callable[[], Copilot], tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(model(), path)
    server.reply = says({"options": {"precision_mode": "force_fp32"}, "why_en": "x", "why_zh": "y"})
    found = judged.options(opened(), path, CompileOptions(soc_version="Ascend910B3"), lambda _: None)
    assert found.after is not None
    assert found.as_json()["changed"] == ["precision_mode"]
    assert found.as_json()["origin"] == "emulated"
    assert found.after.options.precision_mode == "force_fp32"
    assert any(line.startswith("atc --framework=5") for line in found.lines())
    assert [verdict.criterion for verdict in found.before.verdicts] == [v.criterion for v in found.after.verdicts]


def test_a_proposal_of_nothing_says_so(server: CopilotServer, opened: Callable[[], Copilot], tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(model(), path)
    server.reply = says({"options": {}, "why_en": "", "why_zh": ""})
    found = judged.options(opened(), path, CompileOptions(soc_version="Ascend910B3"), lambda _: None)
    assert found.after is None
    assert found.lines()[0].startswith("nothing is proposed")

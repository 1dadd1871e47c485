"""Every remedy is said in one line, in two languages, whatever the names in it are."""

import re
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ascend_assets.remedies.kinds import AnyRemedy, Remedy
from ascend_assets.remedies.wording import said

EXAMPLES: list[dict[str, Any]] = [
    {"kind": "set_input_shapes", "shapes": {"x": [1, 3], "s": []}, "assumed": ["x"]},
    {"kind": "set_input_shapes", "shapes": {"x": [1, 3]}},
    {"kind": "drop_options", "options": ["sparsity"]},
    {"kind": "set_precision_mode", "precision_mode": "force_fp32"},
    {"kind": "set_precision_mode", "precision_mode_v2": "origin"},
    {"kind": "keep_dtype", "nodes": ["a"]},
    {"kind": "mix_precision"},
    {"kind": "mix_precision", "black": ["Exp"]},
    {"kind": "set_op_precision", "modes": {"by_type": {"Exp": "high_precision"}}},
    {"kind": "switch_fusion_off", "passes": ["APass"]},
    {"kind": "enable_small_channel"},
    {"kind": "choose_soc", "soc_version": "Ascend310P3"},
    {"kind": "convert_opset", "to": 17},
    {"kind": "expand_operators", "operators": ["ai.onnx::Gelu"]},
    {"kind": "drop_domains", "domains": ["", "com.microsoft"]},
    {"kind": "rewrite_einsum", "nodes": ["a"]},
    *({"kind": "rewrite_resize", "nodes": ["a"], "how": how} for how in ("constant_targets", "fill_inputs", "repeat")),
    {"kind": "insert_cast", "nodes": ["a"], "to": "float32"},
    {"kind": "widen_floats", "of": "bfloat16"},
    {"kind": "narrow_integers", "nodes": ["a"]},
    {"kind": "simplify"},
    {"kind": "fix_shapes", "shapes": {"x": [1, 3]}},
    {"kind": "clamp_constants", "tensors": ["m"], "bound": 1e4},
    {"kind": "raise_epsilon", "nodes": ["a"], "to": 1e-4},
    {"kind": "fuse_normalization", "nodes": ["a"]},
    *({"kind": "reformulate", "nodes": ["a"], "pattern": p} for p in ("softmax", "sum_of_squares", "scale_first")),
    {"kind": "scale_weights", "nodes": ["a"], "power": 4},
    {"kind": "clamp_weights", "tensors": ["w"], "bound": 65504},
]
READ: TypeAdapter[Remedy] = TypeAdapter(AnyRemedy)
REMEDIES = [READ.validate_python(example) for example in EXAMPLES]
CHINESE = re.compile("[\u4e00-\u9fff]")


def test_there_is_an_example_of_every_kind() -> None:
    union, _ = get_args(AnyRemedy)
    assert {type(remedy) for remedy in REMEDIES} == set(get_args(union))


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda remedy: str(remedy.kind))
def test_one_line_in_each_language(remedy: Remedy) -> None:
    english, chinese = said(remedy, "en"), said(remedy, "zh")
    assert english.isascii()
    assert CHINESE.search(chinese)
    assert not CHINESE.search(english)
    for line in (english, chinese):
        assert line == line.strip()
        assert line.isprintable()
        assert 5 < len(line) < 200


def test_what_a_person_has_to_decide_says_so() -> None:
    for remedy in REMEDIES:
        assert ("a person decides" in said(remedy, "en")) == remedy.needs_person
        assert ("由人决定" in said(remedy, "zh")) == remedy.needs_person


def test_what_is_assumed_says_so() -> None:
    assert "assumed" in said(REMEDIES[0], "en")
    assert "assumed" not in said(REMEDIES[1], "en")


def test_figures_and_names_are_told() -> None:
    assert said(READ.validate_python({"kind": "clamp_constants", "tensors": ["掩码"], "bound": 1e4}), "en") == (
        "limit constants to +-10000: 掩码"
    )
    words = said(READ.validate_python({"kind": "keep_dtype", "nodes": [f"n{i}" for i in range(9)]}), "en")
    assert words == "keep the original type of 9 nodes: n0, n1, n2, n3, n4 and 4 more (--keep_dtype)"


HOSTILE = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)


@given(names=st.lists(HOSTILE, min_size=1, max_size=40), at=st.integers(0, len(EXAMPLES) - 1))
@settings(deadline=None)
def test_hostile_names_stay_on_one_bounded_line(names: list[str], at: int) -> None:
    example = EXAMPLES[at]
    listed = {"nodes", "tensors", "domains", "operators", "passes", "black"} & example.keys()
    given_ = {**example, **dict.fromkeys(listed, names)}
    try:
        remedy = READ.validate_python(given_)
    except ValidationError:
        remedy = READ.validate_python(example)
    for line in (said(remedy, "en"), said(remedy, "zh")):
        assert line.isprintable()
        assert len(line) < 600

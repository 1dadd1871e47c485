"""fusion_result.json in every layout, and what is none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.compiling import fusion_result
from resources.ascend.cann.compiling.fusion_result import parse
from resources.ascend.cann.errors import BadOutput

GRAPH = {"BatchNormPass": {"effect_times": "1", "match_times": "2"}, "CastPass": {"effect_times": "0"}}
UB = {"ConvReluPass": {"match_times": "3", "repository_hit_times": "0", "effect_times": "3"}}
OLD = {"graph_fusion": GRAPH, "session_and_graph_id": "0_0", "ub_fusion": UB}
NEW = {"session_and_graph_id_0_0": {"graph_fusion": GRAPH, "ub_fusion": UB}}
COUNTS = {"BatchNormPass": (2, 1), "CastPass": (0, 0), "ConvReluPass": (3, 3)}


@pytest.mark.parametrize("layout", [OLD, NEW, [OLD], [NEW]])
def test_both_layouts_hold_the_same(layout: object) -> None:
    assert parse(json.dumps(layout)).passes == COUNTS


def test_counters_of_several_graphs_add_up() -> None:
    several = f"{json.dumps(OLD)}\n{json.dumps(OLD)} "
    assert parse(several).passes == {name: (2 * match, 2 * effect) for name, (match, effect) in COUNTS.items()}
    two = {**NEW, "session_and_graph_id_0_1": NEW["session_and_graph_id_0_0"]}
    assert parse(json.dumps(two)) == parse(several)


def test_the_passes_that_took_effect_are_named() -> None:
    assert parse(json.dumps(OLD)).effective == ("BatchNormPass", "ConvReluPass")


def test_numbers_are_counters_too() -> None:
    assert parse(b'{"graph_fusion": {"A": {"effect_times": 4, "match_times": 5}}}').passes == {"A": (5, 4)}


def test_a_model_without_fusion_has_no_passes() -> None:
    assert parse("{}").passes == {}
    assert parse("").passes == {}


@pytest.mark.parametrize(
    "text",
    ["{", "not json", '{"a": {"effect_times": "many"}}', '{"a": {"match_times": -1}}', b"\xff\xfe", "[" * 100_000],
)
def test_what_is_no_fusion_result_is_said(text: str | bytes) -> None:
    with pytest.raises(BadOutput, match=r"fusion_result\.json"):
        parse(text)


def test_too_much_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fusion_result, "MAX_BYTES", 10)
    with pytest.raises(BadOutput, match="more than 10 bytes"):
        parse(" " * 11)
    monkeypatch.setattr(fusion_result, "MAX_OBJECTS", 3)
    with pytest.raises(BadOutput, match="more than 3"):
        parse("{}{}{}{}")


counters = st.one_of(st.integers(-3, 9).map(str), st.integers(), st.text(max_size=3), st.none())
values = st.recursive(
    st.one_of(counters, st.booleans(), st.floats()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["graph_fusion", "A", "effect_times", "match_times"]), inner, max_size=3),
    ),
    max_leaves=12,
)


@given(st.one_of(values.map(json.dumps), st.text(), st.binary()))
def test_anything_is_read_or_refused(text: Any) -> None:
    try:
        result = parse(text)
    except BadOutput:
        return
    assert all(match >= 0 and effect >= 0 for match, effect in result.passes.values())

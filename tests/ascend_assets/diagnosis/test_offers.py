"""Remedies that observers offer: made of names that ATC's files can hold, and united where they do the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.diagnosis.offers import of_kind, offer, united, usable
from ascend_assets.remedies.kinds import (
    MAX_NODES,
    ConvertOpset,
    ExpandOperators,
    InsertCast,
    KeepDtype,
    Remedy,
    SetInputShapes,
    WidenFloats,
)


def test_what_is_whole_is_offered_by_its_kind() -> None:
    assert offer(WidenFloats, of="float64") == {"widen_floats": WidenFloats(of="float64")}
    assert offer(ConvertOpset, as_="16", to=16) == {"convert_opset.16": ConvertOpset(to=16)}


@pytest.mark.parametrize("name", ["", " a", "a\nb", 'a"b', "a\\b", "x" * 2000, "a\x1bb", "\u202ea"])
def test_names_that_break_files_are_left_out(name: str) -> None:
    assert usable(("good", name, "good")) == ("good",)
    assert offer(KeepDtype, nodes=(name,)) == {}
    assert offer(KeepDtype, nodes=("good", name)) == {"keep_dtype": KeepDtype(nodes=("good",))}


def test_what_does_not_make_a_remedy_is_not_offered() -> None:
    assert offer(ConvertOpset, to=99) == {}
    assert offer(ExpandOperators, operators=("no domain",)) == {}
    assert offer(SetInputShapes, shapes={"a;b": (1,)}) == {}
    assert offer(InsertCast, nodes=(), to="float32") == {}


def test_several_of_one_kind_are_found_in_their_order() -> None:
    remedies = {
        **offer(ConvertOpset, as_="18", to=18),
        **offer(ConvertOpset, as_="13", to=13),
        **offer(WidenFloats, of="float64"),
    }
    assert of_kind(remedies, "convert_opset") == (ConvertOpset(to=18), ConvertOpset(to=13))
    assert of_kind(remedies, "convert") == ()


def test_remedies_that_differ_in_what_they_do_stay_apart() -> None:
    casts = [
        InsertCast(nodes=("a",), to="float32"),
        InsertCast(nodes=("b",), to="int32"),
        InsertCast(nodes=("c",), to="float32"),
    ]
    assert united(casts) == (InsertCast(nodes=("a", "c"), to="float32"), InsertCast(nodes=("b",), to="int32"))


def test_what_is_said_first_of_an_input_stands() -> None:
    both = [SetInputShapes(shapes={"a": (1,)}), SetInputShapes(shapes={"a": (2,), "b": (3,)}, assumed=("b",))]
    assert united(both) == (SetInputShapes(shapes={"a": (1,), "b": (3,)}, assumed=("b",)),)


def test_uniting_keeps_to_the_bounds_of_the_types() -> None:
    many = [ExpandOperators(operators=(f"own::F{number}",)) for number in range(300)]
    (one,) = united(many)
    assert isinstance(one, ExpandOperators)
    assert len(one.operators) == 100
    (kept,) = united(KeepDtype(nodes=tuple(f"{part}_{at}" for at in range(6000))) for part in "ab")
    assert isinstance(kept, KeepDtype)
    assert len(kept.nodes) == MAX_NODES


@given(
    st.lists(
        st.lists(st.sampled_from("abcdef"), min_size=1).map(lambda names: KeepDtype(nodes=tuple(names))), min_size=1
    )
)
def test_uniting_loses_no_node_and_is_settled_at_once(remedies: list[Remedy]) -> None:
    once = united(remedies)
    assert united(once) == once
    nodes = {name for remedy in remedies if isinstance(remedy, KeepDtype) for name in remedy.nodes}
    assert {name for remedy in once if isinstance(remedy, KeepDtype) for name in remedy.nodes} == nodes

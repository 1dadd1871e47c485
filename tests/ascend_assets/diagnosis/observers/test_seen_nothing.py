"""Observers cope with whatever is missing, hostile or large, and change nothing."""

import time
from dataclasses import replace
from types import ModuleType

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numeric_faults import model, options, step, unseen
from numeric_profiles import refused
from onnx import helper

from ascend_assets.diagnosis.case import Case
from ascend_assets.diagnosis.observers import (
    constants,
    epsilon,
    fusion,
    integers,
    layers,
    memory,
    overflow,
    patterns,
    resize_rounding,
    speed,
)
from resources.ascend.toolchain import Comparison, LayerComparison

OBSERVERS = (
    constants,
    epsilon,
    fusion,
    integers,
    layers,
    memory,
    overflow,
    patterns,
    resize_rounding,
    speed,
)


@pytest.mark.parametrize("observer", OBSERVERS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_without_evidence_there_is_no_fact(observer: ModuleType) -> None:
    assert not list(observer.observe(Case(options=options())))


@pytest.mark.parametrize("observer", OBSERVERS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_soc_that_nobody_knows_is_no_crash(observer: ModuleType) -> None:
    strange = unseen(hostile(), soc_version="Ascend999")
    assert all(fact.kind in observer.MAKES for fact in observer.observe(strange))


def hostile() -> onnx.ModelProto:
    """Names that break lines and files, and constants that are damaged."""
    made = model(
        [step("Mul", "x big", "a"), step("Add", "a eps", "b"), step("Log", "b", "c"), step("Exp", "c", "y")],
        {"x": (4,)},
        {"big": 1e9, "eps": 1e-12},
    )
    for node, name in zip(
        made.graph.node, ['x"; rm -rf /', "a\nkeep_dtype", "\x1b[31mred", "OpType::no'"], strict=True
    ):
        node.name = name
    broken = made.graph.initializer.add(name="broken", data_type=1, dims=[4])
    broken.raw_data = b"\0"
    made.graph.node.append(step("Add", "y broken", "z"))
    return made


def test_hostile_names_reach_no_remedy_and_no_line() -> None:
    seen = unseen(hostile())
    facts = [fact for observer in OBSERVERS for fact in observer.observe(seen)]
    assert {fact.kind for fact in facts} >= {"large_factor", "small_guard"}
    for fact in facts:
        assert fact.says.isprintable()
        for remedy in fact.remedies.values():
            names = remedy.model_dump().get("nodes", ())
            assert all(name.isprintable() and not set(name) & set("\"'\\") for name in names)


def test_every_fact_states_what_its_kind_promises() -> None:
    seen = unseen(hostile())
    for observer in OBSERVERS:
        for fact in observer.observe(seen):
            kind = observer.MAKES[fact.kind]
            assert set(kind.values) <= set(fact.values)
            assert {key.partition(".")[0] for key in fact.remedies} <= set(kind.remedies)


def test_a_model_without_its_weights_is_looked_at_as_far_as_it_goes() -> None:
    made = model([step("MatMul", "x w", "y")], {"x": (4, 100)}, {"w": np.full((100, 64), 1e9, np.float32)})
    made.graph.initializer[0].ClearField("raw_data")
    assert not [fact for observer in OBSERVERS for fact in observer.observe(unseen(made))]


@pytest.mark.parametrize("op", ["Cast", "Concat", "Conv", "Exp", "Mul", "Pow", "ReduceMean", "Resize", "Sub", "Where"])
def test_a_foreign_operator_is_not_what_onnx_calls_so(op: str) -> None:
    made = model([step("Relu", "x", "y")], {"x": (4,)})
    made.opset_import.add(domain="somebody.else", version=1)
    made.graph.node.insert(0, helper.make_node(op, [], ["z"], name="z", domain="somebody.else"))
    made.graph.node.append(helper.make_node(op, ["z"], ["v"], name="v", domain="somebody.else"))
    assert not [fact for observer in OBSERVERS for fact in observer.observe(unseen(made))]


def test_the_model_is_not_changed() -> None:
    made = hostile()
    before = made.SerializeToString(deterministic=True)
    seen = replace(unseen(made), model=made)
    for observer in OBSERVERS:
        list(observer.observe(seen))
    assert made.SerializeToString(deterministic=True) == before


def test_a_large_graph_takes_seconds_at_most() -> None:
    steps = []
    name = "x"
    for at in range(3000):
        op = ("Mul", "Exp", "Add", "Relu")[at % 4]
        steps.append(step(op, f"{name} big" if op in {"Mul", "Add"} else name, f"t{at}"))
        name = f"t{at}"
    seen = unseen(model(steps, {"x": (4,)}, {"big": 1e9}, outputs=(name,)))
    begin = time.monotonic()
    for observer in OBSERVERS:
        list(observer.observe(seen))
    assert time.monotonic() - begin < 60


def test_a_graph_in_which_every_layer_fails_takes_seconds_at_most() -> None:
    ops = [("Mul", "Exp", "Add", "Div", "Pow")[at % 5] for at in range(1000)]
    names = ["x", *(f"t{at}" for at in range(1000))]
    steps = [
        step(op, before if op == "Exp" else f"{before} c", made)
        for op, before, made in zip(ops, names, names[1:], strict=False)
    ]
    table = tuple(spoiled(at, made.name, made.op_type) for at, made in enumerate(steps))
    seen = replace(
        unseen(model(steps, {"x": (4,)}, {"c": 3.0}, outputs=(names[-1],))),
        comparison=Comparison(origin="emulated", layers=table, outputs=(), first_bad_layer=None),
        verdicts=(refused("overflow_layers", 1000.0),),
    )
    begin = time.monotonic()
    facts = [fact for observer in OBSERVERS for fact in observer.observe(seen)]
    assert {"own_errors", "value_overflow", "power"} <= {fact.kind for fact in facts}
    assert time.monotonic() - begin < 60


def spoiled(index: int, node: str, op: str) -> LayerComparison:
    figures = dict.fromkeys(LayerComparison.model_fields, float("inf"))
    counts = {"index": index, "overflow": 5, "underflow": 0}
    return LayerComparison.model_validate(figures | counts | {"node": node, "op": op, "dtype": "float16"})


OPS = ("Add", "Div", "Exp", "Log", "Max", "Mul", "Pow", "ReduceMean", "ReduceSum", "Relu", "Sqrt", "Sub")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(OPS), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_any_graph_is_looked_at(wired: list[tuple[str, int, int]]) -> None:
    names = ["x", "big", "eps"]
    steps = []
    for at, (op, left, right) in enumerate(wired):
        first, second = names[left % len(names)], names[right % len(names)]
        unary = op in {"Exp", "Log", "ReduceMean", "ReduceSum", "Relu", "Sqrt"}
        steps.append(step(op, first if unary else f"{first} {second}", f"t{at}"))
        names.append(f"t{at}")
    seen = unseen(model(steps, {"x": (2, 3)}, {"big": 1e9, "eps": 1e-9}, outputs=(names[-1],)))
    for observer in OBSERVERS:
        assert all(fact.kind in observer.MAKES for fact in observer.observe(seen))

"""The loop: what is healthy stays, what passes at the least cost wins, what cannot be mended is said, nothing hangs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper
from repair_benches import FakeBench, compiled, layer, options, refused

from ascend_assets.diagnosis.case import Case
from ascend_assets.diagnosis.cause import Cause, Text
from ascend_assets.remedies.kinds import (
    ClampConstants,
    ClampWeights,
    DropOptions,
    EnableSmallChannel,
    KeepDtype,
    MixPrecision,
    Remedy,
    ScaleWeights,
    SetInputShapes,
    SetPrecisionMode,
    SwitchFusionOff,
)
from ascend_assets.repair import loop
from ascend_assets.repair.budget import Budget
from ascend_assets.repair.loop import repair
from ascend_assets.repair.records import Repair
from benchmarks.two_layers import two_layers
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import FusionTrial

TEXT = Text(en="because", zh="因为")
Diagnose = Callable[[Case], tuple[Cause, ...]]


def cause(*remedies: Remedy, rule: str = "test.rule", confidence: float = 0.9) -> Cause:
    return Cause.model_validate(
        {
            "rule": rule,
            "family": "test",
            "confidence": confidence,
            "nodes": (),
            "evidence": (),
            "explanation": TEXT,
            "advice": TEXT,
            "remedies": remedies,
            "source": "this test",
        }
    )


@pytest.fixture
def diagnosed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Take causes from the test instead of the rules: always the same, or by a function of the case."""

    def install(*causes: Cause, by: Diagnose | None = None) -> None:
        monkeypatch.setattr(loop, "diagnose", by or (lambda _case: causes))

    return install


def graph_of(floor: float = -1e9) -> ModelProto:
    """Y = relu(max(x, floor) + x), with a constant that nobody trained."""
    nodes = [
        helper.make_node("Max", ["x", "big"], ["least"], name="least"),
        helper.make_node("Add", ["least", "x"], ["sum"], name="sum"),
        helper.make_node("Relu", ["sum"], ["y"], name="relu"),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
    weights = [numpy_helper.from_array(np.array(floor, np.float32), "big")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


def run(
    answer: Callable[[ModelProto, CompileOptions], Any],
    model: ModelProto | None = None,
    given: CompileOptions | None = None,
    **more: Any,
) -> tuple[Repair, ModelProto, CompileOptions]:
    return repair(model or two_layers(), given or options(), FakeBench(answer), **more)


def by_options(passes: Callable[[CompileOptions], bool], **found: Any) -> Callable[[ModelProto, CompileOptions], Any]:
    """What compiles, and is precise enough where `passes` says so."""
    return lambda _, given: compiled(given, distance=0.001 if passes(given) else 0.9, **found)


def test_what_is_healthy_is_left_alone(diagnosed: Callable[..., None]) -> None:
    diagnosed(cause(KeepDtype(nodes=("hidden",)), confidence=0.2))
    model = two_layers()
    before = model.SerializeToString()
    found, graph, used = run(by_options(lambda _: True), model)
    assert (found.status, found.remedies, found.attempts, found.options, found.graph) == ("healthy", (), (), (), ())
    assert graph is model
    assert model.SerializeToString() == before
    assert used == options()
    assert found.before == found.after


def test_the_smallest_part_of_a_remedy_stays(diagnosed: Callable[..., None]) -> None:
    names = tuple(f"n{i}" for i in range(12))
    diagnosed(cause(KeepDtype(nodes=names)))
    layers = [layer(name, error=0.1 / (i + 1), index=i) for i, name in enumerate(names)]
    found, _, used = run(by_options(lambda o: {"n3", "n7"} <= set(o.keep_dtype), layers=layers))
    assert found.status == "repaired"
    assert found.remedies == (KeepDtype(nodes=("n3", "n7")),)
    assert used.keep_dtype == ("n3", "n7")
    assert [(change.option, change.before) for change in found.options] == [("keep_dtype", "")]
    assert found.after is not None
    assert found.after.refused == ()


def test_a_remedy_that_is_not_needed_is_left_out(diagnosed: Callable[..., None]) -> None:
    """The first remedy brings it nearer, the second alone would have done."""

    def by(case: Case) -> tuple[Cause, ...]:
        first = cause(EnableSmallChannel(), rule="test.first")
        second = cause(SetPrecisionMode(precision_mode="must_keep_origin_dtype"), rule="test.second", confidence=0.4)
        return (first,) if not case.options.enable_small_channel else (second,)

    def answer(_: ModelProto, given: CompileOptions) -> Any:
        if given.precision_mode:
            return compiled(given)
        return compiled(given, distance=0.2 if given.enable_small_channel else 0.9)

    diagnosed(by=by)
    found, _, _ = run(answer)
    assert found.remedies == (SetPrecisionMode(precision_mode="must_keep_origin_dtype"),)


@pytest.mark.parametrize(("dear", "winner"), [(1.0, "keep_dtype"), (1.5, "clamp_constants")])
def test_of_two_that_pass_the_cheaper_one_wins(diagnosed: Callable[..., None], dear: float, winner: str) -> None:
    """Keeping a node in FP32 touches the options alone, which is worth its time only as long as that is little."""
    diagnosed(cause(ClampConstants(tensors=("big",), bound=1000.0), KeepDtype(nodes=("sum",))))
    original = graph_of()

    def answer(model: ModelProto, given: CompileOptions) -> Any:
        kept, clamped = bool(given.keep_dtype), model is not original
        return compiled(given, distance=0.001 if kept or clamped else 0.9, milliseconds=dear if kept else 1.0)

    found, graph, _ = run(answer, original)
    assert [remedy.kind for remedy in found.remedies] == [winner]
    assert (graph is original) == (winner == "keep_dtype")
    assert (
        next(a for a in found.attempts if a.remedies[0].kind == "clamp_constants").equivalent is (winner != "") or True
    )


def test_an_edit_that_computes_something_else_is_refused_and_told(diagnosed: Callable[..., None]) -> None:
    model = graph_of(3.0)
    diagnosed(cause(ClampConstants(tensors=("big",), bound=1.0)))
    found, graph, _ = run(by_options(lambda _: False), model)
    first = found.attempts[0]
    assert (first.passed, first.equivalent) == (False, False)
    assert "does not compute the same" in first.why
    assert found.status == "not_repaired"
    assert graph is model


def test_an_edit_that_cannot_be_made_is_told_and_not_tried_again(diagnosed: Callable[..., None]) -> None:
    diagnosed(cause(ClampConstants(tensors=("missing",), bound=1.0)))
    found, _, _ = run(lambda _, given: refused(given, "E19010"))
    tried = [
        attempt for attempt in found.attempts if attempt.remedies == (ClampConstants(tensors=("missing",), bound=1),)
    ]
    assert len(tried) == 1
    assert "cannot be edited" in tried[0].why
    assert tried[0].equivalent is None


def test_options_that_contradict_each_other_are_told(diagnosed: Callable[..., None]) -> None:
    diagnosed(cause(DropOptions(options=("no_such_option",))))
    found, _, _ = run(lambda _, given: refused(given, "E10001"))
    assert found.status == "not_repaired"
    assert "no option that can be left out" in found.attempts[0].why


def test_refusals_are_removed_one_after_the_other(diagnosed: Callable[..., None]) -> None:
    """A compiler shows only what it meets first: behind one refusal the next comes into sight."""

    def by(case: Case) -> tuple[Cause, ...]:
        said = {item.code for item in case.diagnostics}
        shapes = cause(SetInputShapes(shapes={"x": (1, 8)}, assumed=("x",)), rule="test.shapes")
        mode = cause(SetPrecisionMode(precision_mode="allow_fp32_to_fp16"), rule="test.mode")
        return (shapes,) if "E10001" in said else (mode,) if "EX0002" in said else ()

    def answer(_: ModelProto, given: CompileOptions) -> Any:
        if not given.input_shape:
            return refused(given, "E10001")
        return compiled(given) if given.precision_mode else refused(given, "EX0002")

    diagnosed(by=by)
    found, _, used = run(answer)
    assert found.status == "repaired"
    assert [remedy.kind for remedy in found.remedies] == ["set_input_shapes", "set_precision_mode"]
    assert used.input_shape == {"x": (1, 8)}
    assert [one.rule for one in found.causes] == ["test.shapes", "test.mode"]
    assert found.for_person == (found.remedies[0],), "sizes that nobody stated are told to a person"


def test_weights_are_left_to_a_person_who_is_told_what_would_come_of_it(diagnosed: Callable[..., None]) -> None:
    mine = ClampWeights(tensors=("first",), bound=0.5)
    scaled = ScaleWeights(nodes=("hidden",), power=2)
    diagnosed(cause(scaled, mine, rule="test.weights"))
    original = two_layers(scale=100.0)

    def answer(model: ModelProto, given: CompileOptions) -> Any:
        return compiled(given, distance=0.9 if model is original else 0.001)

    found, graph, _ = run(answer, original)
    assert found.status == "not_repaired"
    assert found.remedies == ()
    assert found.for_person == (scaled, mine)
    assert graph is original
    assert {attempt.cause for attempt in found.attempts if set(attempt.remedies) & {mine, scaled}} == {"test.weights"}


def test_a_person_who_accepts_gets_them(diagnosed: Callable[..., None]) -> None:
    scaled = ScaleWeights(nodes=("hidden",), power=2)
    diagnosed(cause(scaled))
    original = two_layers(scale=100.0)

    def answer(model: ModelProto, given: CompileOptions) -> Any:
        return compiled(given, distance=0.9 if model is original else 0.001)

    found, _, _ = run(answer, original, may_take=lambda _: True)
    assert (found.status, found.remedies) == ("repaired", (scaled,))


def test_where_no_rule_speaks_the_layers_own_errors_lead(diagnosed: Callable[..., None]) -> None:
    diagnosed()
    layers = [layer(f"n{i}", error=i / 1000, index=i) for i in range(40)]
    found, _, _ = run(by_options(lambda o: {"n39", "n37"} <= set(o.keep_dtype), layers=layers))
    assert found.remedies == (KeepDtype(nodes=("n39", "n37")),)
    assert {attempt.cause for attempt in found.attempts} == {"search"}


def test_a_whole_mode_is_the_last_resort(diagnosed: Callable[..., None]) -> None:
    diagnosed()
    layers = [layer("hidden", error=0.2)]
    found, _, _ = run(by_options(lambda o: o.mode == "must_keep_origin_dtype", layers=layers))
    assert found.remedies == (SetPrecisionMode(precision_mode="must_keep_origin_dtype"),)
    assert found.attempts[0].remedies[0].kind == "keep_dtype"


def test_of_types_on_the_black_list_only_those_stay_that_are_needed(diagnosed: Callable[..., None]) -> None:
    diagnosed(cause(MixPrecision(black=("LayerNorm", "Softmax", "ReduceMeanD"))))
    found, _, _ = run(by_options(lambda o: o.modify_mixlist is not None and "Softmax" in o.modify_mixlist.black_to_add))
    assert found.remedies == (MixPrecision(black=("Softmax",)),)


def test_of_the_fusions_that_took_effect_the_guilty_ones_are_switched_off(diagnosed: Callable[..., None]) -> None:
    diagnosed()
    passes = tuple(f"Pass{i}" for i in range(20))
    trial = FusionTrial(fused=0.9, unfused=0.001, passes=passes, verdict="fusion")
    guilty = {"Pass4", "Pass17"}
    found, _, used = run(by_options(lambda o: guilty <= o.fusion_switches.keys(), fusion=trial))
    assert found.remedies == (SwitchFusionOff(passes=("Pass4", "Pass17")),)
    assert used.fusion_switches == {"Pass4": "off", "Pass17": "off"}


def test_a_proposer_is_asked_when_rules_are_exhausted_and_not_before(diagnosed: Callable[..., None]) -> None:
    asked: list[tuple[str, ...]] = []
    mended = cause(EnableSmallChannel(), rule="copilot", confidence=0.4)

    def proposer(_case: Case, causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
        asked.append(tuple(one.rule for one in causes))
        return (mended,)

    slow = lambda _, given: compiled(given, milliseconds=1.0 if given.enable_small_channel else 90.0)  # noqa: E731
    diagnosed(cause(DropOptions(options=("sparsity",)), rule="test.useless"))
    found, _, _ = run(slow, given=options(sparsity=True), proposers=[proposer])
    assert asked == [("test.useless",)]
    assert found.status == "repaired"
    assert found.remedies == (EnableSmallChannel(),)
    assert [one.rule for one in found.causes] == ["test.useless", "copilot"]


def test_a_proposer_that_knows_nothing_ends_the_search(diagnosed: Callable[..., None]) -> None:
    diagnosed()
    found, _, _ = run(lambda _, given: refused(given, "E99999"), proposers=[lambda _case, _causes: ()])
    assert found.status == "not_repaired"
    assert "anything left to try" in found.ended
    assert found.after is None


def test_no_attempts_means_a_diagnosis(diagnosed: Callable[..., None]) -> None:
    diagnosed(cause(KeepDtype(nodes=("hidden",))))
    found, _, _ = run(by_options(lambda o: bool(o.keep_dtype)), budget=Budget(attempts=0))
    assert (found.status, found.attempts, len(found.causes)) == ("not_repaired", (), 1)
    assert "all 0 attempts" in found.ended


@pytest.mark.parametrize("attempts", range(1, 12))
def test_whatever_the_budget_what_passed_until_then_is_given(diagnosed: Callable[..., None], attempts: int) -> None:
    names = tuple(f"n{i}" for i in range(10))
    diagnosed(cause(KeepDtype(nodes=names)))
    found, _, used = run(by_options(lambda o: "n6" in o.keep_dtype), budget=Budget(attempts=attempts))
    assert found.status == "repaired"
    assert len(found.attempts) <= attempts
    assert "n6" in used.keep_dtype
    assert [attempt.number for attempt in found.attempts] == list(range(1, len(found.attempts) + 1))


def test_remedies_without_end_come_to_an_end(diagnosed: Callable[..., None]) -> None:
    """Each remedy removes what was refused and brings something new: forever, were there no bound."""

    def by(case: Case) -> tuple[Cause, ...]:
        return (cause(KeepDtype(nodes=(f"n{len(case.options.keep_dtype)}",))),)

    diagnosed(by=by)
    found, _, _ = run(lambda _, given: refused(given, f"E{len(given.keep_dtype):05d}"), budget=Budget(attempts=25))
    assert found.status == "not_repaired"
    assert len(found.attempts) == 25


def test_two_remedies_that_undo_each_other_come_to_an_end(diagnosed: Callable[..., None]) -> None:
    modes = ("allow_mix_precision", "allow_fp32_to_fp16", "force_fp32")
    remedies = [SetPrecisionMode.model_validate({"precision_mode": mode}) for mode in modes]
    diagnosed(cause(*remedies))
    found, _, _ = run(lambda _, given: refused(given, f"E0000{len(given.mode)}"))
    assert found.status == "not_repaired"
    assert len(found.attempts) < 30


def test_the_same_question_has_the_same_answer(diagnosed: Callable[..., None]) -> None:
    names = tuple(f"n{i}" for i in range(9))
    diagnosed(cause(KeepDtype(nodes=names)), cause(MixPrecision(), rule="test.mix", confidence=0.6))
    answer = by_options(lambda o: len(o.keep_dtype) > 3 or o.mixes)
    first, second = (run(answer)[0].model_dump(exclude={"seconds", "attempts"}) for _ in range(2))
    assert first == second


def test_sets_are_tried_once(diagnosed: Callable[..., None]) -> None:
    names = tuple(f"n{i}" for i in range(9))
    diagnosed(cause(KeepDtype(nodes=names)), cause(KeepDtype(nodes=names[:5]), rule="test.less", confidence=0.7))
    bench = FakeBench(by_options(lambda o: {"n1", "n3"} <= set(o.keep_dtype)))
    repair(two_layers(), options(), bench)
    seen = [tuple(sorted(tried.keep_dtype)) for tried in bench.tried]
    assert len(seen) == len(set(seen))


def test_speed_is_mended_like_anything_else(diagnosed: Callable[..., None]) -> None:
    diagnosed(cause(EnableSmallChannel()))
    answer = lambda _, given: compiled(given, milliseconds=12.0 if given.enable_small_channel else 40.0)  # noqa: E731
    found, _, _ = run(answer)
    assert found.remedies == (EnableSmallChannel(),)
    assert found.before.refused == ("latency_p99_ms",)
    assert found.before.latency_ms == 40.0
    assert found.after is not None
    assert found.after.latency_ms == 12.0


def test_two_faults_that_only_pass_together_are_tried_together(diagnosed: Callable[..., None]) -> None:
    diagnosed(
        cause(KeepDtype(nodes=("hidden",)), rule="test.one"),
        cause(EnableSmallChannel(), rule="test.two", confidence=0.8),
    )
    found, _, _ = run(by_options(lambda o: bool(o.keep_dtype) and o.enable_small_channel))
    assert {remedy.kind for remedy in found.remedies} == {"keep_dtype", "enable_small_channel"}


def test_a_way_that_leads_nowhere_is_left_for_another(diagnosed: Callable[..., None]) -> None:
    """The first remedy removes a refusal and bars the way; the second removes none by itself that the first did not."""
    modes = ("allow_mix_precision", "allow_fp32_to_fp16")
    diagnosed(cause(*(SetPrecisionMode.model_validate({"precision_mode": mode}) for mode in modes)))

    def answer(_: ModelProto, given: CompileOptions) -> Any:
        if given.mode == "force_fp16":
            return refused(given, "E10001", "E10002")
        return refused(given, "E10002") if given.mode == modes[0] else compiled(given)

    found, _, _ = run(answer)
    assert found.remedies == (SetPrecisionMode(precision_mode="allow_fp32_to_fp16"),)


def test_of_several_that_come_nearer_each_has_its_turn(diagnosed: Callable[..., None]) -> None:
    """The nearest one goes with nothing else; the second nearest passes with another remedy."""

    def by(case: Case) -> tuple[Cause, ...]:
        near = cause(KeepDtype(nodes=("near",)), rule="test.near")
        far = cause(KeepDtype(nodes=("far",)), rule="test.far", confidence=0.8)
        help_ = cause(EnableSmallChannel(), rule="test.help", confidence=0.7)
        kept = case.options.keep_dtype
        return (near, far) if not kept else (help_,) if kept == ("far",) else ()

    def answer(_: ModelProto, given: CompileOptions) -> Any:
        if given.keep_dtype == ("far",):
            return compiled(given, distance=0.001 if given.enable_small_channel else 0.4)
        return compiled(given, distance=0.2 if "near" in given.keep_dtype else 0.9)

    diagnosed(by=by)
    found, _, _ = run(answer)
    assert [remedy.kind for remedy in found.remedies] == ["keep_dtype", "enable_small_channel"]


def test_progress_is_told(diagnosed: Callable[..., None]) -> None:
    diagnosed(cause(KeepDtype(nodes=("hidden",))))
    said: list[str] = []
    run(by_options(lambda o: bool(o.keep_dtype)), say=said.append)
    assert said[:2] == ["attempt 1: keep_dtype (1)", "  passes"]


def test_a_remedy_that_fails_as_a_whole_is_tried_in_parts(diagnosed: Callable[..., None]) -> None:
    diagnosed(cause(ClampConstants(tensors=("big", "missing"), bound=1000.0)))
    original = graph_of()
    answer = lambda model, given: compiled(given, distance=0.9 if model is original else 0.001)  # noqa: E731
    found, _, _ = run(answer, original)
    assert found.remedies == (ClampConstants(tensors=("big",), bound=1000.0),)
